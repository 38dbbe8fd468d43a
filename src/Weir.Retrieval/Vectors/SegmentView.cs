namespace Weir.Retrieval.Vectors;

/// <summary>What a snapshot sees of a segment: its first <see cref="Length"/> rows less the dead ones. Immutable.</summary>
internal sealed class SegmentView(VectorSegment segment)
{
    public VectorSegment Segment => segment;

    public int Length { get; init; }

    /// <summary>A bit for each row that is dead; null: none is.</summary>
    public ulong[]? Dead { get; init; }

    public int DeadCount { get; init; }

    public long MinId { get; init; } = long.MaxValue;

    public long MaxId { get; init; } = long.MinValue;

    /// <summary>Whether each row's id is above that of the row before.</summary>
    public bool Ascending { get; init; } = true;

    public int Live => Length - DeadCount;

    public bool Full => Length == segment.Capacity;

    public bool IsDead(int row) => Dead is not null && (Dead[row >> 6] >> (row & 63) & 1) != 0;

    /// <summary>The live row of an id, or -1. A replaced vector leaves a dead row with the same id.</summary>
    public int Find(long id)
    {
        if (id < MinId || id > MaxId)
            return -1;
        var ids = segment.Ids[..Length];
        if (Ascending)
        {
            var row = ids.BinarySearch(id);
            return row >= 0 && !IsDead(row) ? row : -1;
        }

        if (segment.Order is { } order)
            return FindOrdered(ids, order, id);
        for (var from = 0; from < Length;)
        {
            var at = ids[from..].IndexOf(id);
            if (at < 0)
                return -1;
            if (!IsDead(from + at))
                return from + at;
            from += at + 1;
        }

        return -1;
    }

    private int FindOrdered(ReadOnlySpan<long> ids, int[] order, long id)
    {
        // The order may be of more rows than this view has: a view taken before the segment was full.
        var all = segment.Ids;
        var (low, high) = (0, order.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (all[order[middle]] < id)
                low = middle + 1;
            else
                high = middle;
        }

        for (; low < order.Length && all[order[low]] == id; low++)
            if (order[low] < ids.Length && !IsDead(order[low]))
                return order[low];
        return -1;
    }
}
