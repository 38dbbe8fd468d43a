using Weir.Leases.Documents;

namespace Weir.Leases.Fleet;

/// <summary>
/// The kinds, resources and leases of a fleet, each way that they are looked up, and beside them what this replica is about to commit: resources that it has
/// picked, and the leases that it grants. Whatever is derived is changed in one step with what it is derived from. The view's lock guards it.
/// </summary>
internal sealed class FleetTables
{
    private readonly Dictionary<string, string> _aliases = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KindPool> _pools = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Tenant, string Worker), HashSet<string>> _byWorker = [];

    // A version that was picked is spent: what is free at that version is not given out again, until the feed shows another or the pick is taken back.
    private readonly Dictionary<string, long> _spent = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LeaseRecord> _underway = new(StringComparer.Ordinal);

    public Dictionary<string, FleetKind> Kinds { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, FleetResource> Resources { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Stored<LeaseRecord>> Leases { get; } = new(StringComparer.Ordinal);

    public WaitingLine Line { get; } = new();

    public HeldCounts Held { get; } = new();

    /// <summary>When each lease that has not ended does, earliest first.</summary>
    public SortedSet<(DateTimeOffset At, string Id)> Ends { get; } = [];

    /// <summary>Leases that are being initialised.</summary>
    public HashSet<string> Granted { get; } = new(StringComparer.Ordinal);

    public FleetKind? Kind(string nameOrAlias) =>
        Kinds.GetValueOrDefault(nameOrAlias) ?? (_aliases.TryGetValue(nameOrAlias, out var name) ? Kinds.GetValueOrDefault(name) : null);

    public KindPool Pool(string kind)
    {
        if (!_pools.TryGetValue(kind, out var pool))
            _pools.Add(kind, pool = new KindPool());
        return pool;
    }

    /// <param name="kind">Null: of every kind.</param>
    public IEnumerable<FleetResource> ResourcesOf(string? kind) => kind is null ? Resources.Values : _pools.TryGetValue(kind, out var pool) ? pool.All : [];

    /// <summary>Those of a kind that an operator holds back.</summary>

    public IEnumerable<string> LeasesOf(string tenant, string worker) => _byWorker.TryGetValue((tenant, worker), out var ids) ? ids : [];

    public void Put(FleetKind kind)
    {
        ForgetAliases(kind.Name);
        Kinds[kind.Name] = kind;
        foreach (var alias in kind.Options.Aliases)
            _aliases.TryAdd(alias, kind.Name);
        OfferAgain(kind.Name);
    }

    public void RemoveKind(string name)
    {
        ForgetAliases(name);
        if (Kinds.Remove(name))
            OfferAgain(name);
    }

    public void Put(Stored<ResourceRecord> stored)
    {
        var resource = new FleetResource(stored);
        RemoveResource(stored.Value.Id, keepSpent: true);
        if (_spent.TryGetValue(stored.Value.Id, out var spent) && spent != stored.Version)
            _spent.Remove(stored.Value.Id);
        Resources.Add(stored.Value.Id, resource);
        var pool = Pool(stored.Value.Kind);
        pool.Add(resource);
        pool.Count(resource, IsUsable(resource));
        OfferIfFree(resource, pool);
    }

    public void RemoveResource(string id) => RemoveResource(id, keepSpent: false);

    public void Put(Stored<LeaseRecord> stored)
    {
        var lease = stored.Value;
        RemoveLease(lease.Id, stays: lease.State == LeaseState.Waiting);
        Leases.Add(lease.Id, stored);
        if (lease.HasEnded)
            return;
        Ends.Add((lease.EndsAt, lease.Id));
        if (!_byWorker.TryGetValue((lease.Tenant, lease.WorkerId), out var ids))
            _byWorker.Add((lease.Tenant, lease.WorkerId), ids = new HashSet<string>(StringComparer.Ordinal));
        ids.Add(lease.Id);
        if (lease.State == LeaseState.Waiting)
            Line.Add(stored);
        if (lease.State == LeaseState.Granted)
            Granted.Add(lease.Id);
        Count(lease, 1);
    }

    public void RemoveLease(string id) => RemoveLease(id, stays: false);

    /// <summary>A new snapshot is read: everything goes but what this replica is about to commit.</summary>
    public void Clear()
    {
        foreach (var id in Leases.Keys.ToList())
            RemoveLease(id, stays: true);
        foreach (var id in Resources.Keys.ToList())
            RemoveResource(id, keepSpent: true);
        foreach (var name in Kinds.Keys.ToList())
            RemoveKind(name);
    }

    public bool IsUnderway(string leaseId) => _underway.ContainsKey(leaseId);

    /// <summary>A grant begins: its resources are free no more, and count as held.</summary>
    public void Begin(LeaseRecord lease, IEnumerable<FleetResource> picks)
    {
        if (_underway.TryAdd(lease.Id, lease))
            CountDemands(lease, 1);
        foreach (var resource in picks)
        {
            _spent[resource.Record.Id] = resource.Stored.Version;
            Pool(resource.Record.Kind).Withdraw(resource);
        }
    }

    /// <summary>A grant is over here, however it went.</summary>
    /// <param name="leaseId">Its lease.</param>
    /// <param name="unspent">What it had picked and did not take.</param>
    public void End(string leaseId, IEnumerable<Stored<ResourceRecord>> unspent)
    {
        if (_underway.Remove(leaseId, out var lease))
            CountDemands(lease, -1);
        foreach (var pick in unspent)
        {
            if (_spent.GetValueOrDefault(pick.Value.Id) != pick.Version)
                continue;
            _spent.Remove(pick.Value.Id);
            if (Resources.TryGetValue(pick.Value.Id, out var resource))
                OfferIfFree(resource, Pool(resource.Record.Kind));
        }
    }

    private void RemoveResource(string id, bool keepSpent)
    {
        if (!keepSpent)
            _spent.Remove(id);
        if (!Resources.Remove(id, out var resource))
            return;
        var pool = Pool(resource.Record.Kind);
        pool.Remove(resource);
        if (pool.All.Count == 0)
            _pools.Remove(resource.Record.Kind);
    }

    private void RemoveLease(string id, bool stays)
    {
        if (!stays)
            End(id, []);
        if (!Leases.Remove(id, out var stored) || stored.Value.HasEnded)
            return;
        var lease = stored.Value;
        Ends.Remove((lease.EndsAt, id));
        Line.Remove(id);
        Granted.Remove(id);
        Count(lease, -1);
        var key = (lease.Tenant, lease.WorkerId);
        if (_byWorker.TryGetValue(key, out var ids) && ids.Remove(id) && ids.Count == 0)
            _byWorker.Remove(key);
    }

    private void OfferAgain(string kind)
    {
        if (!_pools.TryGetValue(kind, out var pool))
            return;
        foreach (var resource in pool.All)
        {
            pool.Withdraw(resource);
            pool.Count(resource, IsUsable(resource));
            OfferIfFree(resource, pool);
        }
    }

    private bool IsUsable(FleetResource resource) => !resource.Record.Held && IsAskedFor(resource);

    private bool IsAskedFor(FleetResource resource) => Kinds.TryGetValue(resource.Record.Kind, out var kind) && kind.Sort is not null && kind.AsksFor(resource.Record);

    private void OfferIfFree(FleetResource resource, KindPool pool)
    {
        if (resource.Place < 0 && resource.Record.State == ResourceState.Free && !_spent.ContainsKey(resource.Record.Id) && IsAskedFor(resource))
            pool.Offer(resource);
    }

    private void ForgetAliases(string kind)
    {
        foreach (var alias in Kinds.GetValueOrDefault(kind)?.Options.Aliases ?? [])
        {
            if (_aliases.GetValueOrDefault(alias) == kind)
                _aliases.Remove(alias);
        }
    }

    private void Count(LeaseRecord lease, int sign)
    {
        foreach (var holding in lease.Holdings)
            Held.Add(holding.Kind, lease.Tenant, lease.WorkerId, lease.KeyId, sign);
    }

    private void CountDemands(LeaseRecord lease, int sign)
    {
        foreach (var demand in lease.Demands)
            Held.Add(demand.Kind, lease.Tenant, lease.WorkerId, lease.KeyId, sign * demand.Count);
    }
}
