namespace Weir.Client;

/// <summary>How a client behaves.</summary>
public sealed record WeirClientOptions
{
    /// <summary>Sent as a bearer token. Null: none, which a Weir without keys accepts on loopback.</summary>
    public string? ApiKey { get; init; }

    /// <summary>How often a request is sent again after 429, 503 or a connection that failed; 0 or more. Default: 2. An answer's <c>x-should-retry</c> goes before.</summary>
    public int MaxRetries { get; init; } = 2;

    /// <summary>A <c>Retry-After</c> that is longer is not waited for: the error says it instead. Default: 30 seconds.</summary>
    public TimeSpan MaxRetryWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Of one attempt, its answer included; ingests, which may take hours, are not bound by it. Default: 100 seconds. <see cref="Timeout.InfiniteTimeSpan"/>: no bound.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>What waits are measured by. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
