namespace Weir.Retrieval.Sparse;

/// <summary>
/// An inverted index of texts: one writer at a time, and readers of its snapshots who never wait. Each call adds a segment; segments of about one size
/// are merged eight at a time, so that a text is written anew as often as the index grows eightfold. Small merges are done by the call that calls for them,
/// larger ones beside all calls: a call waits for none unless it comes so much faster than merging that segments would become too many.
/// </summary>
internal sealed class SparseIndex(SparseSettings? settings = null)
{
    private const int TextsInChunk = 1 << 18;
    private const int TextsMergedAtOnce = 512;
    private const int MostSegments = 128;

    private readonly Lock _writing = new();
    private readonly SparseSettings _settings = settings ?? new();
    private volatile SparseSnapshot _snapshot = new([], settings ?? new());
    private Task _merging = Task.CompletedTask;
    private bool _isMerging;

    public SparseSnapshot Snapshot => _snapshot;

    /// <summary>Completes when the merging under way is done; what it is like then is what a start from the same texts would be like.</summary>
    public Task Merging
    {
        get
        {
            lock (_writing)
                return _merging;
        }
    }

    /// <summary>Publishes one new snapshot with all of this done.</summary>
    /// <param name="upserts">An id that is there already has its text replaced; of an id that stands here twice, the later counts.</param>
    /// <param name="removals">Ids; unknown ones are passed over.</param>
    public void Apply(IReadOnlyList<SparseUpsert> upserts, IReadOnlyList<long> removals)
    {
        if (upserts.Count == 0 && removals.Count == 0)
            return;
        // A merge that failed fails all later calls, or nobody would hear of it: whoever writes makes a new index. And no merge is ever so far behind that
        // searches suffer.
        var merging = Merging;
        if (merging.IsFaulted || _snapshot.Views.Count > MostSegments)
            merging.GetAwaiter().GetResult();

        var texts = InOrder(upserts);
        var added = SegmentsOf(texts);
        lock (_writing)
        {
            var views = Without(_snapshot.Views, removals, texts);
            views.AddRange(added);
            while (SegmentMerging.Next(views, TextsMergedAtOnce) is { } small)
                Replace(views, small, SegmentMerging.MergeOf(small));
            _snapshot = new([.. views], _settings);
            if (_isMerging || SegmentMerging.Next(views) is not { } next)
                return;
            _isMerging = true;
            _merging = Task.Run(() => Merge(next));
        }
    }

    private void Merge(List<SegmentView>? next)
    {
        try
        {
            while (next is not null)
            {
                var merged = SegmentMerging.MergeOf(next);
                lock (_writing)
                {
                    var views = _snapshot.Views.ToList();
                    Replace(views, next, SegmentMerging.Since(next, views, merged));
                    // The same texts as before: whoever holds this snapshot finds the same, sooner.
                    _snapshot.Relay([.. views]);
                    next = SegmentMerging.Next(views);
                    _isMerging = next is not null;
                }
            }
        }
        catch
        {
            lock (_writing)
                _isMerging = false;
            throw;
        }
    }

    private static void Replace(List<SegmentView> views, List<SegmentView> old, SegmentView merged)
    {
        views.RemoveAll(view => old.Exists(gone => gone.Segment == view.Segment));
        if (merged.Count > 0)
            views.Add(merged);
    }

    private List<SegmentView> SegmentsOf(List<SparseUpsert> texts)
    {
        var added = new List<SegmentView>();
        foreach (var chunk in texts.Chunk(TextsInChunk))
        {
            var builder = new SegmentBuilder();
            foreach (var text in chunk)
            {
                if (builder.IsFull)
                {
                    added.Add(new(builder.Build()));
                    builder = new();
                }

                builder.Add(text.Id, text.Text, _settings.Stemming);
            }

            added.Add(new(builder.Build()));
        }

        return added;
    }

    private static List<SparseUpsert> InOrder(IReadOnlyList<SparseUpsert> upserts)
    {
        var texts = new List<SparseUpsert>(upserts.Count);
        // The sort is stable: the last of an id is the one that came last.
        foreach (var upsert in upserts.OrderBy(u => u.Id))
        {
            if (texts.Count > 0 && texts[^1].Id == upsert.Id)
                texts[^1] = upsert;
            else
                texts.Add(upsert);
        }

        return texts;
    }

    private static List<SegmentView> Without(IReadOnlyList<SegmentView> views, IReadOnlyList<long> removals, List<SparseUpsert> replaced)
    {
        var kept = new List<SegmentView>(views.Count);
        var ordinals = new List<int>();
        var gone = removals.Concat(replaced.Select(u => u.Id)).Distinct().ToList();
        foreach (var view in views)
        {
            ordinals.Clear();
            foreach (var id in gone)
            {
                var ordinal = view.Segment.OrdinalOf(id);
                if (ordinal >= 0 && view.Has(ordinal))
                    ordinals.Add(ordinal);
            }

            var left = ordinals.Count == 0 ? view : view.Without(ordinals);
            if (left.Count > 0)
                kept.Add(left);
        }

        return kept;
    }
}
