using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Flow.Limits;
using Weir.Inference.Limits;
using Weir.State;
using Weir.State.Replicas;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Limits;

/// <summary>Three replicas over a real Redis, their loops running, many threads at each.</summary>
public sealed class SharedWindowsRedisTests : IAsyncLifetime
{
    private const int Limit = 900;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<Replica> _replicas = [];
    private RedisServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        for (var i = 0; i < 3; i++)
            _replicas.Add(await Replica.StartAsync($"r{i}", _server.Url, _services.GetRequiredService<IMeterFactory>()));
        await Eventually.TrueAsync(() => _replicas.All(replica => replica.View.Current.Count == 3));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _server.DisposeAsync();
        await _services.DisposeAsync();
    }

    [Fact]
    public async Task TryTake_ManyThreadsAndAPauseOfRedis_HoldsTheLimitAndGoesOn()
    {
        var windows = _replicas.Select(replica => replica.Windows.Open("w", Limit)).ToList();
        var taken = 0;
        var ends = new CancellationTokenSource();
        var workers = windows.SelectMany(window => Enumerable.Range(0, 2).Select(n => Task.Run(async () =>
        {
            while (!ends.IsCancellationRequested)
            {
                if (window.TryTake(1, out _))
                    Interlocked.Increment(ref taken);
                else
                    await Task.Delay(1);
            }
        }))).ToList();
        try
        {
            // The first minute has not passed, so that all of it counts.
            await Eventually.TrueAsync(() => Volatile.Read(ref taken) > Limit * 3 / 4);
            await Task.Delay(500);
            Volatile.Read(ref taken).ShouldBeLessThanOrEqualTo(Limit);

            _server.Pause();
            await Eventually.TrueAsync(() => _replicas.All(replica => replica.Windows.IsAway));
            _server.Continue();
            await Eventually.TrueAsync(() => _replicas.All(replica => !replica.Windows.IsAway));
            Volatile.Read(ref taken).ShouldBeLessThan(2 * Limit);
            _replicas.ShouldAllBe(replica => replica.View.Current.Count == 3);
        }
        finally
        {
            await ends.CancelAsync();
            await Task.WhenAll(workers);
        }
    }

    private sealed class Replica(IStateStore store, ReplicaView view, ReplicaAnnouncer announcer, SharedWindows windows) : IAsyncDisposable
    {
        public ReplicaView View => view;

        public SharedWindows Windows => windows;

        public static async Task<Replica> StartAsync(string id, string url, IMeterFactory meters)
        {
            var store = await StateStores.OpenAsync(new StateOptions { Store = url });
            var view = new ReplicaView(id);
            var announcer = new ReplicaAnnouncer(store, view, TimeProvider.System, NullLogger<ReplicaAnnouncer>.Instance);
            var windows = new SharedWindows(store, view, new LimitMetrics(meters), TimeProvider.System, NullLogger<SharedWindows>.Instance);
            await announcer.StartAsync(CancellationToken.None);
            await windows.StartAsync(CancellationToken.None);
            return new Replica(store, view, announcer, windows);
        }

        public async ValueTask DisposeAsync()
        {
            await windows.StopAsync(CancellationToken.None);
            await announcer.StopAsync(CancellationToken.None);
            windows.Dispose();
            announcer.Dispose();
            await store.DisposeAsync();
        }
    }
}
