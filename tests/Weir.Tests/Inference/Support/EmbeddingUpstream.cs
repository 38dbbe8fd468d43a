using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace Weir.Tests.Inference.Support;

/// <summary>A provider of embeddings: the vector of a text is made of its length and its characters, and a text with "bad" in it is refused.</summary>
internal sealed class EmbeddingUpstream : IAsyncDisposable
{
    private readonly Func<Exchange, Task>? _before;

    /// <param name="before">Runs before each answer; null: nothing does.</param>
    public EmbeddingUpstream(Func<Exchange, Task>? before = null)
    {
        _before = before;
        Provider = new ScriptedUpstream(AnswerAsync);
    }

    public ScriptedUpstream Provider { get; }

    /// <summary>The inputs of each call that came.</summary>
    public ConcurrentQueue<string[]> Calls { get; } = new();

    public static string VectorOf(string text) =>
        $"[{text.Length},{text.Sum(letter => (long)letter).ToString(CultureInfo.InvariantCulture)}.50]";

    public static string Request(params string[] inputs) => RequestWith("", inputs);

    public static string RequestWith(string extra, params string[] inputs) =>
        $$"""{"model":"fast","input":{{JsonSerializer.Serialize(inputs)}}{{extra}}}""";

    public ValueTask DisposeAsync() => Provider.DisposeAsync();

    private async Task AnswerAsync(Exchange exchange)
    {
        var root = JsonDocument.Parse(exchange.Request.Body).RootElement;
        var input = root.GetProperty("input");
        string[] texts = input.ValueKind == JsonValueKind.String ? [input.GetString()!]
            : [.. input.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText())];
        Calls.Enqueue(texts);
        if (_before is not null)
        {
            await _before(exchange);
        }

        if (texts.Any(text => text.Contains("bad", StringComparison.Ordinal)))
        {
            await exchange.RespondAsync(400, """{"error":{"message":"a text is bad","type":"invalid_request_error","code":"bad_text"}}""");
            return;
        }

        // Out of order: whoever takes it apart goes by the index.
        var data = texts.Select((text, i) => $$"""{"object":"embedding","index":{{i}},"embedding":{{VectorOf(text)}}}""").Reverse();
        var tokens = texts.Sum(text => text.Length);
        await exchange.RespondAsync(
            200,
            $$"""{"object":"list","data":[{{string.Join(", ", data)}}],"model":"real-model-001","usage":{"prompt_tokens":{{tokens}},"total_tokens":{{tokens}} } }""");
    }
}
