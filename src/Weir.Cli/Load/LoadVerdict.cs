using System.Globalization;

namespace Weir.Cli.Load;

/// <summary>What a run says: where it was too little, and what held it back.</summary>
internal static class LoadVerdict
{
    private const double BusyCpu = 0.85;
    private const double Rising = 2;

    /// <summary>The thresholds that were breached, each in a sentence; empty: none.</summary>
    public static IReadOnlyList<string> Breaches(LoadResult result)
    {
        var plan = result.Plan;
        var breaches = new List<string>();
        if (result.Tally.Finished == 0)
        {
            breaches.Add("no request has finished");
            return breaches;
        }

        if (result.Tally.Success < plan.SuccessBelow) breaches.Add($"success is {Percent(result.Tally.Success)}, below {Percent(plan.SuccessBelow)}");
        var p95 = result.Judged.Percentile(0.95);
        if (p95 > plan.LatencyOver) breaches.Add($"the 95th percentile {(plan.Stream ? "to the first token" : "of the latency")} is {Span(p95)}, over {Span(plan.LatencyOver)}");
        if (plan.ThroughputBelow is { } least && result.Throughput < least) breaches.Add($"throughput is {Number(result.Throughput)} a second, below {Number(least)}");
        return breaches;
    }

    /// <summary>What most likely bounds the rate, judged from the outside, worst first; null where nothing does.</summary>
    public static string? Bottleneck(LoadResult result)
    {
        var tally = result.Tally;
        if (tally.Finished == 0) return null;
        if (result.Cpu >= BusyCpu) return $"this client: it uses {Percent(result.Cpu)} of the machine's processors, so its latencies are its own";
        if (tally.Throttled * 100 >= tally.Finished) return $"the server's rate limits: {Percent((double)tally.Throttled / tally.Finished)} of the answers are 429";
        var latency = tally.Latency.Percentile(0.5);
        if (tally.Held.Percentile(0.95) is var held && held > TimeSpan.FromMilliseconds(50) && held > latency / 4)
        {
            return result.MostInFlight >= result.Plan.Concurrency
                ? $"--concurrency: the 95th percentile waited {Span(held)} for one of {result.Plan.Concurrency} connections"
                : $"this machine: the 95th percentile was sent {Span(held)} late though connections were free, so its latencies are partly its own";
        }

        if (tally.Queued.Count > 0 && tally.Queued.Percentile(0.95) is var queued && queued > TimeSpan.FromMilliseconds(50) && queued > latency / 4)
            return $"the gateway's queue: the 95th percentile waited {Span(queued)} for room at a provider";
        var (early, late) = (tally.Early.Percentile(0.5), tally.Late.Percentile(0.5));
        if (tally.Early.Count > 20 && tally.Late.Count > 20 && late > early * Rising && late - early > TimeSpan.FromMilliseconds(20))
            return $"the server is saturated: its median rose from {Span(early)} in the first half to {Span(late)} in the second";
        if (tally.Success < result.Plan.SuccessBelow) return $"errors: {string.Join(", ", tally.Outcomes.Where(one => one.Key != "2xx").Select(one => $"{one.Value} {one.Key}"))}";
        return null;
    }

    public static string Percent(double share) => (share * 100).ToString("0.###", CultureInfo.InvariantCulture) + " %";

    public static string Number(double value) => value.ToString(value < 100 ? "0.##" : "0", CultureInfo.InvariantCulture);

    public static string Span(TimeSpan span) =>
        span.TotalSeconds >= 1 ? $"{span.TotalSeconds.ToString("0.##", CultureInfo.InvariantCulture)} s"
        : span.TotalMilliseconds >= 1 ? $"{span.TotalMilliseconds.ToString("0.#", CultureInfo.InvariantCulture)} ms"
        : $"{span.TotalMicroseconds.ToString("0", CultureInfo.InvariantCulture)} µs";
}
