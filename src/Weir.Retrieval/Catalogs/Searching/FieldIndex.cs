namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>
/// The words of one field of all tools. Immutable. What a word counts for in a tool saturates with how often it stands there and shrinks with the field's
/// length, as in BM25 (Robertson and Zaragoza 2009), but is bounded by 1, so that similarities stay in 0..1.
/// </summary>
internal sealed class FieldIndex
{
    private const float Saturation = 0.25f;
    private const float LengthShare = 0.5f;

    private readonly Dictionary<string, Posting[]> _postings;
    private readonly string[][] _terms;

    private FieldIndex(Dictionary<string, Posting[]> postings, string[][] terms) => (_postings, _terms) = (postings, terms);

    private readonly record struct Posting(int Tool, float Strength);

    /// <summary>The distinct words of one tool's field.</summary>
    public IReadOnlyList<string> TermsOf(int tool) => _terms[tool];

    public bool IsEmpty(int tool) => _terms[tool].Length == 0;

    public long Bytes => _postings.Sum(posting => 80L + (posting.Value.Length * 8)) + _terms.Sum(terms => 24L + (terms.Length * 8));

    /// <param name="texts">Of each tool.</param>
    /// <param name="shared">One object for each word, however many fields it stands in.</param>
    public static FieldIndex Build(IReadOnlyList<string> texts, Dictionary<string, string> shared)
    {
        var counts = new Dictionary<string, int>[texts.Count];
        var lengths = new int[texts.Count];
        for (var tool = 0; tool < texts.Count; tool++)
        {
            var own = counts[tool] = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var word in ToolWords.Of(texts[tool]))
            {
                if (!shared.TryGetValue(word.Term, out var term))
                    shared.Add(word.Term, term = word.Term);
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(own, term, out _)++;
                lengths[tool]++;
            }
        }

        var filled = lengths.Count(length => length > 0);
        var average = filled == 0 ? 1 : (float)lengths.Sum() / filled;
        var postings = new Dictionary<string, List<Posting>>(StringComparer.Ordinal);
        for (var tool = 0; tool < counts.Length; tool++)
        {
            foreach (var (term, count) in counts[tool])
            {
                if (!postings.TryGetValue(term, out var list))
                    postings.Add(term, list = []);
                var norm = Saturation * (1 - LengthShare + (LengthShare * lengths[tool] / average));
                list.Add(new Posting(tool, count / (count + norm)));
            }
        }

        return new FieldIndex(
            postings.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray(), StringComparer.Ordinal),
            [.. counts.Select(own => own.Keys.ToArray())]);
    }

    /// <summary>Adds to each tool what the words count for in this field, as a share of <paramref name="whole"/>.</summary>
    public void Score(IReadOnlyList<(string Term, float Rarity)> words, float whole, Span<float> scores)
    {
        foreach (var (term, rarity) in words)
        {
            if (!_postings.TryGetValue(term, out var postings))
                continue;
            var share = rarity / whole;
            foreach (var posting in postings)
                scores[posting.Tool] += share * posting.Strength;
        }
    }

    public bool Has(int tool, string term) => Array.IndexOf(_terms[tool], term) >= 0;
}
