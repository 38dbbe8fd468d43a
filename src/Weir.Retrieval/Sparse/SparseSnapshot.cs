using Weir.Retrieval.Text;

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

    /// <summary>The words of the query, as it has them, that the text has in some form; of scripts without spaces, the characters.</summary>
    public IReadOnlyList<string> MatchedTerms(string query, long id)
    {
        foreach (var view in _views)
        {
            if (view.Segment.OrdinalOf(id) is >= 0 and var ordinal && view.Has(ordinal))
                return MatchedTerms(query, view.Segment, ordinal);
        }

        return [];
    }

    private List<string> MatchedTerms(string query, SparseSegment segment, int ordinal)
    {
        var matched = new List<string>();
        foreach (var word in query.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(SparseQuery.MostTerms))
        {
            var terms = new SparseQuery(word, settings.Stemming);
            for (var i = 0; i < terms.Count; i++)
            {
                var term = segment.Terms.Find(terms[i]);
                if (term < 0 || !HasPosting(segment.PostingsOf(term), ordinal))
                    continue;
                var said = CharacterClass.IsUnsegmented(terms[i][0]) ? terms[i].ToString() : TrimmedOf(word);
                if (!matched.Contains(said))
                    matched.Add(said);
            }
        }

        return matched;
    }

    private static bool HasPosting(ReadOnlySpan<uint> postings, int ordinal)
    {
        var place = postings.BinarySearch((uint)ordinal << 8);
        if (place < 0)
            place = ~place;
        return place < postings.Length && SparseSegment.OrdinalOf(postings[place]) == ordinal;
    }

    private static string TrimmedOf(string word)
    {
        var (start, end) = (0, word.Length);
        while (start < end && !char.IsLetterOrDigit(word[start]) && !char.IsSurrogate(word[start]))
            start++;
        while (end > start && !char.IsLetterOrDigit(word[end - 1]) && !char.IsSurrogate(word[end - 1]) && !char.IsHighSurrogate(word[end - 1]))
            end--;
        return word[start..end];
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
