using System.Numerics;

namespace Weir.Retrieval.Sparse;

/// <summary>Which segments become one, and how.</summary>
internal static class SegmentMerging
{
    /// <summary>So many segments of one tier become one. A tier reaches from a power of eight to the next.</summary>
    private const int Together = 8;

    public static void Merge(List<SegmentView> views)
    {
        for (var i = 0; i < views.Count; i++)
        {
            // What is removed takes memory, and time in each search.
            if (views[i].Segment.Ids.Length - views[i].Count > views[i].Segment.Ids.Length / 3)
                views[i] = MergeOf([views[i]]);
        }

        while (views.GroupBy(TierOf).FirstOrDefault(tier => tier.Count() >= Together) is { } crowded)
        {
            List<SegmentView> merged = [.. crowded];
            if (merged.Sum(v => (long)v.Count) > SparseSegment.MaxTexts || merged.Sum(v => (long)v.Segment.Forward.Length) > 1 << 30)
                return;
            var one = MergeOf(merged);
            views.RemoveAll(merged.Contains);
            views.Add(one);
        }
    }

    private static int TierOf(SegmentView view) => BitOperations.Log2((uint)Math.Max(view.Count / 64, 1)) / 3;

    private static SegmentView MergeOf(List<SegmentView> views)
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
