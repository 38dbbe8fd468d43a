using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Brokers over one store in memory, whose time moves only when a test says so. What workers ask of them they ask of a <see cref="LeaseReplica"/>.</summary>
internal sealed class BrokerFleet : IAsyncDisposable
{
    private readonly List<LeaseReplica> _replicas = [];

    public BrokerFleet() => Store = new MemoryStateStore(new StateOptions(), Time);

    public ManualTimeProvider Time { get; } = new();

    public MemoryStateStore Store { get; }

    /// <param name="id">Its own among the replicas.</param>
    /// <param name="store">Its way to the store. Null: one that nothing happens to, and that says of the store that nobody else is there.</param>
    public async Task<LeaseReplica> StartAsync(string id, SharedStore? store = null)
    {
        var replica = await LeaseReplica.StartAsync(store ?? (IStateStore)Store, Time, id);
        _replicas.Add(replica);
        return replica;
    }

    /// <summary>Two that know of each other, each with a way to the store of its own.</summary>
    public async Task<(LeaseReplica A, LeaseReplica B)> StartTwoAsync()
    {
        var (a, b) = (await StartAsync("a", new SharedStore(Store)), await StartAsync("b", new SharedStore(Store)));
        await Time.UntilAsync(() => a.Replicas.Current.Count == 2 && b.Replicas.Current.Count == 2);
        return (a, b);
    }

    public Task DefineAsync(string kind, KindOptions options) => LeaseReplica.DefineAsync(Store, kind, options);

    /// <summary>Removes a kind's definition; its resources stay.</summary>
    public async Task EndKindAsync(string kind)
    {
        var defined = (await Store.ReadAsync(LeaseReplica.Partition, LeaseDocuments.Kinds + kind))!;
        await CommitAsync(new Write(defined.Key, defined.Version, null));
    }

    /// <summary>Changes resources as something else than a broker would, and waits until every replica has read it.</summary>
    /// <param name="resources">What their ids begin with.</param>
    /// <param name="change">Given each as it is.</param>
    public async Task ChangeAsync(string resources, Func<ResourceRecord, ResourceRecord> change)
    {
        foreach (var document in await Store.ListAsync(LeaseReplica.Partition, LeaseDocuments.Resources + resources, limit: 100))
            await CommitAsync(new Write(document.Key, document.Version, LeaseDocuments.Write(change(LeaseDocuments.ReadResource(document.Body.Span)!))));
    }

    /// <summary>Puts what is being reset to use again, as upkeep does.</summary>
    public Task CleanAsync() => LeaseReplica.CleanAsync(Store);

    /// <summary>Everything that is stored, as one commit left it.</summary>
    public Task<FleetState> StateAsync() => LeaseReplica.ReadAsync(Store);

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await Store.DisposeAsync();
    }

    private async Task CommitAsync(Write write)
    {
        var outcome = (await Store.CommitAsync(new Commit(LeaseReplica.Partition) { Writes = [write] })).ShouldBeOfType<CommitOutcome.Committed>();
        foreach (var replica in _replicas)
            (await replica.View.WhenAsync(outcome.Revision, TimeSpan.FromSeconds(30), default)).ShouldBeTrue();
    }
}
