using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Server.Configuration;
using Weir.State;
using Weir.Tests.Leases.Doors;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>A server with doors alone, over sockets; what stands behind them is the test's.</summary>
internal sealed class DoorServer : IAsyncDisposable
{
    private readonly RunningServer _server;

    private DoorServer(RunningServer server, StoredFleet fleet) => (_server, Fleet) = (server, fleet);

    public StoredFleet Fleet { get; }

    public Uri Address => _server.Address;

    public IDoors Doors => _server.Service<IDoors>();

    public IKindCalls Calls => _server.Service<IKindCalls>();

    public IHomes Homes => _server.Service<IHomes>();

    public RunningServer Running => _server;

    public static async Task<DoorServer> StartAsync(IStateStore store, Action<IServiceCollection>? customize = null, WeirOptions? options = null)
    {
        var fleet = new StoredFleet(store, TimeProvider.System);
        var server = await RunningServer.StartAsync(new()
        {
            Sockets = true,
            Store = store,
            Weir = options ?? new WeirOptions(),
            Customize = builder =>
            {
                builder.Services.AddSingleton<IFleetView>(fleet);
                customize?.Invoke(builder.Services);
            },
        });
        return new DoorServer(server, fleet);
    }

    /// <summary>A request to a door with its token.</summary>
    public HttpRequestMessage Request(HttpMethod method, string resource, string lease, long fence, string path, HttpContent? body = null)
    {
        var request = new HttpRequestMessage(method, new Uri(Address, $"/doors/{resource}{path}")) { Content = body };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + Doors.TokenOf(resource, lease, fence));
        return request;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await Fleet.DisposeAsync();
    }
}

/// <summary>What stands behind a door: a real server on loopback.</summary>
internal sealed class Upstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Upstream(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    public static async Task<Upstream> StartAsync(RequestDelegate serve)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, FreePort.Next(), listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.AddServerHeader = false;
        });
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(serve);
        await app.StartAsync();
        return new Upstream(app);
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
