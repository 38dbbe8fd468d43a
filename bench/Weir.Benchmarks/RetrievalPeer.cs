namespace Weir.Benchmarks;

/// <summary>The peer: BM25 with the same parameters and none of the analysis. Words are what stands between white space, in small letters.</summary>
internal sealed class RetrievalPeer
{
    private const double K1 = 1.2, B = 0.75;

    private readonly Dictionary<string, List<(int Text, int Times)>> _postings = new(StringComparer.Ordinal);
    private readonly int[] _lengths;
    private readonly double _average;

    public RetrievalPeer(IReadOnlyList<string> texts)
    {
        _lengths = new int[texts.Count];
        for (var i = 0; i < texts.Count; i++)
        {
            var words = WordsOf(texts[i]);
            _lengths[i] = words.Length;
            foreach (var word in words.GroupBy(w => w, StringComparer.Ordinal))
            {
                if (!_postings.TryGetValue(word.Key, out var postings))
                    _postings[word.Key] = postings = [];
                postings.Add((i, word.Count()));
            }
        }

        _average = _lengths.Average();
    }

    public IReadOnlyList<int> Search(string query, int k)
    {
        var scores = new Dictionary<int, double>();
        foreach (var word in WordsOf(query))
        {
            if (!_postings.TryGetValue(word, out var postings))
                continue;
            var idf = Math.Log(1 + ((_lengths.Length - postings.Count + 0.5) / (postings.Count + 0.5)));
            foreach (var (text, times) in postings)
                scores[text] = scores.GetValueOrDefault(text) + (idf * times * (K1 + 1) / (times + (K1 * (1 - B + (B * _lengths[text] / _average)))));
        }

        return [.. scores.OrderByDescending(s => s.Value).ThenBy(s => s.Key).Take(k).Select(s => s.Key)];
    }

    private static string[] WordsOf(string text) => text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
