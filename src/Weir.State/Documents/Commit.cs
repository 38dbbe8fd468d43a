namespace Weir.State;

/// <summary>One change of a partition: all of it or nothing.</summary>
/// <param name="Partition">What is atomic together. Names and keys have 1 to 512 bytes without control characters; a partition has no braces.</param>
public sealed record Commit(string Partition)
{
    /// <summary>Names the commit for 5 minutes, so that one that was not answered can be settled.</summary>
    public string Id { get; init; } = Guid.CreateVersion7().ToString("N");

    public IReadOnlyList<Write> Writes { get; init; } = [];

    public IReadOnlyList<Check> Checks { get; init; } = [];

    /// <summary>In store time: after it the commit is lost, however late it arrives. Null: no such bound.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>How long the caller waits for the answer before the outcome is unknown. Default 10 s.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>One document to put or delete.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Expected">The version it must have now; 0: it must be absent.</param>
/// <param name="Body">UTF-8 JSON; null deletes the document.</param>
/// <param name="ExpiresAt">In store time; null: never.</param>
public readonly record struct Write(string Key, long Expected, ReadOnlyMemory<byte>? Body, DateTimeOffset? ExpiresAt = null);

/// <summary>A version that must hold though nothing is written to it; 0: absent.</summary>
public readonly record struct Check(string Key, long Expected);
