namespace Weir.Flow.Breaking;

/// <summary>When a breaker opens, for how long, and what it takes to close again. Immutable.</summary>
public sealed record CircuitBreakerSettings
{
    /// <summary>The share of failures in the window that opens the breaker: above 0, at most 1. Default 0.5.</summary>
    public double FailureRatio { get; init; } = 0.5;

    /// <summary>Results in the window below which the ratio means nothing: at least 1. Default 10.</summary>
    public int MinimumRequests { get; init; } = 10;

    /// <summary>How long a result counts: above zero. Default 30 s.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long nobody passes once it has opened: above zero. Default 15 s.</summary>
    public TimeSpan Open { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Probes under way at once when half-open, and the successes that close the breaker: at least 1. Default 1.</summary>
    public int HalfOpenRequests { get; init; } = 1;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(FailureRatio);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(FailureRatio, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumRequests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Window, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Open, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(HalfOpenRequests, 1);
    }
}
