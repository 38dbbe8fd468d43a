namespace Weir.Flow.Limits;

/// <summary>
/// What all replicas hold of one window, by slots of time: the document that they share, and the pure functions that decide over it.
/// </summary>
/// <remarks>
/// A block belongs to a slot and may be spent in that slot alone. Any minute touches at most <see cref="Span"/> slots in a row,
/// so that where no run of as many slots holds more than a limit, no minute does.
/// </remarks>
public sealed class WindowSlots
{
    /// <summary>The length of a slot in ticks: 2 s.</summary>
    public const long Width = 2 * TimeSpan.TicksPerSecond;

    /// <summary>How many slots a minute can touch.</summary>
    public const int Span = 31;

    private readonly SortedList<long, long> _amounts = [];

    /// <summary>The slot of a moment of shared time.</summary>
    public static long SlotOf(long now) => now / Width;

    public bool IsEmpty => _amounts.Count == 0;

    /// <summary>What is held, by slot, in order.</summary>
    public IEnumerable<KeyValuePair<long, long>> Amounts => _amounts;

    /// <summary>Adds what was taken beyond its blocks, or takes back what was not spent of them; never below zero.</summary>
    public void Add(long slot, long amount)
    {
        var sum = _amounts.GetValueOrDefault(slot) + amount;
        if (sum > 0)
            _amounts[slot] = sum;
        else
            _amounts.Remove(slot);
    }

    /// <summary>Forgets what no minute that is still to come can touch.</summary>
    public void Prune(long current)
    {
        while (_amounts.Count > 0 && _amounts.GetKeyAtIndex(0) <= current - Span)
            _amounts.RemoveAt(0);
    }

    /// <summary>What fits into <paramref name="slot"/>, in every minute that touches it; negative where more is held than the pool.</summary>
    public long Room(long slot, long pool)
    {
        var most = 0L;
        for (var end = slot; end <= Math.Min(Last(slot), slot + Span - 1); end++)
            most = Math.Max(most, Sum(end));
        return pool - most;
    }

    /// <summary>How much of a wish is granted. What one request needs comes whole or not at all; more than the pool only from an empty window.</summary>
    /// <param name="slot">Where it is to be spent.</param>
    /// <param name="need">What one request waits for; 0 where none does.</param>
    /// <param name="wish">What is asked for ahead of need; at least <paramref name="need"/>.</param>
    /// <param name="pool">What may be held.</param>
    public long Grant(long slot, long need, long wish, long pool)
    {
        var room = Room(slot, pool);
        if (room >= need)
            return Math.Max(0, Math.Min(room, wish));
        return room == pool && pool > 0 ? need : 0;
    }

    /// <summary>The first slot from <paramref name="slot"/> on in which <paramref name="need"/> fits if nobody takes any more.</summary>
    public long RoomFrom(long slot, long need, long pool)
    {
        var candidate = slot;
        for (var end = Last(slot) + Span; candidate < end; candidate++)
        {
            var room = Room(candidate, pool);
            if (room >= need || room == pool)
                break;
        }

        return candidate;
    }

    private long Last(long slot) => _amounts.Count == 0 ? slot : Math.Max(slot, _amounts.GetKeyAtIndex(_amounts.Count - 1));

    private long Sum(long end)
    {
        var sum = 0L;
        for (var i = _amounts.Count - 1; i >= 0 && _amounts.GetKeyAtIndex(i) > end - Span; i--)
        {
            if (_amounts.GetKeyAtIndex(i) <= end)
                sum += _amounts.GetValueAtIndex(i);
        }

        return sum;
    }
}
