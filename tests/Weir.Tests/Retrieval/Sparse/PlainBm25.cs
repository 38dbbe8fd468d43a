using Weir.Retrieval.Sparse;
using Weir.Retrieval.Text;

namespace Weir.Tests.Retrieval.Sparse;

/// <summary>BM25 as the books have it, over every text: what the index must agree with.</summary>
internal sealed class PlainBm25(double k1 = 1.2, double b = 0.75)
{
    public Dictionary<long, List<string>> Texts { get; } = [];

    public void Upsert(long id, string text) => Texts[id] = TermsOf(text);

    public List<(long Id, double Score)> Search(string query, Predicate<long>? filter = null)
    {
        var terms = TermsOf(query);
        var average = Texts.Count == 0 ? 0 : Texts.Values.Average(t => (double)t.Count);
        var hits = new List<(long, double)>();
        var having = terms.Distinct().ToDictionary(t => t, t => (double)Texts.Values.Count(x => x.Contains(t)));
        foreach (var (id, text) in Texts.Where(t => filter is null || filter(t.Key)))
        {
            var score = 0.0;
            foreach (var term in terms)
            {
                double tf = text.Count(t => t == term), n = having[term];
                score += Math.Log(1 + ((Texts.Count - n + 0.5) / (n + 0.5))) * tf * (k1 + 1) / (tf + (k1 * (1 - b + (b * text.Count / average))));
            }

            if (score > 0)
                hits.Add((id, score));
        }

        return [.. hits.OrderByDescending(h => h.Item2).ThenBy(h => h.Item1)];
    }

    private static List<string> TermsOf(string text)
    {
        var sink = new Sink([]);
        TextAnalyzer.Analyze(text, stemming: true, ref sink);
        return sink.Terms;
    }

    private readonly record struct Sink(List<string> Terms) : ITermSink
    {
        public void Add(ReadOnlySpan<char> term) => Terms.Add(term.ToString());
    }
}
