using Weir.Flow.Admission;
using Weir.Flow.Breaking;

namespace Weir.Inference.Providers;

/// <summary>One provider with every setting resolved: what was written, else its preset's value, else the default. Immutable.</summary>
public sealed class ProviderModel
{
    private const int DefaultStart = 10;

    private ProviderModel(string name, ProviderOptions options)
    {
        var preset = options.Preset is null ? null : ProviderPresets.Find(options.Preset);
        var timeouts = options.Timeouts ?? new TimeoutOptions();
        var connections = options.Connections ?? new ConnectionOptions();
        var retry = options.Retry ?? new RetryOptions();
        var breaker = options.Breaker ?? new BreakerOptions();

        Name = name;
        Preset = options.Preset;
        Dialect = options.Dialect ?? preset?.Dialect ?? Dialect.OpenAI;
        BaseUrl = (options.BaseUrl ?? preset?.BaseUrl ?? throw new ArgumentException($"Provider '{name}' has neither base_url nor a known preset."))
            .TrimEnd('/');
        var address = new Uri(BaseUrl);
        Host = address.IdnHost;
        Port = address.Port;
        // Well-known names are the conventions' own: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
        TelemetryName = options.Preset switch
        {
            "xai" => "x_ai",
            "gemini" => "gcp.gemini",
            null => name,
            { } known => known,
        };
        Keys = options.ApiKeys is { Count: > 0 } several ? [.. several] : [options.ApiKey];
        Headers = options.Headers is null ? [] : [.. options.Headers];
        UsageInStream = options.UsageInStream ?? Dialect != Dialect.Anthropic;
        Limits = ResolveLimits(options.Limits, preset);
        MaxBatch = options.Limits?.MaxBatch ?? preset?.MaxBatch ?? ProviderPresets.DefaultMaxBatch;
        ConnectTimeout = timeouts.Connect ?? TimeSpan.FromSeconds(2);
        FirstByteTimeout = timeouts.FirstByte ?? preset?.FirstByte ?? TimeSpan.FromSeconds(60);
        FirstByteIsExplicit = timeouts.FirstByte is not null;
        IdleTimeout = timeouts.Idle ?? TimeSpan.FromSeconds(120);
        TotalTimeout = timeouts.Total ?? TimeSpan.FromMinutes(5);
        Connections = new ConnectionSettings(
            BaseUrl,
            ConnectTimeout,
            connections.Max ?? 256,
            connections.Idle ?? TimeSpan.FromSeconds(60),
            connections.Lifetime ?? TimeSpan.FromMinutes(5),
            connections.Http2 ?? Http2Mode.Auto);
        Retry = new RetrySettings(
            retry.Network ?? 3, retry.Unavailable ?? 5, retry.RateLimited ?? 10, retry.Budget ?? 0.2, retry.BudgetFloor ?? 10);
        Breaker = new CircuitBreakerSettings
        {
            FailureRatio = breaker.FailureRatio ?? 0.5,
            MinimumRequests = breaker.MinimumRequests ?? 10,
            Window = breaker.Window ?? TimeSpan.FromSeconds(30),
            Open = breaker.Open ?? TimeSpan.FromSeconds(15),
            HalfOpenRequests = breaker.HalfOpenRequests ?? 1,
        };
        HasResponses = options.BaseUrl is null && preset is { HasResponses: true };
    }

    public string Name { get; }

    /// <summary>The name of its preset; null where it has none.</summary>
    public string? Preset { get; }

    /// <summary>The language it speaks.</summary>
    public Dialect Dialect { get; }

    /// <summary>Without a slash at its end.</summary>
    public string BaseUrl { get; }

    /// <summary>The base URL's host, without credentials.</summary>
    internal string Host { get; }

    /// <summary>The base URL's port: a number, as tags take it, so that none is made for each request.</summary>
    internal object Port { get; }

    /// <summary>What metrics and traces call it: the conventions' name for a preset's provider, else its own.</summary>
    internal string TelemetryName { get; }

    /// <summary>At least one; null stands for requests without a key.</summary>
    public IReadOnlyList<string?> Keys { get; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; }

    /// <summary>It counts the tokens of a chat stream when asked to.</summary>
    public bool UsageInStream { get; }

    /// <summary>Per key, all models together.</summary>
    public AdmissionLimits Limits { get; }

    /// <summary>Inputs in one embeddings call, and requests that one batch sends at once.</summary>
    public int MaxBatch { get; }

    public TimeSpan ConnectTimeout { get; }

    /// <summary>Bounds an attempt until its first event.</summary>
    public TimeSpan FirstByteTimeout { get; }

    /// <summary>Only a bound that was written down also holds for answers that do not stream.</summary>
    public bool FirstByteIsExplicit { get; }

    /// <summary>Bounds every silence after the first event.</summary>
    public TimeSpan IdleTimeout { get; }

    /// <summary>Bounds an attempt that does not stream.</summary>
    public TimeSpan TotalTimeout { get; }

    public ConnectionSettings Connections { get; }

    public RetrySettings Retry { get; }

    public CircuitBreakerSettings Breaker { get; }

    /// <summary>It is known to have a Responses API, so that a 404 there is about something else.</summary>
    public bool HasResponses { get; }

    /// <exception cref="ArgumentException">Neither a base URL nor a known preset: configuration is validated before it comes here.</exception>
    public static ProviderModel Resolve(string name, ProviderOptions options) => new(name, options);

    private static AdmissionLimits ResolveLimits(LimitOptions? options, ProviderPreset? preset)
    {
        var start = options?.StartConcurrency ?? preset?.StartConcurrency;
        var cap = options?.MaxConcurrency ?? (start ?? DefaultStart) * ProviderPresets.Growth;
        return new AdmissionLimits
        {
            MaxConcurrency = cap,
            StartConcurrency = Math.Min(start ?? cap, cap),
            RequestsPerMinute = options?.RequestsPerMinute,
            TokensPerMinute = options?.TokensPerMinute,
            Queue = options?.Queue ?? 1000,
            LatencyTarget = options?.LatencyTarget ?? preset?.LatencyTarget ?? TimeSpan.FromSeconds(2),
        };
    }
}

/// <summary>What distinguishes one pool of connections from another: a change of any of it makes a new pool.</summary>
public sealed record ConnectionSettings(string BaseUrl, TimeSpan Connect, int Max, TimeSpan Idle, TimeSpan Lifetime, Http2Mode Http2);

/// <summary>How often each class of failure is tried again, and the share of retries among a provider's requests.</summary>
public sealed record RetrySettings(int Network, int Unavailable, int RateLimited, double Budget, int BudgetFloor);
