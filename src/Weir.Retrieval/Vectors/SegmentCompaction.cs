namespace Weir.Retrieval.Vectors;

/// <summary>
/// Writes segments anew once more than half of their rows are dead, so that an index takes at most about twice what its live rows need. What is copied was
/// paid for by as many removals, and at most a segment's rows are copied at a time.
/// </summary>
internal static class SegmentCompaction
{
    /// <param name="views">In order; only the last takes more rows.</param>
    /// <param name="mostRows">Rows of the largest segment.</param>
    /// <param name="newSegment">Makes a segment of so many rows.</param>
    public static SegmentView[] Run(List<SegmentView> views, int mostRows, Func<int, VectorSegment> newSegment)
    {
        views.RemoveAll(static view => view is { Length: > 0, Live: 0 });
        while (views.FindIndex(static view => view.Full && view.DeadCount * 2L > view.Length) is var sparse and >= 0)
            Rewrite(views, views[sparse], mostRows, newSegment);
        return [.. views];
    }

    /// <summary>Joins a sparse segment with others that are as small, or removals everywhere would leave ever more and ever smaller ones.</summary>
    private static void Rewrite(List<SegmentView> views, SegmentView sparse, int mostRows, Func<int, VectorSegment> newSegment)
    {
        var small = views.FindAll(view => view != sparse && view.Full && view.Live <= 2L * sparse.Live);
        small.Sort(static (a, b) => a.Live.CompareTo(b.Live));
        var joined = new HashSet<SegmentView> { sparse };
        var rows = sparse.Live;
        foreach (var view in small)
            if (rows + view.Live <= mostRows && joined.Add(view))
                rows += view.Live;

        // Exactly as large as it needs to be: a segment that is not the last takes no more rows.
        var draft = new SegmentDraft(newSegment(rows));
        foreach (var view in views)
            if (joined.Contains(view))
                for (var row = 0; row < view.Length; row++)
                    if (!view.IsDead(row))
                        draft.Add(view.Segment, row);
        var at = views.IndexOf(sparse);
        views[at] = draft.Finish();
        views.RemoveAll(joined.Contains);
    }
}
