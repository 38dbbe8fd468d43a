namespace Weir.Cli.Load;

/// <summary>What is sent where, how often and for how long, and what counts as good enough.</summary>
internal sealed record LoadPlan
{
    /// <summary>With /v1 at its end.</summary>
    public required Uri BaseUrl { get; init; }

    public required string Model { get; init; }

    /// <summary>Null: none is sent.</summary>
    public string? Key { get; init; }

    /// <summary>Requests a second on average; they come at random, whether or not earlier ones were answered.</summary>
    public required double Rate { get; init; }

    public required TimeSpan Duration { get; init; }

    /// <summary>Requests in flight at the most: what comes beyond waits here, and its wait counts as latency.</summary>
    public required int Concurrency { get; init; }

    public bool Stream { get; init; }

    /// <summary>About how long each prompt is, in tokens.</summary>
    public required int PromptTokens { get; init; }

    public required int MaxTokens { get; init; }

    /// <summary>Each request's own bound, from its arrival.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The least share of requests that must succeed.</summary>
    public required double SuccessBelow { get; init; }

    /// <summary>The most that the 95th percentile of the latency may be: of a stream that of its first token.</summary>
    public required TimeSpan LatencyOver { get; init; }

    /// <summary>The least successful requests a second; null: no bound.</summary>
    public double? ThroughputBelow { get; init; }
}
