using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Writes the events of a stream of Anthropic's. Texts come as they stand between the quotes of a JSON string.</summary>
internal sealed class MessagesEvents
{
    private readonly ArrayBufferWriter<byte> _data = new(512);
    private IEventSink? _sink;

    /// <summary>Where events go, for as long as one chunk of the provider's is translated.</summary>
    public void To(IEventSink sink) => _sink = sink;

    public void MessageStart(string id, string model, in MessagesUsage usage)
    {
        var json = Begin("message_start"u8);
        json.WriteStartObject("message"u8);
        MessagesShapes.Head(json, id, model);
        json.WriteStartArray("content"u8);
        json.WriteEndArray();
        MessagesShapes.Stop(json, reason: null, sequence: null);
        usage.Write(json);
        json.WriteEndObject();
        End(json, "message_start"u8);
    }

    public void BlockStart(int index, MessagesBlock block)
    {
        var json = Begin("content_block_start"u8);
        json.WriteNumber("index"u8, index);
        json.WritePropertyName("content_block"u8);
        switch (block.Kind)
        {
            case MessagesBlockKind.Text:
                MessagesShapes.Text(json);
                json.WriteString("text"u8, ""u8);
                break;
            case MessagesBlockKind.Thinking:
                json.WriteStartObject();
                json.WriteString("type"u8, "thinking"u8);
                json.WriteString("thinking"u8, ""u8);
                json.WriteString("signature"u8, ""u8);
                break;
            case MessagesBlockKind.RedactedThinking:
                json.WriteStartObject();
                json.WriteString("type"u8, "redacted_thinking"u8);
                json.WriteString("data"u8, block.Data);
                break;
            case MessagesBlockKind.ToolUse:
                MessagesShapes.Call(json, block.Id, block.Name);
                json.WriteStartObject("input"u8);
                json.WriteEndObject();
                break;
        }

        json.WriteEndObject();
        End(json, "content_block_start"u8);
    }

    public void TextDelta(int index, ReadOnlySpan<byte> text) => Delta(index, "text_delta\",\"text"u8, text);

    public void ThinkingDelta(int index, ReadOnlySpan<byte> text) => Delta(index, "thinking_delta\",\"thinking"u8, text);

    public void SignatureDelta(int index, ReadOnlySpan<byte> signature) => Delta(index, "signature_delta\",\"signature"u8, signature);

    public void InputDelta(int index, ReadOnlySpan<byte> piece) => Delta(index, "input_json_delta\",\"partial_json"u8, piece);

    public void BlockStop(int index)
    {
        var json = Begin("content_block_stop"u8);
        json.WriteNumber("index"u8, index);
        End(json, "content_block_stop"u8);
    }

    public void MessageDelta(string stopReason, string? stopSequence, in MessagesUsage usage)
    {
        var json = Begin("message_delta"u8);
        json.WriteStartObject("delta"u8);
        json.WriteNull("container"u8);
        MessagesShapes.Stop(json, stopReason, stopSequence);
        json.WriteEndObject();
        usage.Write(json);
        End(json, "message_delta"u8);
    }

    public void MessageStop()
    {
        End(Begin("message_stop"u8), "message_stop"u8);
    }

    // The one event that there are many of.
    private void Delta(int index, ReadOnlySpan<byte> typeAndName, ReadOnlySpan<byte> text)
    {
        _data.ResetWrittenCount();
        _data.Write("{\"type\":\"content_block_delta\",\"index\":"u8);
        Utf8Formatter.TryFormat(index, _data.GetSpan(16), out var digits);
        _data.Advance(digits);
        _data.Write(",\"delta\":{\"type\":\""u8);
        _data.Write(typeAndName);
        _data.Write("\":\""u8);
        _data.Write(text);
        _data.Write("\"}}"u8);
        _sink!.Event("content_block_delta"u8, _data.WrittenSpan);
    }

    private Utf8JsonWriter Begin(ReadOnlySpan<byte> type)
    {
        _data.ResetWrittenCount();
        var json = new Utf8JsonWriter(_data, DialectJson.Writing);
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        return json;
    }

    private void End(Utf8JsonWriter json, ReadOnlySpan<byte> name)
    {
        json.WriteEndObject();
        json.Dispose();
        _sink!.Event(name, _data.WrittenSpan);
    }
}
