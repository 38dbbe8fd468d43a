namespace Weir.Inference.Requests;

/// <summary>What is asked of a provider: one row for each path that the OpenAI dialect has.</summary>
public sealed class Operation
{
    public static readonly Operation ChatCompletions = new("chat", "/chat/completions", StreamEnd.Done);
    public static readonly Operation Completions = new("text_completion", "/completions", StreamEnd.Done);
    public static readonly Operation Responses = new("responses", "/responses", StreamEnd.ResponseEvent);
    public static readonly Operation Embeddings = new("embeddings", "/embeddings", StreamEnd.None);

    private static int _count;

    private Operation(string name, string path, StreamEnd end)
    {
        Name = name;
        Path = path;
        StreamEnd = end;
        Index = _count++;
    }

    public static IReadOnlyList<Operation> All { get; } = [ChatCompletions, Completions, Responses, Embeddings];

    /// <summary>The operation's name in metrics and traces, after the OpenTelemetry GenAI conventions where they have one.</summary>
    public string Name { get; }

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
}
