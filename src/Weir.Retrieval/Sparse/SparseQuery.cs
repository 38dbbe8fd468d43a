using Weir.Retrieval.Text;

namespace Weir.Retrieval.Sparse;

/// <summary>The terms of a query, each once, in the order in which they came.</summary>
internal sealed class SparseQuery
{
    /// <summary>What a query says after so many different terms is not looked for.</summary>
    public const int MostTerms = 1024;

    private readonly TermTable _terms = new();
    private readonly List<int> _times = [];

    public SparseQuery(ReadOnlySpan<char> text, bool stemming)
    {
        var sink = new Sink(this);
        TextAnalyzer.Analyze(text, stemming, ref sink);
    }

    public int Count => _terms.Count;

    public ReadOnlySpan<char> this[int term] => _terms[term];

    /// <summary>How often it stands there.</summary>
    public int TimesOf(int term) => _times[term];

    private readonly struct Sink(SparseQuery query) : ITermSink
    {
        public void Add(ReadOnlySpan<char> term)
        {
            if (query.Count == MostTerms && query._terms.Find(term) < 0)
                return;
            var number = query._terms.GetOrAdd(term);
            if (number == query._times.Count)
                query._times.Add(0);
            query._times[number]++;
        }
    }
}
