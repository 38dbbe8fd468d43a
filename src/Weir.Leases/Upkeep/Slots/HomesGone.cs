using Weir.Leases.Doors;

namespace Weir.Leases.Upkeep.Slots;

/// <summary>Since when homes have been away, as far as this replica has seen it. Used by one loop.</summary>
internal sealed class HomesGone(IHomes homes, TimeSpan after, TimeProvider time)
{
    private readonly Dictionary<string, long> _away = new(StringComparer.Ordinal);

    public bool IsGone(string home)
    {
        if (home == homes.Own || homes.IsThere(home))
        {
            _away.Remove(home);
            return false;
        }

        if (_away.TryGetValue(home, out var since))
            return time.GetElapsedTime(since) >= after;
        _away[home] = time.GetTimestamp();
        return false;
    }
}
