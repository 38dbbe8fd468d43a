using Weir.Inference.Status;
using Weir.Server.Configuration;
using Weir.Server.Observability.History;

namespace Weir.Server.Observability.Alerts;

/// <summary>What one rule found at one look.</summary>
/// <param name="Alert">The rule: success_below, latency_over, throughput_below, cpu_over, memory_over, anomaly, breaker_open.</param>
/// <param name="Subject">What of it: a measure, a deployment; empty where there is one only.</param>
/// <param name="Value">What was measured; null where there was too little to judge by.</param>
/// <param name="Threshold">What it was held against.</param>
/// <param name="IsBad">Whether it is past it; never where nothing was measured.</param>
internal readonly record struct Finding(string Alert, string Subject, double? Value, double Threshold, bool IsBad);

/// <summary>The rules: pure functions of the configuration and of what was measured.</summary>
internal static class AlertRules
{
    /// <summary>Fewer requests in a minute say nothing: one that fails at night must not wake anybody.</summary>
    public const int LeastRequests = 20;

    public const int LeastFailures = 2;

    /// <summary>Judges the newest point, against those before it where a rule looks back.</summary>
    /// <param name="options">The thresholds.</param>
    /// <param name="points">Oldest first; at least one.</param>
    /// <returns>One finding for each rule that is on.</returns>
    public static IReadOnlyList<Finding> Judge(AlertOptions options, IReadOnlyList<HistoryPoint> points)
    {
        var now = points[^1];
        var findings = new List<Finding>();
        if (options.SuccessBelow is { } success)
        {
            var value = now.Succeeded + now.Failed >= LeastRequests ? now.Success : null;
            findings.Add(new("success_below", "", value, success, value < success && now.Failed >= LeastFailures));
        }

        if (options.LatencyOver is { } latency)
        {
            double? value = now.FirstEvent is { Count: >= LeastRequests } first ? first.P95Ms / 1000 : null;
            findings.Add(new("latency_over", "first_event", value, latency.TotalSeconds, value > latency.TotalSeconds));
        }

        if (options.ThroughputBelow is { } throughput)
            findings.Add(new("throughput_below", "", now.RequestsPerSecond, throughput, now.RequestsPerSecond < throughput));
        if (options.CpuOver is { } cpu)
            findings.Add(new("cpu_over", "", now.Cpu, cpu, now.Cpu > cpu));
        if (options.MemoryOver is { } memory)
            findings.Add(new("memory_over", "", now.Memory, memory, now.Memory > memory));
        if (options.Anomaly)
            findings.AddRange(Anomalies.Judge(points));
        return findings;
    }

    /// <summary>One finding for each deployment: its breaker is not closed, or has opened since the last look.</summary>
    public static IReadOnlyList<Finding> Judge(GatewayPulse before, GatewayPulse now) =>
        [.. now.Opened.Select(breaker => new Finding(
            "breaker_open",
            breaker.Key,
            breaker.Value,
            0,
            now.Broken.Contains(breaker.Key) || breaker.Value > before.Opened.GetValueOrDefault(breaker.Key)))];
}
