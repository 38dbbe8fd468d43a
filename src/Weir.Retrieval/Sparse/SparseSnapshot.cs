namespace Weir.Retrieval.Sparse;

/// <summary>The index at one moment: immutable, and safe from any thread.</summary>
internal sealed class SparseSnapshot(IReadOnlyDictionary<long, IReadOnlyDictionary<string, int>> texts, SparseSettings settings)
{
    public IReadOnlyDictionary<long, IReadOnlyDictionary<string, int>> Texts => texts;

    public int Count => texts.Count;

    /// <summary>What it holds in memory, estimated.</summary>
    public long Bytes => texts.Sum(t => t.Value.Sum(term => 60L + (term.Key.Length * 2)));

    /// <summary>The best texts by BM25, best first; those of one score by id. Texts without any of the query's terms are not among them.</summary>
    public IReadOnlyList<SparseHit> Search(string query, int k, Predicate<long>? filter = null)
    {
        var terms = SparseIndex.Terms(query);
        var average = texts.Count == 0 ? 0 : texts.Average(t => (double)t.Value.Values.Sum());
        var hits = new List<SparseHit>();
        foreach (var (id, text) in texts)
        {
            var score = 0.0;
            foreach (var (term, times) in terms)
            {
                if (!text.TryGetValue(term, out var tf))
                    continue;
                var n = texts.Count(t => t.Value.ContainsKey(term));
                var idf = Math.Log(1 + ((texts.Count - n + 0.5) / (n + 0.5)));
                score += times * idf * tf * (settings.K1 + 1) / (tf + (settings.K1 * (1 - settings.B + (settings.B * text.Values.Sum() / average))));
            }

            if (score > 0 && (filter is null || filter(id)))
                hits.Add(new(id, (float)score));
        }

        return [.. hits.OrderByDescending(h => h.Score).ThenBy(h => h.Id).Take(k)];
    }

    /// <summary>The terms of the query that the text has, in the query's order.</summary>
    public IReadOnlyList<string> MatchedTerms(string query, long id) =>
        texts.TryGetValue(id, out var text) ? [.. SparseIndex.Terms(query).Keys.Where(text.ContainsKey)] : [];
}
