using System.Buffers;
using System.Text.Json;
using Weir.Inference.Relay;

namespace Weir.Inference.Dialects;

/// <summary>
/// An answer of Anthropic's as a chat completion. Thinking becomes <c>reasoning_content</c>, and its signed blocks <c>thinking_blocks</c>, which
/// an assistant message gives back as they were. Of blocks that the chat API has nothing for, such as what a server's own tools did, the text is
/// kept and the rest left out, and so are citations.
/// </summary>
internal sealed class ChatAnswer(AnswerContext context) : AnswerTranslator
{
    private readonly ChatStream _stream = new(context);

    public override void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        var message = document.RootElement;
        if (message.Find("content"u8) is not { ValueKind: JsonValueKind.Array } blocks)
        {
            throw new InvalidDataException("The answer has no content.");
        }

        using var json = new Utf8JsonWriter(output, DialectJson.Writing);
        json.WriteStartObject();
        json.WriteString("id"u8, IdOf(message));
        json.WriteString("object"u8, "chat.completion"u8);
        json.WriteNumber("created"u8, context.Created.ToUnixTimeSeconds());
        json.WriteString("model"u8, context.Model);
        json.WriteStartArray("choices"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, 0);
        json.WriteStartObject("message"u8);
        json.WriteString("role"u8, "assistant"u8);
        ChatBlocks.Write(json, blocks);
        json.WriteNull("refusal"u8);
        json.WriteEndObject();
        json.WriteNull("logprobs"u8);
        json.WriteString("finish_reason"u8, FinishReason(message.TextOf("stop_reason"u8)));
        json.WriteEndObject();
        json.WriteEndArray();
        if (message.Find("usage"u8) is { } usage)
        {
            ChatUsage.Write(json, ChatUsage.Read(usage));
        }

        json.WriteEndObject();
    }

    public override void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output)
    {
        using var document = JsonDocument.Parse(data, DialectJson.Reading);
        _stream.Event(document.RootElement, output);
    }

    public override void End(IEventSink output) => _stream.End(output);

    /// <summary>The message's own id, which Anthropic's support asks for, behind the prefix that clients expect.</summary>
    public static string IdOf(JsonElement message) => "chatcmpl-" + (message.TextOf("id"u8) ?? "unknown");

    /// <summary>Why an answer ended, in the chat API's words.</summary>
    public static string FinishReason(string? stop) => stop switch
    {
        "max_tokens" or "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        // end_turn and stop_sequence, and pause_turn, after which a client may go on by sending the answer back.
        _ => "stop",
    };
}
