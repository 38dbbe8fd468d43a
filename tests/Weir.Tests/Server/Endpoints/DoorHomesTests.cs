using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Leases.Doors;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Two servers over one store: a resource lives on one of them, and both serve it.</summary>
public sealed class DoorHomesTests : IAsyncLifetime
{
    private readonly MemoryStateStore _store = new(new StateOptions(), TimeProvider.System);
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false });
    private DoorServer _home = null!;
    private DoorServer _other = null!;

    public async ValueTask InitializeAsync()
    {
        _home = await StartAsync();
        _other = await StartAsync();
        await Eventually.TrueAsync(() => _other.Homes.IsThere(_home.Homes.Own) && _home.Homes.IsThere(_other.Homes.Own));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _home.DisposeAsync();
        await _other.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task KindCalls_FromElsewhere_AreDoneAtHome()
    {
        var resource = await LeaseAsync(LeaseState.Granted);

        var (details, unready) = await _other.Calls.InitialiseAsync(resource, JsonDocument.Parse("""{"size":7}""").RootElement, CancellationToken.None);
        unready.ShouldBeNull();
        details!.Value.GetProperty("by").GetString().ShouldBe(_home.Homes.Own);
        details.Value.GetProperty("config").GetString().ShouldBe("""{"size":7}""");
        (await _other.Calls.InitialiseAsync(resource, JsonDocument.Parse("\"bad\"").RootElement, CancellationToken.None)).Error.ShouldBe(new LeaseError(422, "invalid_value", "no") { Param = "size" });

        var (seen, unseen) = await _other.Calls.ObserveAsync(resource, CancellationToken.None);
        unseen.ShouldBeNull();
        seen!.Text.ShouldBe(_home.Homes.Own);
        seen.Screenshot!.Value.ToArray().ShouldBe([1, 2, 3]);

        var used = await _other.Calls.UseAsync(resource, new KindCall("echo/a b", JsonDocument.Parse("[1]").RootElement), CancellationToken.None);
        used.Error.ShouldBeNull();
        System.Text.Encoding.UTF8.GetString(used.Body.Span).ShouldBe($"{_home.Homes.Own} POST echo/a b [1]");
        (await _other.Calls.UseAsync(resource, new KindCall("break", null), CancellationToken.None)).Error!.Status.ShouldBe(418);
    }

    [Fact]
    public async Task Door_OfAnotherHome_HandsOnAndARightForUseGivesNoneForPreparing()
    {
        var resource = await LeaseAsync(LeaseState.Ready);

        using var request = _other.Request(HttpMethod.Post, "box.h.0", "l1", resource.Session.Fence, "/echo/x", new StringContent("[2]"));
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        (await answer.Content.ReadAsStringAsync()).ShouldBe($"{_home.Homes.Own} POST echo/x [2]");

        using var preparing = _home.Request(HttpMethod.Post, "box.h.0", "l1", resource.Session.Fence, "/-/observe");
        using var refused = await _client.SendAsync(preparing, CancellationToken.None);
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Home_ThatIsNotThere_IsSaidToBeAway()
    {
        await _other.Fleet.DefineAsync("box", new KindOptions());
        var fence = await _other.Fleet.GrantAsync("box.h.1", "l2", home: "gone");
        var resource = new LeasedResource(
            new ResourceRecord { Id = "box.h.1", Kind = "box", Slot = "h.1", Home = "gone", State = ResourceState.Leased, Lease = "l2" }, new KindOptions(), new LeaseSession("l2", fence, "w1", "t1", "k1"), null);

        (await _other.Calls.ObserveAsync(resource, CancellationToken.None)).Error!.Code.ShouldBe("home_away");
        using var request = _other.Request(HttpMethod.Get, "box.h.1", "l2", fence, "/x");
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await answer.Content.ReadAsStringAsync()).ShouldContain("home_away");
    }

    private async Task<LeasedResource> LeaseAsync(LeaseState state)
    {
        await _other.Fleet.DefineAsync("box", new KindOptions());
        var fence = await _other.Fleet.GrantAsync("box.h.0", "l1", home: _home.Homes.Own, state: state);
        await _home.Fleet.ReadAllAsync();
        await _other.Fleet.ReadAllAsync();
        return new LeasedResource(
            new ResourceRecord { Id = "box.h.0", Kind = "box", Slot = "h.0", Home = _home.Homes.Own, State = ResourceState.Leased, Lease = "l1" },
            new KindOptions(), new LeaseSession("l1", fence, "w1", "t1", "k1"), null);
    }

    private Task<DoorServer> StartAsync() => DoorServer.StartAsync(
        new WatchedStore(_store) { IsShared = true },
        services => services.AddResourceKind(new KindSort("box"), provider => new HomedKind(provider)),
        new WeirOptions { Server = new ServerOptions { Url = $"http://127.0.0.1:{FreePort.Next()}" } });

    private sealed class HomedKind(IServiceProvider services) : ResourceKind
    {
        private string Home => services.GetRequiredService<Weir.Leases.Doors.IHomes>().Own;

        public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) => ValueTask.FromResult(
            config is { ValueKind: JsonValueKind.String }
                ? KindResult.Failed<JsonElement?>(new LeaseError(422, "invalid_value", "no") { Param = "size" })
                : KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["by"] = Home, ["config"] = config?.GetRawText() ?? "" })));

        public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
            ValueTask.FromResult(KindResult.Of<Observation?>(new Observation { Text = Home, Screenshot = new byte[] { 1, 2, 3 } }));

        public override ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) => ValueTask.FromResult(
            call.Verb == "break"
                ? KindReply.Failed(new LeaseError(418, "teapot", "short and stout"))
                : new KindReply { ContentType = "text/plain", Body = System.Text.Encoding.UTF8.GetBytes($"{Home} {call.Method} {call.Verb} {call.Body?.GetRawText()}") });
    }
}
