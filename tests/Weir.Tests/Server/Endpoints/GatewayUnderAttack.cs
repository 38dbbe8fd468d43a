using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>A whole server on a socket with two routes: <c>fast</c> leads to the provider under test, <c>good</c> to one that behaves.</summary>
internal sealed class GatewayUnderAttack : IAsyncDisposable
{
    public const int MaxBody = 256 * 1024;

    private readonly ScriptedUpstream _good = new();

    private GatewayUnderAttack(RunningServer server, ScriptedUpstream good) => (Server, _good) = (server, good);

    public RunningServer Server { get; }

    public Uri Address => Server.Address;

    public static async Task<GatewayUnderAttack> StartAsync(string baseUrl, ProviderOptions? settings = null)
    {
        var good = new ScriptedUpstream();
        settings ??= new ProviderOptions { Retry = new RetryOptions { Network = 0, Unavailable = 0 } };
        var server = await RunningServer.StartAsync(new()
        {
            Sockets = true,
            Weir = new WeirOptions
            {
                Server = new ServerOptions { MaxBody = new ByteSize(MaxBody), Drain = TimeSpan.Zero },
                Providers = new Dictionary<string, ProviderOptions>
                {
                    ["a"] = settings with { BaseUrl = baseUrl, ApiKey = "sk-secret-a" },
                    ["b"] = new() { BaseUrl = good.BaseUrl },
                },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = To("a"), ["good"] = To("b") },
            },
        });
        return new GatewayUnderAttack(server, good);
    }

    public Task<RawAnswer> ChatAsync(string extra = "", string headers = "", string model = "fast") =>
        RawClient.ChatAsync(Address, $$"""{"model":"{{model}}","messages":[]{{extra}}}""", headers);

    /// <summary>The client beside the one that misbehaves gets its answer.</summary>
    public async Task OthersAreServedAsync() => (await ChatAsync(model: "good")).Status.ShouldBe(200);

    /// <summary>Whatever has happened, nothing is left of it.</summary>
    public async Task NothingIsInFlightAsync()
    {
        await Eventually.TrueAsync(() => Server.Service<Drain>().InFlight == 0);
        Server.Service<KeyRing>().Loopback.State.InFlight.ShouldBe(0);
        foreach (var route in Server.Service<RouteTables>().Current.Routes.Values)
        {
            foreach (var deployment in route.Deployments)
            {
                deployment.State.Lane.Load.ShouldBe(0);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _good.DisposeAsync();
    }

    private static RouteOptions To(string provider) => new() { Deployments = [new() { Provider = provider, Model = "m" }] };
}
