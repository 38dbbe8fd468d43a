namespace Weir.Retrieval.Sparse;

/// <summary>
/// An inverted index of texts: one writer at a time, and readers of its snapshots who never wait. Each call adds a segment; segments of about one size
/// are merged eight at a time, so that a text is written anew as often as the index grows eightfold.
/// </summary>
internal sealed class SparseIndex(SparseSettings? settings = null)
{
    private const int TextsInChunk = 1 << 18;

    private readonly SparseSettings _settings = settings ?? new();
    private volatile SparseSnapshot _snapshot = new([], settings ?? new());

    public SparseSnapshot Snapshot => _snapshot;

    /// <summary>Publishes one new snapshot with all of this done.</summary>
    /// <param name="upserts">An id that is there already has its text replaced; of an id that stands here twice, the later counts.</param>
    /// <param name="removals">Ids; unknown ones are passed over.</param>
    public void Apply(IReadOnlyList<SparseUpsert> upserts, IReadOnlyList<long> removals)
    {
        if (upserts.Count == 0 && removals.Count == 0)
            return;
        var texts = InOrder(upserts);
        var views = Without(_snapshot.Views, removals, texts);
        foreach (var chunk in texts.Chunk(TextsInChunk))
        {
            var builder = new SegmentBuilder();
            foreach (var text in chunk)
            {
                if (builder.IsFull)
                {
                    views.Add(new(builder.Build()));
                    builder = new();
                }

                builder.Add(text.Id, text.Text, _settings.Stemming);
            }

            views.Add(new(builder.Build()));
        }

        SegmentMerging.Merge(views);
        _snapshot = new([.. views], _settings);
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
        foreach (var view in views)
        {
            ordinals.Clear();
            foreach (var id in removals.Concat(replaced.Select(u => u.Id)).Distinct())
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
