using System.ComponentModel.DataAnnotations;

namespace Weir.Server.Configuration;

/// <summary>When an operator is told: judged on each minute of this replica, begun after two bad minutes and ended after two good ones.</summary>
public sealed record AlertOptions
{
    /// <summary>The share of requests answered, of those answered and failed, at 20 requests and 2 failures in the minute at least. Default 0.999; null: never.</summary>
    [Range(0.0, 1.0)]
    public double? SuccessBelow { get; init; } = 0.999;

    /// <summary>The 95th percentile of the first event of streams, at 20 streams in the minute at least. Default 2 s; null: never.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan? LatencyOver { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Requests a second over the minute. Default null: never.</summary>
    [Range(0.0, 1_000_000.0)]
    public double? ThroughputBelow { get; init; }

    /// <summary>Of all cores that the process may use. Default 0.8; null: never.</summary>
    [Range(0.0, 1.0)]
    public double? CpuOver { get; init; } = 0.8;

    /// <summary>Of the memory that the process may use. Default 0.7; null: never.</summary>
    [Range(0.0, 1.0)]
    public double? MemoryOver { get; init; } = 0.7;

    /// <summary>Whether throughput, latency and failures that are unlike the last hour's are told. Default true.</summary>
    public bool Anomaly { get; init; } = true;

    /// <summary>Where alerts are posted as JSON when they begin and end. Null: they stand in the log and in the status alone.</summary>
    [DataType(DataType.Password)]
    public string? Webhook { get; init; }
}
