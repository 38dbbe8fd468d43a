using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Flow.Limits;
using Weir.Inference.Limits;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Tests.Inference.Limits;

/// <summary>Replicas that share one limit over one store, each with its own way there; a test is the clock and the loops.</summary>
internal sealed class LimitFleet : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly IStateStore _store;
    private readonly TimeProvider _time;
    private readonly Random? _random;
    private readonly List<Replica> _replicas = [];

    public LimitFleet(IStateStore store, TimeProvider time, int replicas, Random? random = null)
    {
        (_store, _time, _random) = (store, time, random);
        for (var i = 0; i < replicas; i++)
            Add();
    }

    public IReadOnlyList<Replica> Replicas => _replicas;

    /// <summary>All replicas know each other, and have for a minute.</summary>
    private void Add()
    {
        var replica = new Replica(new SharedStore(_store, _random), new ReplicaView($"r{_replicas.Count}"), _time, _services.GetRequiredService<IMeterFactory>());
        _replicas.Add(replica);
        var now = _store.Clock.Now;
        Document[] documents = [.. _replicas.Select(r => new Document(ReplicaView.KeyPrefix + r.View.Id, 1, default, now + TimeSpan.FromDays(1)))];
        foreach (var one in _replicas)
        {
            one.View.Announced(1, now - TimeSpan.FromMinutes(10));
            one.View.Read(new Feed.Snapshot(1, documents), now);
        }
    }

    public void Dispose()
    {
        foreach (var replica in _replicas)
            replica.Windows.Dispose();
        _services.Dispose();
    }

    internal sealed class Replica(SharedStore store, ReplicaView view, TimeProvider time, IMeterFactory meters)
    {
        public SharedStore Store => store;

        public ReplicaView View => view;

        public SharedWindows Windows { get; } = new(store, view, new LimitMetrics(meters), time, NullLogger<SharedWindows>.Instance);

        public PrepaidWindow Open(long limit, Action? replenished = null) => Windows.Open("w", limit, replenished);

        public Task RefillAsync() => Windows.RefillAsync(CancellationToken.None);
    }
}
