namespace Weir.Retrieval.Sparse;

/// <summary>A segment without the texts that were removed from it: immutable.</summary>
internal sealed class SegmentView(SparseSegment segment)
{
    // Null: nothing is removed. What a term loses is counted, so that scores never tell of texts that are gone.
    private ulong[]? _removed;
    private int[]? _lost;

    public SparseSegment Segment => segment;

    public int Count { get; private init; } = segment.Ids.Length;

    /// <summary>Of all its texts together, in terms.</summary>
    public long Length { get; private init; } = SumOf(segment.Lengths);

    public long Bytes => segment.Bytes + ((_removed?.Length ?? 0) * 8L) + ((_lost?.Length ?? 0) * 4L);

    public bool Has(int ordinal) => _removed is null || (_removed[ordinal >> 6] & (1UL << ordinal)) == 0;

    /// <summary>How many texts have the term.</summary>
    public int TextsWith(int term) => segment.PostingStarts[term + 1] - segment.PostingStarts[term] - (_lost?[term] ?? 0);

    /// <param name="ordinals">Each once, and each still here.</param>
    public SegmentView Without(IReadOnlyList<int> ordinals)
    {
        var removed = _removed?.ToArray() ?? new ulong[(segment.Ids.Length + 63) / 64];
        var lost = _lost?.ToArray() ?? new int[segment.Terms.Count];
        var length = Length;
        foreach (var ordinal in ordinals)
        {
            removed[ordinal >> 6] |= 1UL << ordinal;
            length -= segment.Lengths[ordinal];
            var terms = segment.TermsOf(ordinal);
            while (terms.Next())
                lost[terms.Term]++;
        }

        return new(segment) { _removed = removed, _lost = lost, Count = Count - ordinals.Count, Length = length };
    }

    private static long SumOf(int[] lengths)
    {
        var sum = 0L;
        foreach (var length in lengths)
            sum += length;
        return sum;
    }
}
