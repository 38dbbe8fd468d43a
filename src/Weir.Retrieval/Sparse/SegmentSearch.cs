using System.Buffers;
using System.Numerics;

namespace Weir.Retrieval.Sparse;

/// <summary>
/// Exact search of one segment by MaxScore (Turtle and Flood, 1995), in windows. Terms that even together cannot lift a text among the best are not
/// walked through: they are only looked up for texts that the other terms bring.
/// </summary>
internal static class SegmentSearch
{
    private const int Window = 4096;

    /// <summary>Bounds are sums in another order than scores: this much more than their rounding.</summary>
    private const double Slack = 1 + 1e-6;

    public static void Run(
        SegmentView view, SparseQuery query, double[] weights, SparseSettings settings, double averageLength, Predicate<long>? filter, BestHits best)
    {
        var segment = view.Segment;
        var scoring = new Scoring(settings, averageLength);
        var lists = new List<TermPostings>(query.Count);
        for (var i = 0; i < query.Count; i++)
        {
            if (segment.Terms.Find(query[i]) is >= 0 and var term)
                lists.Add(new(segment, term, weights[i], scoring));
        }

        if (lists.Count == 0)
            return;
        lists.Sort(static (a, b) => a.Bound.CompareTo(b.Bound));
        var bounds = new double[lists.Count];
        for (var i = 0; i < bounds.Length; i++)
            bounds[i] = lists[i].Bound + (i == 0 ? 0 : bounds[i - 1]);

        var scores = ArrayPool<double>.Shared.Rent(Window);
        scores.AsSpan(0, Window).Clear();
        Span<ulong> found = stackalloc ulong[Window / 64];
        var essential = 0;
        while (true)
        {
            while (essential < bounds.Length && bounds[essential] * Slack < best.Threshold)
                essential++;
            var start = int.MaxValue;
            for (var i = essential; i < lists.Count; i++)
                start = Math.Min(start, lists[i].Ordinal);
            if (start == int.MaxValue)
                break;
            start &= ~(Window - 1);
            found.Clear();
            for (var i = essential; i < lists.Count; i++)
                lists[i].AddScores(start, scores.AsSpan(0, Window), found, scoring);
            for (var word = 0; word < found.Length; word++)
            {
                for (var rest = found[word]; rest != 0; rest &= rest - 1)
                {
                    var place = (word * 64) + BitOperations.TrailingZeroCount(rest);
                    var score = scores[place];
                    scores[place] = 0;
                    if (view.Has(start + place))
                        Finish(segment, lists, bounds, essential, start + place, score, scoring, filter, best);
                }
            }
        }

        ArrayPool<double>.Shared.Return(scores);
    }

    /// <summary>Adds what the other terms give, and takes the text among the best if it belongs there.</summary>
    private static void Finish(
        SparseSegment segment, List<TermPostings> lists, double[] bounds, int essential, int ordinal, double score, Scoring scoring, Predicate<long>? filter, BestHits best)
    {
        for (var i = essential - 1; i >= 0; i--)
        {
            if ((score + bounds[i]) * Slack < best.Threshold)
                return;
            score += lists[i].ScoreAt(ordinal, scoring);
        }

        var hit = new SparseHit(segment.Ids[ordinal], (float)score);
        if (best.WouldTake(hit) && (filter is null || filter(hit.Id)))
            best.Add(hit);
    }
}

/// <summary>BM25 (Robertson et al.): weight · tf / (tf + k1 · (1 - b + b · length / average length)).</summary>
internal readonly struct Scoring(SparseSettings settings, double averageLength)
{
    private readonly double _fixed = settings.K1 * (1 - settings.B), _byLength = settings.K1 * settings.B / averageLength;

    public double Of(double weight, int frequency, int length) => weight * frequency / (frequency + _fixed + (_byLength * length));
}
