using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.State;
using Weir.State.Memory;
using Weir.State.Replicas;
using Weir.Tests.Leases.Broker;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>Replicas over one store whose time moves only when a test waits for something.</summary>
internal sealed class UpkeepFleet : IAsyncDisposable
{
    public const string Name = "default";

    private readonly List<UpkeepReplica> _replicas = [];

    public UpkeepFleet() => Store = new MemoryStateStore(new StateOptions(), Time);

    public ManualTimeProvider Time { get; } = new();

    public MemoryStateStore Store { get; }

    /// <summary>The homes that are there.</summary>
    public ConcurrentDictionary<string, bool> Homes { get; } = new();

    public IFleetView View => _replicas[^1].View;

    public async Task<UpkeepReplica> StartAsync(string home, int seed = 1, BoxKind? boxes = null, IStateStore? store = null, Action<IServiceCollection>? configure = null)
    {
        var replica = new UpkeepReplica(this, home, seed, boxes ?? new BoxKind(), store ?? Store, configure);
        _replicas.Add(replica);
        Homes[home] = true;
        await replica.StartAsync();
        return replica;
    }

    public async Task StopAsync(UpkeepReplica replica)
    {
        _replicas.Remove(replica);
        Homes.TryRemove(replica.Home, out _);
        await replica.DisposeAsync();
    }

    /// <summary>Moves time on until something is so.</summary>
    public async Task UntilAsync(Func<bool> condition, string? what = null)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(5_000, what ?? $"it did not come true: {string.Join("; ", View.Resources().Select(resource => resource.Value))} {string.Join("; ", _replicas.SelectMany(replica => replica.Logs.Lines).Select(line => line.Text))}");
            await PassAsync(TimeSpan.FromMilliseconds(i < 200 ? 5 : 250));
            // By now it is a thread that does not get its turn, rather than a clock that has not come far enough.
            if (i >= 2_000)
                await Task.Delay(10);
        }
    }

    /// <summary>Moves time on, and lets what comes due be done.</summary>
    public async Task PassAsync(TimeSpan by)
    {
        Time.Advance(by);
        for (var i = 0; i < 3; i++)
            await Task.Yield();
        if (_passed++ % 4 == 0)
            await Task.Delay(1);
    }

    private int _passed;

    public async Task PutKindAsync(string name, KindOptions options) =>
        (await _replicas[0].Desk.PutAsync(name, options, default)).Error.ShouldBeNull();

    /// <summary>As the broker's commit: the lease and its resources. Null: one of them was not free.</summary>
    public async Task<Stored<LeaseRecord>?> LeaseAsync(params string[] resources)
    {
        var id = Guid.NewGuid().ToString("N");
        var held = new List<Stored<ResourceRecord>>();
        foreach (var resource in resources)
        {
            if (await ReadAsync(resource) is not { Value.State: ResourceState.Free } free)
                return null;
            held.Add(free);
        }

        var lease = new LeaseRecord
        {
            Id = id, Tenant = "t", KeyId = "k", WorkerId = "w", State = LeaseState.Ready, Priority = 5, Ttl = TimeSpan.FromMinutes(15), Demands = [], AskedAt = Store.Clock.Now,
            EndsAt = Store.Clock.Now + TimeSpan.FromHours(1), Holdings = [.. held.Select(one => new LeaseHolding(one.Value.Id, one.Value.Kind, one.Value.Kind, null))],
        };
        return await CommitAsync([
            new Write(LeaseDocuments.Leases + id, 0, LeaseDocuments.Write(lease)),
            .. held.Select(one => Put(one.Value with { State = ResourceState.Leased, Lease = id }, one.Version))]) is { } revision
            ? new Stored<LeaseRecord>(lease, revision)
            : null;
    }

    /// <summary>As the broker's commit: ended, and its resources as its kinds want them.</summary>
    public async Task<bool> ReleaseAsync(string leaseId, UpkeepReplica by, Func<ResourceRecord, ResourceInstance?>? instance = null)
    {
        if (await Store.ReadAsync(LeaseDocuments.PartitionOf(Name), LeaseDocuments.Leases + leaseId) is not { } document || LeaseDocuments.ReadLease(document.Body.Span) is not { HasEnded: false } lease)
            return false;
        var writes = new List<Write> { new(document.Key, document.Version, LeaseDocuments.Write(lease with { State = LeaseState.Released })) };
        foreach (var holding in lease.Holdings)
        {
            if (await ReadAsync(holding.Resource) is not { Value.State: ResourceState.Leased } held || held.Value.Lease != leaseId)
                continue;
            var isReset = !holding.Kind.StartsWith("seat", StringComparison.Ordinal);
            writes.Add(Put(
                held.Value with
                {
                    State = isReset ? ResourceState.Resetting : ResourceState.Free, Lease = null, Instance = instance?.Invoke(held.Value) ?? held.Value.Instance,
                    Claim = isReset ? new ResourceClaim(by.Replicas.Id, Store.Clock.Now + TimeSpan.FromSeconds(30)) : null,
                },
                held.Version));
        }

        return await CommitAsync(writes) is not null;
    }

    public async Task<Stored<ResourceRecord>?> ReadAsync(string resource) =>
        await Store.ReadAsync(LeaseDocuments.PartitionOf(Name), LeaseDocuments.Resources + resource) is { } document
            ? new Stored<ResourceRecord>(LeaseDocuments.ReadResource(document.Body.Span)!, document.Version)
            : null;

    public async Task<IReadOnlyList<ResourceRecord>> AllAsync(string? kind = null) =>
        [.. (await Store.ListAsync(LeaseDocuments.PartitionOf(Name), LeaseDocuments.Resources, null, 10_000)).Select(document => LeaseDocuments.ReadResource(document.Body.Span)!)
            .Where(record => kind is null || record.Kind == kind)];

    /// <summary>Also waits until every replica has seen it.</summary>
    public async Task<long?> CommitAsync(IReadOnlyList<Write> writes)
    {
        if (await Store.CommitAsync(new Commit(LeaseDocuments.PartitionOf(Name)) { Writes = writes }) is not CommitOutcome.Committed(var revision))
            return null;
        foreach (var replica in _replicas.ToList())
            await replica.View.WhenAsync(revision, TimeSpan.FromDays(1), default);
        return revision;
    }

    public static Write Put(ResourceRecord record, long expected) => new(LeaseDocuments.Resources + record.Id, expected, LeaseDocuments.Write(record));

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas.ToList())
            await StopAsync(replica);
        await Store.DisposeAsync();
    }
}

