namespace Weir.Flow.Admission;

/// <summary>What one gate, or one lane of it, lets through. Immutable; the defaults bound nothing but the queue.</summary>
public sealed record AdmissionLimits
{
    /// <summary>The hard cap on what is in flight: at least 1. Default: none.</summary>
    public int MaxConcurrency { get; init; } = int.MaxValue;

    /// <summary>Where the working limit starts: at least 1, held under the cap. Null: at the cap.</summary>
    public int? StartConcurrency { get; init; }

    /// <summary>Requests within any 60 s: at least 1. Null: no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens within any 60 s, by estimate until the actual use is known: at least 1. Null: no limit.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>
    /// How many may wait: at least 0, which refuses at once. Default 1000. A lane's waiters count in its gate's queue too. As many again may
    /// wait in the background.
    /// </summary>
    public int Queue { get; init; } = 1000;

    /// <summary>The working limit halves when the 95th percentile of the time to the first event is above this. Null: it does not matter.</summary>
    public TimeSpan? LatencyTarget { get; init; }

    /// <summary>What a lane without limits of its own has: only its gate's hold.</summary>
    internal static AdmissionLimits None { get; } = new() { Queue = int.MaxValue };

    /// <summary>One replica's part: caps on what is in flight are divided, at least 1 each; limits per minute hold over all of them.</summary>
    internal AdmissionLimits Among(int replicas) => replicas <= 1 ? this : this with
    {
        MaxConcurrency = MaxConcurrency == int.MaxValue ? int.MaxValue : Math.Max(1, MaxConcurrency / replicas),
        StartConcurrency = StartConcurrency is { } start ? Math.Max(1, start / replicas) : null,
    };

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConcurrency, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(StartConcurrency ?? 1, 1, nameof(StartConcurrency));
        ArgumentOutOfRangeException.ThrowIfLessThan(RequestsPerMinute ?? 1, 1, nameof(RequestsPerMinute));
        ArgumentOutOfRangeException.ThrowIfLessThan(TokensPerMinute ?? 1, 1, nameof(TokensPerMinute));
        ArgumentOutOfRangeException.ThrowIfNegative(Queue);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(LatencyTarget ?? TimeSpan.MaxValue, TimeSpan.Zero, nameof(LatencyTarget));
    }
}
