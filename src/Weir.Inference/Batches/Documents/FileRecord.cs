namespace Weir.Inference.Batches.Documents;

/// <summary>A file as it is stored: the bytes are a blob that was durable before this was written.</summary>
public sealed record FileRecord
{
    public const string ForBatch = "batch";
    public const string OfBatch = "batch_output";

    /// <summary><c>file-</c> and 32 digits that begin with the time.</summary>
    public required string Id { get; init; }

    public required string Tenant { get; init; }

    public required string Blob { get; init; }

    public required long Bytes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required string Filename { get; init; }

    public required string Purpose { get; init; }

    /// <summary>In store time; null: never. A file that a batch still reads is kept until that has ended.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The batches that read it and have not ended.</summary>
    public IReadOnlyList<string> UsedBy { get; init; } = [];

    internal bool IsExpired(DateTimeOffset now) => ExpiresAt <= now && UsedBy.Count == 0;

    internal FileRecord WithoutUser(string batch) => this with { UsedBy = [.. UsedBy.Where(id => id != batch)] };
}
