using System.Numerics;

namespace Weir.Retrieval.Sparse;

/// <summary>Which segments become one, and how.</summary>
internal static class SegmentMerging
{
    /// <summary>So many segments of one tier become one. A tier reaches from a power of eight to the next.</summary>
    private const int Together = 8;

    /// <summary>Segments that should become one, the smallest tier first; one alone where a third of it is removed. Null: there are none.</summary>
    /// <param name="views">All there are.</param>
    /// <param name="mostTexts">Those that have more texts together are passed over.</param>
    public static List<SegmentView>? Next(IReadOnlyList<SegmentView> views, long mostTexts = SparseSegment.MaxTexts)
    {
        // What is removed takes memory, and time in each search.
        var worn = views.FirstOrDefault(view => view.Count <= mostTexts && view.Segment.Ids.Length - view.Count > view.Segment.Ids.Length / 3);
        if (worn is not null)
            return [worn];
        return views.GroupBy(TierOf).Where(tier => tier.Count() >= Together).OrderBy(tier => tier.Key)
            .Select(tier => tier.ToList())
            .FirstOrDefault(tier => tier.Sum(view => (long)view.Count) <= mostTexts && tier.Sum(view => (long)view.Segment.Forward.Length) <= 1 << 30);
    }

    /// <summary>What was merged, without what has been removed since it was begun.</summary>
    /// <param name="old">What was merged, as it was then.</param>
    /// <param name="now">All there are now; a segment of which nothing is left is not among them.</param>
    /// <param name="merged">What came of it.</param>
    public static SegmentView Since(List<SegmentView> old, List<SegmentView> now, SegmentView merged)
    {
        var gone = new List<int>();
        foreach (var before in old)
        {
            var after = now.Find(view => view.Segment == before.Segment);
            if (after == before)
                continue;
            for (var ordinal = 0; ordinal < before.Segment.Ids.Length; ordinal++)
            {
                if (before.Has(ordinal) && after?.Has(ordinal) != true)
                    gone.Add(merged.Segment.OrdinalOf(before.Segment.Ids[ordinal]));
            }
        }

        return gone.Count == 0 ? merged : merged.Without(gone);
    }

    private static int TierOf(SegmentView view) => BitOperations.Log2((uint)Math.Max(view.Count / 64, 1)) / 3;

    public static SegmentView MergeOf(List<SegmentView> views)
    {
        var builder = new SegmentBuilder();
        var numbers = views.ConvertAll(v => new int[v.Segment.Terms.Count]);
        var heads = new PriorityQueue<(int View, int Ordinal), long>(views.Count);
        for (var i = 0; i < views.Count; i++)
            Push(i, 0);
        while (heads.TryDequeue(out var head, out _))
        {
            builder.Add(views[head.View].Segment, head.Ordinal, numbers[head.View]);
            Push(head.View, head.Ordinal + 1);
        }

        return new(builder.Build());

        void Push(int view, int ordinal)
        {
            var ids = views[view].Segment.Ids;
            while (ordinal < ids.Length && !views[view].Has(ordinal))
                ordinal++;
            if (ordinal < ids.Length)
                heads.Enqueue((view, ordinal), ids[ordinal]);
        }
    }
}
