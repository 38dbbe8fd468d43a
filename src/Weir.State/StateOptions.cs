namespace Weir.State;

/// <summary>Which store, and where it keeps things.</summary>
public sealed record StateOptions
{
    /// <summary><c>sqlite</c>, <c>memory</c>, <c>redis://host:port/db</c>, or <c>rediss://…</c> for TLS. Default <c>sqlite</c>.</summary>
    public string Store { get; init; } = "sqlite";

    /// <summary>The folder of the embedded store; made where it is missing. One process at a time. Default <c>./data</c>.</summary>
    public string DataFolder { get; init; } = "./data";

    /// <summary>The password of Redis. Null or empty: none.</summary>
    public string? RedisPassword { get; init; }

    /// <summary>What each space of the cache may hold, in bytes of keys and values. Default 256 MiB.</summary>
    public long CacheBytes { get; init; } = 256L << 20;

    /// <summary>How long opening may take before it is an error. Default 10 s.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
