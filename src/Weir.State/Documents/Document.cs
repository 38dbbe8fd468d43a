namespace Weir.State;

/// <summary>A small versioned record.</summary>
/// <param name="Key">Its name inside the partition.</param>
/// <param name="Version">The partition-wide revision of the commit that wrote it: it only grows and is never used again.</param>
/// <param name="Body">UTF-8 JSON, at most 1 MiB.</param>
/// <param name="ExpiresAt">In store time; null: never.</param>
public sealed record Document(string Key, long Version, ReadOnlyMemory<byte> Body, DateTimeOffset? ExpiresAt = null);
