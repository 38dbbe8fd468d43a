using System.Text.Json.Serialization;

namespace Weir.Inference.Batches.Documents;

/// <summary>A batch as it is stored. What each line was answered is in its log until the batch has ended, then in its files.</summary>
public sealed record BatchRecord
{
    /// <summary><c>batch_</c> and 32 digits that begin with the time.</summary>
    public required string Id { get; init; }

    public required string Tenant { get; init; }

    /// <summary>Whose rights and limits hold, and who pays.</summary>
    public required string KeyId { get; init; }

    /// <summary>The path of every line, such as <c>/v1/embeddings</c>.</summary>
    public required string Endpoint { get; init; }

    public required string InputFileId { get; init; }

    public required string InputBlob { get; init; }

    /// <summary>As the client wrote it.</summary>
    public required string CompletionWindow { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>How long its files are kept, in seconds. Null: as long as usual.</summary>
    public long? OutputSeconds { get; init; }

    public required BatchStatus Status { get; init; }

    /// <summary>What follows on finalizing.</summary>
    public BatchStatus Ending { get; init; } = BatchStatus.Completed;

    /// <summary>Of the claim under which it was last worked on: a holder with an older one writes no more.</summary>
    public long Fence { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? InProgressAt { get; init; }

    public DateTimeOffset? FinalizingAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    public DateTimeOffset? ExpiredAt { get; init; }

    public DateTimeOffset? CancellingAt { get; init; }

    public DateTimeOffset? CancelledAt { get; init; }

    /// <summary>Lines in the file; 0 until it has been validated.</summary>
    public int Total { get; init; }

    /// <summary>Lines in the output file.</summary>
    public int Completed { get; init; }

    /// <summary>Lines in the error file, those that were never sent included.</summary>
    public int Failed { get; init; }

    public BatchUsage Usage { get; init; }

    /// <summary>Null where there are none.</summary>
    public IReadOnlyList<BatchFault>? Faults { get; init; }

    public string? OutputFileId { get; init; }

    public string? ErrorFileId { get; init; }

    [JsonIgnore]
    public bool HasEnded => Status is BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled;
}

/// <summary>OpenAI's states of a batch.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BatchStatus>))]
public enum BatchStatus
{
    [JsonStringEnumMemberName("validating")]
    Validating,
    [JsonStringEnumMemberName("failed")]
    Failed,
    [JsonStringEnumMemberName("in_progress")]
    InProgress,
    [JsonStringEnumMemberName("finalizing")]
    Finalizing,
    [JsonStringEnumMemberName("completed")]
    Completed,
    [JsonStringEnumMemberName("expired")]
    Expired,
    [JsonStringEnumMemberName("cancelling")]
    Cancelling,
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,
}

/// <summary>What is wrong with a file.</summary>
/// <param name="Code">Stable, snake_case.</param>
/// <param name="Line">The first is 1; null where it is about the file.</param>
/// <param name="Message">What was wrong and how to mend it.</param>
/// <param name="Param">The field at fault; null where none is.</param>
public sealed record BatchFault(string Code, int? Line, string Message, string? Param);

/// <summary>Tokens as providers counted them.</summary>
/// <param name="Input">Of the prompts, the cached ones included.</param>
/// <param name="Cached">Of these, read from a provider's cache.</param>
/// <param name="Output">Of the answers, reasoning included.</param>
/// <param name="Reasoning">Of these, spent on reasoning.</param>
public readonly record struct BatchUsage(long Input, long Cached, long Output, long Reasoning)
{
    [JsonIgnore]
    public long Total => Input + Output;

    public static BatchUsage operator +(BatchUsage a, BatchUsage b) =>
        new(a.Input + b.Input, a.Cached + b.Cached, a.Output + b.Output, a.Reasoning + b.Reasoning);
}
