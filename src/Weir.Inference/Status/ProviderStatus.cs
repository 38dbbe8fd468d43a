using Weir.Flow.Breaking;
using Weir.Inference.Providers;

namespace Weir.Inference.Status;

/// <summary>One provider as this replica sees it now. Holds no secret.</summary>
public sealed record ProviderStatus
{
    public required string Name { get; init; }

    public required Dialect Dialect { get; init; }

    /// <summary>Without credentials and query.</summary>
    public required string BaseUrl { get; init; }

    /// <summary>Set while an operator has taken it out of use.</summary>
    public ProviderPause? Paused { get; init; }

    /// <summary>Retries that could be spent now.</summary>
    public required int RetriesLeft { get; init; }

    public required ConnectionSettingsStatus Connections { get; init; }

    public required IReadOnlyList<KeyStatus> Keys { get; init; }

    /// <summary>Those that have been asked for; a model has none before its first request.</summary>
    public required IReadOnlyList<DeploymentStatus> Deployments { get; init; }
}

/// <summary>How connections to a provider are kept.</summary>
public sealed record ConnectionSettingsStatus(int Max, TimeSpan Idle, TimeSpan Lifetime, Http2Mode Http2);

/// <summary>One key of a provider, told apart by its place and by a fingerprint; never shown.</summary>
public sealed record KeyStatus
{
    /// <summary>Its place among the provider's keys, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The first 8 hexadecimal digits of its SHA-256. Null: no key is sent.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>What is left of the rest after the provider refused it. Null: it is accepted, or not known otherwise.</summary>
    public TimeSpan? RefusedFor { get; init; }

    public required int InFlight { get; init; }

    public required int Queued { get; init; }

    /// <summary>The working limit on what is in flight.</summary>
    public required int Limit { get; init; }

    public required LimitStatus Limits { get; init; }

    /// <summary>Null where no limit counts them.</summary>
    public long? RequestsLastMinute { get; init; }

    /// <summary>Null where no limit counts them.</summary>
    public long? TokensLastMinute { get; init; }

    /// <summary>By reason, since the gate was made.</summary>
    public required IReadOnlyDictionary<string, long> NotAdmitted { get; init; }
}

/// <summary>Limits as configured; null: none.</summary>
public sealed record LimitStatus(
    int MaxConcurrency, int? StartConcurrency, int? RequestsPerMinute, int? TokensPerMinute, int Queue, TimeSpan? LatencyTarget);

/// <summary>One model at one provider under one key.</summary>
public sealed record DeploymentStatus
{
    /// <summary><c>provider/model</c>; the model is <c>*</c> where many share one state.</summary>
    public required string Name { get; init; }

    /// <summary>The place of its key.</summary>
    public required int Key { get; init; }

    /// <summary>Whether new requests may be sent there at once or after queueing.</summary>
    public required bool Usable { get; init; }

    /// <summary>What keeps new requests away: paused, refused, key_refused, breaker, throttled. Null: nothing.</summary>
    public string? Why { get; init; }

    public required BreakerStatus Breaker { get; init; }

    /// <summary>What is left of the pause that the provider asked for. Null: none.</summary>
    public TimeSpan? ThrottledFor { get; init; }

    /// <summary>What is left of the rest after the provider refused this deployment. Null: none.</summary>
    public TimeSpan? RefusedFor { get; init; }

    public required int InFlight { get; init; }

    public required int Queued { get; init; }

    /// <summary>The working limit on what is in flight: the lower of its own and its key's.</summary>
    public required int Limit { get; init; }

    /// <summary>Of the last four to five minutes.</summary>
    public required TrafficStatus Recent { get; init; }

    /// <summary>Attempts by outcome since the start.</summary>
    public required IReadOnlyDictionary<string, long> Attempts { get; init; }
}

/// <param name="State">closed, open or half_open.</param>
/// <param name="OpenFor">How long nobody will pass. Null: not open.</param>
/// <param name="Opened">How often it has opened.</param>
public sealed record BreakerStatus(BreakerState State, TimeSpan? OpenFor, long Opened);

/// <summary>What has been measured of late.</summary>
public sealed record TrafficStatus
{
    /// <summary>Attempts by outcome.</summary>
    public required IReadOnlyDictionary<string, long> Attempts { get; init; }

    /// <summary>Answered over answered and failed; null where there is neither.</summary>
    public double? Success { get; init; }

    /// <summary>From the sending to the first event of a stream.</summary>
    public LatencyStatus? FirstEvent { get; init; }

    /// <summary>From the sending to the end of a whole answer.</summary>
    public LatencyStatus? Answer { get; init; }

    public required long InputTokens { get; init; }

    public required long OutputTokens { get; init; }

    /// <summary>Output tokens a second of one answer, from its sending to its end; null where none was counted.</summary>
    public double? TokensPerSecond { get; init; }
}

/// <summary>Percentiles in milliseconds, each right to a sixteenth.</summary>
public sealed record LatencyStatus(long Count, double P50Ms, double P95Ms, double P99Ms);
