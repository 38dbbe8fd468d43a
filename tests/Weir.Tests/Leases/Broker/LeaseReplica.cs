using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Replicas;
using Weir.Tests.Leases.Doors;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>A broker over a store, with nothing around it: what one replica does about leases.</summary>
internal sealed class LeaseReplica : IAsyncDisposable
{
    public const string Partition = "leases:test";

    /// <summary>Whoever asks where a test does not say who.</summary>
    public static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly ServiceProvider _services;
    private readonly List<IHostedService> _running = [];

    private LeaseReplica(IStateStore store, TimeProvider time, ReplicaView view)
    {
        (Store, Replicas) = (store, view);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(time);
        services.AddSingleton(store);
        services.AddSingleton(view);
        services.AddSingleton<IHomes>(Homes);
        services.AddSingleton<IKindCalls, DirectCalls>();
        services.AddSingleton<ISessionRights>(Keys);
        services.AddResourceKind<SlotKind>();
        services.AddResourceKind(DeskKind.Sort, _ => Desk);
        if (store.IsShared)
            services.AddHostedService<ReplicaAnnouncer>();
        services.AddLeases("test");
        _services = services.BuildServiceProvider();
    }

    public IStateStore Store { get; }

    public ReplicaView Replicas { get; }

    public TestHomes Homes { get; } = new();

    public DeskKind Desk { get; } = new();

    public FakeKeys Keys { get; } = new();

    public ILeaseBroker Broker => _services.GetRequiredService<ILeaseBroker>();

    public FleetView View => _services.GetRequiredService<FleetView>();

    public LeaseMetrics Metrics => _services.GetRequiredService<LeaseMetrics>();

    public static async Task<LeaseReplica> StartAsync(IStateStore store, TimeProvider time, string id = "a")
    {
        var replica = new LeaseReplica(store, time, new ReplicaView(id));
        foreach (var service in replica._services.GetServices<IHostedService>())
        {
            await service.StartAsync(CancellationToken.None);
            replica._running.Add(service);
        }

        await replica.View.Known.WaitAsync(TimeSpan.FromSeconds(30));
        return replica;
    }

    /// <summary>Stops one of the things that go on by themselves.</summary>
    public async Task StopAsync<TService>()
        where TService : IHostedService
    {
        var service = _running.OfType<TService>().ShouldHaveSingleItem();
        _running.Remove(service);
        await service.StopAsync(CancellationToken.None);
    }

    /// <summary>What worker <c>w</c> asks for, and holds and waits for longer than a test does.</summary>
    public static LeaseRequest Request(params (string Kind, int Count)[] demands) => new()
    {
        WorkerId = "w", Demands = [.. demands.Select(demand => new LeaseDemand(demand.Kind, demand.Count, null))], Wait = TimeSpan.FromHours(1), Ttl = TimeSpan.FromHours(2),
    };

    public Task<LeaseAnswer> AskAsync(params (string Kind, int Count)[] demands) => AskAsync(Request(demands));

    public Task<LeaseAnswer> AskAsync(LeaseRequest request, LeaseAsker? asker = null, CancellationToken client = default) => Broker.AllocateAsync(asker ?? Asker, request, client);

    public Task<Stored<LeaseRecord>> GotAsync(params (string Kind, int Count)[] demands) => GotAsync(Request(demands));

    /// <summary>Asks for what there is, and has it.</summary>
    public async Task<Stored<LeaseRecord>> GotAsync(LeaseRequest request, LeaseAsker? asker = null)
    {
        var answer = await AskAsync(request, asker).WaitAsync(TimeSpan.FromSeconds(30));
        answer.Error?.Message.ShouldBeNull();
        return answer.Lease!;
    }

    public async Task ReleaseAsync(Stored<LeaseRecord> lease, LeaseAsker? asker = null) => (await Broker.ReleaseAsync(asker ?? Asker, lease.Value.Id, null, null, default)).ShouldBeNull();

    /// <summary>Until so many wait, here or elsewhere, as this replica has read.</summary>
    public Task WaitingAsync(int count) => Eventually.TrueAsync(() => View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting) == count);

    /// <summary>As this replica has read by now.</summary>
    public bool HasEnded(string lease) => View.Lease(lease) is { Value.HasEnded: true };

    /// <summary>Stops all that goes on by itself; what is being committed is not waited for, as in a process that dies.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var service in Enumerable.Reverse(_running))
            await service.StopAsync(CancellationToken.None);
        _running.Clear();
    }

    /// <summary>Writes a kind and its resources down, as upkeep does.</summary>
    public static async Task DefineAsync(IStateStore store, string name, KindOptions options)
    {
        var kind = await store.ReadAsync(Partition, LeaseDocuments.Kinds + name);
        var writes = new List<Write> { new(LeaseDocuments.Kinds + name, kind?.Version ?? 0, LeaseDocuments.Write(new KindRecord(name, options))) };
        for (var slot = 0; slot < options.Capacity; slot++)
        {
            var id = $"{name}.{slot}";
            if (await store.ReadAsync(Partition, LeaseDocuments.Resources + id) is null)
                writes.Add(new Write(LeaseDocuments.Resources + id, 0, LeaseDocuments.Write(new ResourceRecord { Id = id, Kind = name, Slot = $"{slot}", State = ResourceState.Free })));
        }

        (await store.CommitAsync(new Commit(Partition) { Writes = writes })).ShouldBeOfType<CommitOutcome.Committed>();
    }

    /// <summary>Puts what is being reset to use again, as upkeep does.</summary>
    public static async Task CleanAsync(IStateStore store)
    {
        foreach (var document in await store.ListAsync(Partition, LeaseDocuments.Resources, limit: 1000))
        {
            if (LeaseDocuments.ReadResource(document.Body.Span) is { State: ResourceState.Resetting } resource)
                await store.CommitAsync(new Commit(Partition) { Writes = [new Write(document.Key, document.Version, LeaseDocuments.Write(resource with { State = ResourceState.Free, Claim = null }))] });
        }
    }

    /// <summary>Reads everything as one commit left it.</summary>
    public static async Task<FleetState> ReadAsync(IStateStore store)
    {
        var documents = await store.ListAsync(Partition, "", limit: 10_000);
        var state = new FleetState();
        foreach (var document in documents)
            state.Put(document.Key, document);
        return state;
    }
}