internal sealed class UpkeepReplica : IAsyncDisposable, IHomes
{
    private readonly UpkeepFleet _fleet;
    private readonly ServiceProvider _services;
    private readonly List<IHostedService> _hosted = [];

    public UpkeepReplica(UpkeepFleet fleet, string home, int seed, BoxKind boxes, IStateStore store, Action<IServiceCollection>? configure)
    {
        (_fleet, Home, Boxes) = (fleet, home, boxes);
        Replicas = new ReplicaView(Guid.NewGuid().ToString("N")[..12]);
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(Logs);
        services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        services.AddSingleton<TimeProvider>(fleet.Time);
        services.AddSingleton(store);
        services.AddSingleton(Replicas);
        services.AddSingleton(new Random(seed));
        services.AddSingleton<IHomes>(this);
        services.AddSingleton<IKindCalls, DirectCalls>();
        services.AddLeases(UpkeepFleet.Name);
        services.AddResourceKind(Boxes.Sort, _ => Boxes).AddResourceKind(Cells.Sort, _ => Cells).AddResourceKind<SeatKind>();
        services.AddLeaseUpkeep();
        configure?.Invoke(services);
        _services = services.BuildServiceProvider();
    }

    public string Home { get; }

    public BoxKind Boxes { get; }

    public CellKind Cells { get; } = new();

    public RecordingLogger<UpkeepReplica> Logs { get; } = new();

    public IFleetView View => _services.GetRequiredService<IFleetView>();

    public ReplicaView Replicas { get; }

    public IKindDesk Desk => _services.GetRequiredService<IKindDesk>();

    public ILeaseBroker Broker => _services.GetRequiredService<ILeaseBroker>();

    public IInstances Instances => _services.GetRequiredService<IInstances>();

    public ConfiguredKinds Configured => _services.GetRequiredService<ConfiguredKinds>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public string Own => Home;

    public bool IsThere(string home) => _fleet.Homes.ContainsKey(home);

    public Uri? AddressOf(string home) => null;

    public async Task StartAsync()
    {
        foreach (var service in _services.GetServices<IHostedService>())
        {
            await service.StartAsync(default);
            _hosted.Add(service);
        }

        (await View.WhenAsync(0, TimeSpan.FromMinutes(1), default)).ShouldBeTrue();
    }

    public async ValueTask DisposeAsync()
    {
        var stopping = Task.WhenAll(_hosted.Select(service => service.StopAsync(default)));
        while (!stopping.IsCompleted)
            await _fleet.PassAsync(TimeSpan.FromMilliseconds(100));
        await stopping;
        await _services.DisposeAsync();
    }
}
