using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Cli.Run.Results;

/// <summary>How a task ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TaskState>))]
internal enum TaskState
{
    [JsonStringEnumMemberName("ok")]
    Ok,

    [JsonStringEnumMemberName("failed")]
    Failed,

    [JsonStringEnumMemberName("timeout")]
    Timeout,

    /// <summary>Of other programs that write such files: a run that is interrupted records nothing, so that the task is done again.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,
}

/// <summary>What came of a task, as one line of the results file.</summary>
internal sealed record TaskResult
{
    public required string Id { get; init; }

    public required TaskState Status { get; init; }

    /// <summary>JSON where the output is JSON, else its text. Null: nothing was written.</summary>
    public JsonElement? Output { get; init; }

    /// <summary>The output was longer, and its end is missing.</summary>
    public bool? OutputCut { get; init; }

    /// <summary>Null: it went well.</summary>
    public string? Error { get; init; }

    /// <summary>Null: no command ended by itself.</summary>
    public int? ExitCode { get; init; }

    public required int Attempts { get; init; }

    /// <summary>Of the last attempt, once it had its lease.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Of the last attempt, without its wait for the lease.</summary>
    public required double Seconds { get; init; }

    /// <summary>Null: it needed none, or got none.</summary>
    public string? Lease { get; init; }

    /// <summary>Answers of the model, of the built-in agent.</summary>
    public int? Steps { get; init; }

    /// <summary>Tokens of all attempts, of the built-in agent.</summary>
    public TokenUsage? Usage { get; init; }

    /// <exception cref="Exception">There is something in it that cannot be written as JSON.</exception>
    public byte[] ToLine() => [.. JsonSerializer.SerializeToUtf8Bytes(this, RunFormat.Lines.TaskResult), (byte)'\n'];
}

/// <summary>Tokens, as the provider counted them.</summary>
internal sealed record TokenUsage(long PromptTokens, long CompletionTokens)
{
    public long TotalTokens => PromptTokens + CompletionTokens;

    public static TokenUsage? operator +(TokenUsage? one, TokenUsage? other) => one is null ? other
        : other is null ? one
        : new(one.PromptTokens + other.PromptTokens, one.CompletionTokens + other.CompletionTokens);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TaskResult))]
[JsonSerializable(typeof(RunMarkBody))]
[JsonSerializable(typeof(Progress.SummaryReport))]
internal sealed partial class RunJson : JsonSerializerContext;

/// <summary>How the files of a run are written.</summary>
internal static class RunFormat
{
    /// <summary>Texts stay readable: these lines go to files and terminals, never into HTML.</summary>
    public static RunJson Lines { get; } = new(new JsonSerializerOptions(RunJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
