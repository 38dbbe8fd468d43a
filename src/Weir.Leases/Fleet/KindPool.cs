using System.Runtime.InteropServices;

namespace Weir.Leases.Fleet;

/// <summary>The resources of one kind. The view's lock guards it.</summary>
internal sealed class KindPool
{
    private readonly Dictionary<string, FreeResources> _free = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FleetResource> _all = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _usable = new(StringComparer.Ordinal);

    /// <summary>Every resource of the kind.</summary>
    public IReadOnlyCollection<FleetResource> All => _all.Values;

    public void Add(FleetResource resource) => _all.Add(resource.Record.Id, resource);

    public void Remove(FleetResource resource)
    {
        Withdraw(resource);
        Count(resource, isUsable: false);
        _all.Remove(resource.Record.Id);
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

    public void Count(FleetResource resource, bool isUsable)
    {
        if (resource.IsUsable == isUsable)
            return;
        resource.IsUsable = isUsable;
        CollectionsMarshal.GetValueRefOrAddDefault(_usable, resource.Home, out _) += isUsable ? 1 : -1;
    }

    /// <summary>How many there are in all, free now or some time, for a replica that sees these homes.</summary>
    public int Usable(Func<string, bool> isThere)
    {
        var count = 0;
        foreach (var (home, usable) in _usable)
        {
            if (home.Length == 0 || isThere(home))
                count += usable;
        }

        return count;
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
                    if (picked.Count < count && (home.Length == 0 || home == ownHome) == near && (home.Length == 0 || isThere(home)))
                        free.Pick(picked, count, warm, share);
                }
            }
        }

        return picked.Count == count ? picked : null;
    }
}
