namespace Weir.Leases.Fleet;

/// <summary>The resources of one kind. The view's lock guards it.</summary>
internal sealed class KindPool
{
    private readonly Dictionary<string, FreeResources> _free = new(StringComparer.Ordinal);

    private readonly Dictionary<string, FleetResource> _all = new(StringComparer.Ordinal);
    private readonly HashSet<FleetResource> _held = [];

    /// <summary>Every resource of the kind.</summary>
    public IReadOnlyCollection<FleetResource> All => _all.Values;

    /// <summary>Those that an operator holds back: few, where all may be many.</summary>
    public IReadOnlyCollection<FleetResource> Held => _held;

    public void Add(FleetResource resource)
    {
        _all.Add(resource.Record.Id, resource);
        if (resource.Record.Held)
            _held.Add(resource);
    }

    public void Remove(FleetResource resource)
    {
        Withdraw(resource);
        _all.Remove(resource.Record.Id);
        _held.Remove(resource);
    }

    public void Offer(FleetResource resource)
    {
        if (!_free.TryGetValue(resource.Home, out var free))
            _free.Add(resource.Home, free = new FreeResources());
        free.Add(resource);
    }

    public void Withdraw(FleetResource resource)
    {
        if (resource.Place >= 0)
            _free[resource.Home].Remove(resource);
    }

    /// <summary>How many may be given out by a replica that sees these homes.</summary>
    public int Free(Func<string, bool> isThere)
    {
        var count = 0;
        foreach (var (home, free) in _free)
        {
            if (home.Length == 0 || isThere(home))
                count += free.Count;
        }

        return count;
    }

    /// <summary>Warm before cold, and near before far.</summary>
    /// <returns>Null: there are not so many.</returns>
    public List<FleetResource>? Pick(int count, string ownHome, Func<string, bool> isThere, ReplicaShare share)
    {
        var picked = new List<FleetResource>(count);
        foreach (var warm in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var near in (ReadOnlySpan<bool>)[true, false])
            {
                foreach (var (home, free) in _free)
                {
                    if (picked.Count < count && (home.Length == 0 || home == ownHome) == near && (near || isThere(home)))
                        free.Pick(picked, count, warm, share);
                }
            }
        }

        return picked.Count == count ? picked : null;
    }
}
