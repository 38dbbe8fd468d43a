using Weir.Server.Observability.History;

namespace Weir.Server.Observability.Alerts;

/// <summary>
/// Tells a minute that is unlike the hour before it. The measure is the modified z-score, 0.6745 · |x − median| / MAD, where MAD is the median of
/// the distances from the median, over up to 60 points before; past 3.5 a value is an outlier (B. Iglewicz, D. Hoaglin, "How to Detect and
/// Handle Outliers", 1993). MAD is never taken for less than a floor, so that steady traffic does not make noise of a trifle.
/// </summary>
internal static class Anomalies
{
    public const double Threshold = 3.5;

    /// <summary>Points that a judgement looks back on, at most and at least.</summary>
    public const int Window = 60;
    public const int LeastPoints = 20;

    private const double Normal = 0.6745;

    // A tenth of the median: what differs by less than half of it is no outlier, however steady the hour was.
    private const double RelativeFloor = 0.1;
    private const double ShareFloor = 0.01;

    public static IEnumerable<Finding> Judge(IReadOnlyList<HistoryPoint> points)
    {
        var before = points.Take(points.Count - 1).TakeLast(Window).ToList();
        var now = points[^1];

        // Fewer requests than this a minute come and go by chance: both the minute and its past must not be that quiet.
        var requests = Score(before.Select(p => (double)p.Requests), now.Requests, RelativeFloor, 1, both: true, AlertRules.LeastRequests);
        yield return new("anomaly", "throughput", requests, Threshold, requests > Threshold);

        double? latency = now.FirstEvent is { Count: >= AlertRules.LeastRequests } first
            ? Score(before.Where(p => p.FirstEvent is not null).Select(p => p.FirstEvent!.P95Ms), first.P95Ms, RelativeFloor, 1, both: false)
            : null;
        yield return new("anomaly", "first_event", latency, Threshold, latency > Threshold);

        double? failures = now is { Success: { } success, Failed: >= AlertRules.LeastFailures } && now.Succeeded + now.Failed >= AlertRules.LeastRequests
            ? Score(before.Where(p => p.Success is not null).Select(p => 1 - p.Success!.Value), 1 - success, RelativeFloor, ShareFloor, both: false)
            : null;
        yield return new("anomaly", "failures", failures, Threshold, failures > Threshold);
    }

    /// <summary>The modified z-score of a value against a past; null where the past is too short, or all of it below <paramref name="least"/>.</summary>
    public static double? Score(IEnumerable<double> past, double value, double relativeFloor, double floor, bool both, double least = 0)
    {
        var sorted = past.Order().ToArray();
        if (sorted.Length < LeastPoints) return null;

        var median = Median(sorted);
        if (Math.Max(median, value) < least) return null;
        var distances = Array.ConvertAll(sorted, x => Math.Abs(x - median));
        Array.Sort(distances);
        var spread = Math.Max(Median(distances), Math.Max(relativeFloor * median, floor));
        var distance = both ? Math.Abs(value - median) : Math.Max(0, value - median);
        return Math.Round(Normal * distance / spread, 2);
    }

    private static double Median(double[] sorted) =>
        sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
}
