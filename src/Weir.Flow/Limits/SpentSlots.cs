namespace Weir.Flow.Limits;

/// <summary>What one replica was granted and spent of a window, by slot. Not synchronised: its window's lock guards it.</summary>
internal sealed class SpentSlots
{
    // One more than a minute can touch: the slot to come may hold a block already.
    private const int Kept = WindowSlots.Span + 1;

    private readonly Entry[] _ring = new Entry[Kept];

    public ref Entry At(long slot)
    {
        ref var entry = ref _ring[slot % Kept];
        if (entry.Slot != slot)
            entry = new Entry { Slot = slot };
        return ref entry;
    }

    /// <summary>Whether a slot is still kept; one that is not has left every minute to come.</summary>
    public bool Holds(long slot) => _ring[slot % Kept].Slot == slot;

    /// <summary>What was spent in the minute up to and with a slot.</summary>
    public long Used(long current)
    {
        var used = 0L;
        foreach (ref var entry in _ring.AsSpan())
        {
            if (entry.Slot > current - WindowSlots.Span && entry.Slot <= current)
                used += entry.Spent;
        }

        return used;
    }

    /// <summary>What was spent in earlier slots and is not held for this replica.</summary>
    public long Uncharged(long current)
    {
        var sum = 0L;
        foreach (ref var entry in _ring.AsSpan())
        {
            if (entry.Slot > current - WindowSlots.Span && entry.Slot < current)
                sum += Math.Max(0, entry.Spent - entry.Granted);
        }

        return sum;
    }

    /// <summary>The first slot from which the use is at most <paramref name="most"/>, if nothing more is spent.</summary>
    public long BelowFrom(long current, long most)
    {
        for (var slot = current; slot < current + WindowSlots.Span; slot++)
        {
            if (Used(slot) <= most)
                return slot;
        }

        return current + WindowSlots.Span;
    }

    /// <summary>What the shared document should hold more, or less, than it does, by slot; null where it is right.</summary>
    public List<SlotChange>? Changes(long current)
    {
        List<SlotChange>? changes = null;
        foreach (ref var entry in _ring.AsSpan())
        {
            var change = entry.Spent - entry.Granted;
            // A block that may still be spent is not given back.
            if (change != 0 && entry.Slot > current - WindowSlots.Span && (entry.Slot < current || (entry.Slot == current && change > 0)))
                (changes ??= []).Add(new SlotChange(entry.Slot, change));
        }

        return changes;
    }

    public struct Entry
    {
        public long Slot;

        /// <summary>What the shared document holds for this replica.</summary>
        public long Granted;

        /// <summary>What was taken here; beyond <see cref="Granted"/> it is still to be charged.</summary>
        public long Spent;
    }
}

/// <summary>A slot of a window, and by how much it changes.</summary>
public readonly record struct SlotChange(long Slot, long Amount);
