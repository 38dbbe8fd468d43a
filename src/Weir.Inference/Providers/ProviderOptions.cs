using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace Weir.Inference.Providers;

/// <summary>One entry of <c>providers</c> in <c>weir.json</c>, as it was written; null means the preset's value, else the default.</summary>
public sealed record ProviderOptions
{
    /// <summary>Defaults for a known provider: openai, groq, anthropic, deepseek, gemini, xai, openrouter, ollama.</summary>
    public string? Preset { get; init; }

    /// <summary>The language the provider speaks. Default: the preset's, else openai.</summary>
    public Dialect? Dialect { get; init; }

    /// <summary>Where the provider's API is, with /v1 at its end in both dialects. Default: the preset's.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>The key sent with each request. Null: none is sent.</summary>
    [DataType(DataType.Password)]
    public string? ApiKey { get; init; }

    /// <summary>Several keys, each with a set of limits of its own.</summary>
    [DataType(DataType.Password)]
    public IReadOnlyList<string>? ApiKeys { get; init; }

    /// <summary>Headers added to every request.</summary>
    [DataType(DataType.Password)]
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>
    /// Whether the provider counts the tokens of a chat stream when asked by stream_options.include_usage: Weir then asks where the client did not, and
    /// keeps the count from it. Default true; false for a server that refuses the field.
    /// </summary>
    public bool? UsageInStream { get; init; }

    /// <summary>Bounds that hold per key, all models together.</summary>
    public LimitOptions? Limits { get; init; }

    /// <summary>How long each part of an attempt may take.</summary>
    public TimeoutOptions? Timeouts { get; init; }

    /// <summary>The pool of connections to it.</summary>
    public ConnectionOptions? Connections { get; init; }

    /// <summary>How often an attempt of each class is repeated.</summary>
    public RetryOptions? Retry { get; init; }

    /// <summary>When its deployments are left alone for a while.</summary>
    public BreakerOptions? Breaker { get; init; }

    /// <summary>Names the provider without its keys and headers: a record would print them.</summary>
    public override string ToString() => $"{Preset ?? Dialect?.ToString() ?? nameof(Providers.Dialect.OpenAI)} at {BaseUrl ?? "the preset's address"}";
}

/// <summary>The language a provider speaks.</summary>
public enum Dialect
{
    [JsonStringEnumMemberName("openai")]
    OpenAI,

    [JsonStringEnumMemberName("anthropic")]
    Anthropic,
}

/// <summary>Bounds on what is sent at once and per minute.</summary>
public sealed record LimitOptions
{
    /// <summary>A hard cap on requests in flight. Default: 8 times the preset's start.</summary>
    [Range(1, 100_000)]
    public int? MaxConcurrency { get; init; }

    /// <summary>Where the working limit starts. Default: the cap; with a preset, the preset's start.</summary>
    [Range(1, 100_000)]
    public int? StartConcurrency { get; init; }

    /// <summary>Requests in any minute. Default: no bound.</summary>
    [Range(1, 100_000_000)]
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens in any minute, input and output. Default: no bound.</summary>
    [Range(1, 2_000_000_000)]
    public int? TokensPerMinute { get; init; }

    /// <summary>Requests that may wait. Default 1000; 0 refuses at once.</summary>
    [Range(0, 1_000_000)]
    public int? Queue { get; init; }

    /// <summary>For streamed requests: when the 95th percentile of the first event exceeds it, the working limit halves. Default: the preset's, else 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan? LatencyTarget { get; init; }

    /// <summary>Inputs in one embeddings call, and requests that one POST /v1/batch sends at once. Default: the preset's, else 100.</summary>
    [Range(1, 100_000)]
    public int? MaxBatch { get; init; }
}

/// <summary>How long each part of an attempt may take.</summary>
public sealed record TimeoutOptions
{
    /// <summary>To an open connection. Default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan? Connect { get; init; }

    /// <summary>To the first event of an answer. Default: the preset's, else 60 s. Without a stream, only bounds an attempt when set explicitly.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? FirstByte { get; init; }

    /// <summary>Any silence after the first event. Default 120 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? Idle { get; init; }

    /// <summary>A whole attempt without a stream. Default 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? Total { get; init; }
}

/// <summary>The pool of connections to one provider.</summary>
public sealed record ConnectionOptions
{
    /// <summary>Connections at once. Default 256.</summary>
    [Range(1, 65_536)]
    public int? Max { get; init; }

    /// <summary>How long an unused connection is kept. Default 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? Idle { get; init; }

    /// <summary>How long any connection is kept, so that changes in DNS are honoured. Default 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? Lifetime { get; init; }

    /// <summary>HTTP/2: auto (over TLS where the provider offers it), on (always, also without TLS), off. Default auto.</summary>
    public Http2Mode? Http2 { get; init; }
}

/// <summary>When HTTP/2 is spoken to a provider.</summary>
public enum Http2Mode
{
    Auto,
    On,
    Off,
}

/// <summary>How often an attempt of each class is repeated.</summary>
public sealed record RetryOptions
{
    /// <summary>After a failed connect or a connection lost before the first byte. Default 3.</summary>
    [Range(0, 100)]
    public int? Network { get; init; }

    /// <summary>After 408, 500, 502, 503, 504, 529. Default 5.</summary>
    [Range(0, 100)]
    public int? Unavailable { get; init; }

    /// <summary>After 425, 429. Default 10.</summary>
    [Range(0, 100)]
    public int? RateLimited { get; init; }

    /// <summary>Retries as a share of requests over 10 s. Default 0.2.</summary>
    [Range(0.0, 1.0)]
    public double? Budget { get; init; }

    /// <summary>Retries always allowed in 10 s. Default 10.</summary>
    [Range(0, 10_000)]
    public int? BudgetFloor { get; init; }
}

/// <summary>When a deployment is left alone for a while.</summary>
public sealed record BreakerOptions
{
    /// <summary>Failures among the requests of a window that open it. Default 0.5.</summary>
    [Range(0.01, 1.0)]
    public double? FailureRatio { get; init; }

    /// <summary>Requests in a window before it may open. Default 10.</summary>
    [Range(1, 100_000)]
    public int? MinimumRequests { get; init; }

    /// <summary>The window. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan? Window { get; init; }

    /// <summary>How long it stays open. Default 15 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan? Open { get; init; }

    /// <summary>Requests let through to try when the time is up. Default 1.</summary>
    [Range(1, 1_000)]
    public int? HalfOpenRequests { get; init; }
}
