namespace Weir.Retrieval.Sparse;

/// <summary>
/// The index at one moment: its texts never change, and any thread may search it. Its scores depend on its texts alone, not on how they came there; how they lie
/// in segments may change under it.
/// </summary>
internal sealed class SparseSnapshot(SegmentView[] views, SparseSettings settings)
{
    private readonly long _length = views.Sum(v => v.Length);
    private volatile SegmentView[] _views = views;

    public IReadOnlyList<SegmentView> Views => _views;

    public int Count { get; } = views.Sum(v => v.Count);

    /// <summary>What it holds in memory.</summary>
    public long Bytes => _views.Sum(v => v.Bytes);

    /// <summary>The same texts in other segments.</summary>
    public void Relay(SegmentView[] relaid) => _views = relaid;

    /// <summary>The best texts by BM25, best first; those of one score by id. Texts without any of the query's terms are not among them.</summary>
    /// <param name="query">Any text. A term counts as often as it stands there.</param>
    /// <param name="k">How many at most.</param>
    /// <param name="filter">Asked only of texts that would be among the best; null: all may.</param>
    public IReadOnlyList<SparseHit> Search(string query, int k, Predicate<long>? filter = null)
    {
        if (k <= 0 || Count == 0)
            return [];
        var now = _views;
        var terms = new SparseQuery(query, settings.Stemming);
        var weights = WeightsOf(terms, now);
        var best = new BestHits(Math.Min(k, Count));
        foreach (var view in now)
            SegmentSearch.Run(view, terms, weights, settings, (double)_length / Count, filter, best);
        return best.InOrder();
    }

    /// <summary>What each term of the query weighs: idf · (k1 + 1) · times, with idf = ln(1 + (N - n + 0.5) / (n + 0.5)).</summary>
    private double[] WeightsOf(SparseQuery terms, SegmentView[] now)
    {
        var weights = new double[terms.Count];
        for (var i = 0; i < weights.Length; i++)
        {
            var texts = 0;
            foreach (var view in now)
            {
                if (view.Segment.Terms.Find(terms[i]) is >= 0 and var term)
                    texts += view.TextsWith(term);
            }

            weights[i] = Math.Log(1 + ((Count - texts + 0.5) / (texts + 0.5))) * (settings.K1 + 1) * terms.TimesOf(i);
        }

        return weights;
    }
}
