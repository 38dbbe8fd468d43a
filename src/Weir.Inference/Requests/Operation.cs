using Weir.Inference.Providers;

namespace Weir.Inference.Requests;

/// <summary>What is asked of a provider: one row for each path that a dialect has.</summary>
public sealed class Operation
{
    public static readonly Operation ChatCompletions = new("chat", Dialect.OpenAI, "/chat/completions", StreamEnd.Done);
    public static readonly Operation Completions = new("text_completion", Dialect.OpenAI, "/completions", StreamEnd.Done);
    public static readonly Operation Responses = new("responses", Dialect.OpenAI, "/responses", StreamEnd.ResponseEvent, "chat");
    public static readonly Operation Embeddings = new("embeddings", Dialect.OpenAI, "/embeddings", StreamEnd.None);
    public static readonly Operation Messages = new("messages", Dialect.Anthropic, "/messages", StreamEnd.MessageStop, "chat");
    public static readonly Operation CountTokens = new("count_tokens", Dialect.Anthropic, "/messages/count_tokens", StreamEnd.None);

    private static int _count;

    private Operation(string name, Dialect dialect, string path, StreamEnd end, string? convention = null)
    {
        Name = name;
        Convention = convention ?? name;
        Dialect = dialect;
        Path = path;
        StreamEnd = end;
        Index = _count++;
    }

    public static IReadOnlyList<Operation> All { get; } = [ChatCompletions, Completions, Responses, Embeddings, Messages, CountTokens];

    /// <summary>The operation's name in logs and in counters of ours.</summary>
    public string Name { get; }

    /// <summary>Its name in spans and metrics of the OpenTelemetry GenAI conventions, which call each kind of conversation a chat.</summary>
    public string Convention { get; }

    /// <summary>Whose operation it is.</summary>
    public Dialect Dialect { get; }

    /// <summary>Relative to a provider's base URL, and to our own <c>/v1</c>.</summary>
    public string Path { get; }

    /// <summary>How a stream of this operation says that it is complete.</summary>
    public StreamEnd StreamEnd { get; }

    /// <summary>Its place in tables that hold something for each operation.</summary>
    internal int Index { get; }
}

/// <summary>How a stream says that it is complete.</summary>
public enum StreamEnd
{
    /// <summary>The operation does not stream.</summary>
    None,

    /// <summary>A last event <c>data: [DONE]</c>.</summary>
    Done,

    /// <summary>An event of type response.completed, response.incomplete or response.failed.</summary>
    ResponseEvent,

    /// <summary>An event of type message_stop.</summary>
    MessageStop,
}
