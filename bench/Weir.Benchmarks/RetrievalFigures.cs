using System.Diagnostics;
using System.Globalization;

namespace Weir.Benchmarks;

/// <summary>How well one way of searching finds the evidence.</summary>
internal sealed class RetrievalFigures(string name, IReadOnlyList<RetrievalQuestion> questions, Func<string, int, IReadOnlyList<string>> search)
{
    private const int Depth = 10;

    private readonly Dictionary<string, double[]> _ofQuestions = [];

    public string Name => name;

    /// <summary>Median, in milliseconds, of the time for a query, each asked three times.</summary>
    public double Milliseconds { get; private set; }

    public void Measure()
    {
        var times = new List<double>();
        for (var round = 0; round < 3; round++)
        {
            foreach (var question in questions)
            {
                var start = Stopwatch.GetTimestamp();
                var found = search(question.Question, Depth);
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                _ofQuestions[question.Id] = [RecallOf(found, question, 1), RecallOf(found, question, 5), RecallOf(found, question, 10), GainOf(found, question)];
            }
        }

        times.Sort();
        Milliseconds = times[times.Count / 2];
    }

    /// <summary>A row of Markdown: recall at 1, 5 and 10, and nDCG at 10, as means over the questions of a kind; null: over all.</summary>
    public string RowOf(string? kind)
    {
        var chosen = questions.Where(q => kind is null || q.Kind == kind).Select(q => _ofQuestions[q.Id]).ToList();
        var means = Enumerable.Range(0, 4).Select(i => chosen.Average(f => f[i]).ToString("0.000", CultureInfo.InvariantCulture));
        return $"| {name} | {string.Join(" | ", means)} | {(kind is null ? Milliseconds.ToString("0.000", CultureInfo.InvariantCulture) : "")} |";
    }

    /// <summary>The share of the evidence that is among the first k.</summary>
    private static double RecallOf(IReadOnlyList<string> found, RetrievalQuestion question, int k) =>
        (double)found.Take(k).Count(question.Evidence.Contains) / question.Evidence.Count;

    /// <summary>nDCG at 10, every evidence being worth 1: gains 1 / log2(rank + 1), over those of the best order.</summary>
    private static double GainOf(IReadOnlyList<string> found, RetrievalQuestion question)
    {
        var gain = found.Take(Depth).Select((id, i) => question.Evidence.Contains(id) ? 1 / Math.Log2(i + 2) : 0).Sum();
        return gain / Enumerable.Range(0, Math.Min(Depth, question.Evidence.Count)).Sum(i => 1 / Math.Log2(i + 2));
    }
}
