using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Inference.Relay;

namespace Weir.Inference.Dialects;

/// <summary>The events of Anthropic's stream as the chunks of a chat completion.</summary>
internal sealed class ChatStream(AnswerContext context)
{
    // A block that is open holds its thinking until it is signed.
    private const int LargestThinking = 16 * 1024 * 1024;
    private const int LargestSigned = 2 * LargestThinking;
    private const int MostOpenBlocks = 1024;

    private readonly ArrayBufferWriter<byte> _buffer = new(512);
    private readonly Dictionary<long, ChatStreamBlock> _blocks = [];
    private Utf8JsonWriter? _json;

    // Signed blocks go out once, all of them: official clients know nothing of the field, so that their accumulators keep only the last
    // list that they are given, or fail at a second one.
    private ArrayBufferWriter<byte>? _signed;
    private string _id = "chatcmpl-unknown";
    private string? _stop;
    private TokenUsage? _usage;
    private int _calls;
    private bool _begun;

    public void Event(JsonElement data, IEventSink output)
    {
        switch (data.TypeOf())
        {
            case "message_start":
                if (data.Find("message"u8) is { } message)
                {
                    _id = ChatAnswer.IdOf(message);
                    Count(message);
                }

                Begin(output);
                break;
            case "content_block_start":
                Start(data, output);
                break;
            case "content_block_delta":
                Delta(data, output);
                break;
            case "content_block_stop":
                if (_blocks.Remove(data.CountOf("index"u8), out var block))
                {
                    Stop(block, output);
                }

                break;
            case "message_delta":
                if (data.Find("delta"u8) is { } delta)
                {
                    _stop = delta.TextOf("stop_reason"u8) ?? _stop;
                }

                Count(data);
                break;
            case null:
                throw new InvalidDataException("An event of the stream has no type.");
        }

        // Anthropic announces that new types of events will come, and asks to pass over them.
    }

    public void End(IEventSink output)
    {
        Begin(output);
        foreach (var block in _blocks.Values)
        {
            Stop(block, output);
        }

        _blocks.Clear();
        SendSigned(output);
        Send(Open(), ChatAnswer.FinishReason(_stop), output);
        if (context.IncludeUsage && _usage is { } usage)
        {
            var json = Head();
            json.WriteStartArray("choices"u8);
            json.WriteEndArray();
            ChatUsage.Write(json, usage);
            json.WriteEndObject();
            Flush(json, output);
        }

        output.Event([], "[DONE]"u8);
    }

    private void Count(JsonElement of)
    {
        if (of.Find("usage"u8) is { } usage)
        {
            _usage = TokenUsage.Latest(_usage, ChatUsage.Read(usage));
        }
    }

    private void Begin(IEventSink output)
    {
        if (_begun)
        {
            return;
        }

        _begun = true;
        var json = Open();
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("content"u8, ""u8);
        Send(json, null, output);
    }

    private void Start(JsonElement data, IEventSink output)
    {
        Begin(output);
        if (data.Find("content_block"u8) is not { ValueKind: JsonValueKind.Object } content)
        {
            throw new InvalidDataException("A block of the stream begins without being told what it is.");
        }

        if (_blocks.Count >= MostOpenBlocks)
        {
            throw new InvalidDataException("Too many blocks of the stream are open at once.");
        }

        var block = new ChatStreamBlock(content.TypeOf() ?? "");
        _blocks[data.CountOf("index"u8)] = block;
        switch (block.Type)
        {
            case "tool_use":
                block.Call = _calls++;
                block.Keep(content);
                Call(block.Call, content, output);
                break;
            case "thinking":
                block.Thinking = new JsonText(LargestThinking);
                Think(block, content, output);
                Sign(block, content);
                break;
            case "redacted_thinking":
                block.Keep(content);
                break;
            default:
                Say("content"u8, content.FindText("text"u8), output);
                break;
        }
    }

    private void Delta(JsonElement data, IEventSink output)
    {
        if (data.Find("delta"u8) is not { } delta)
        {
            return;
        }

        _blocks.TryGetValue(data.CountOf("index"u8), out var block);
        switch (delta.TypeOf())
        {
            case "text_delta":
                Say("content"u8, delta.FindText("text"u8), output);
                break;
            case "input_json_delta" when block is { Type: "tool_use" }:
                if (delta.FindText("partial_json"u8) is { } piece && !DialectJson.Inner(piece).IsEmpty)
                {
                    block.HasArguments = true;
                    var json = OpenCall(block.Call);
                    json.Copy("arguments"u8, piece);
                    SendCall(json, output);
                }

                break;
            case "thinking_delta" when block is { Thinking: not null }:
                Think(block, delta, output);
                break;
            case "signature_delta" when block is { Thinking: not null }:
                Sign(block, delta);
                break;
        }
    }

    private void Stop(ChatStreamBlock block, IEventSink output)
    {
        if (block is { Type: "tool_use", HasArguments: false })
        {
            // A tool without parameters; clients parse what they are given.
            var call = OpenCall(block.Call);
            call.WriteString("arguments"u8, block.Input is { } input ? JsonMarshal.GetRawUtf8Value(input) : "{}"u8);
            SendCall(call, output);
        }
        else if (block.IsSigned)
        {
            Keep(block);
            if (context.IsBetween)
            {
                // Where another translation reads on, the block has to end where it ended.
                SendSigned(output);
            }
        }
    }

    private void Keep(ChatStreamBlock block)
    {
        _signed ??= new ArrayBufferWriter<byte>(1024);
        _signed.Write(_signed.WrittenCount == 0 ? "["u8 : ","u8);
        using (var json = new Utf8JsonWriter(_signed, DialectJson.Writing))
        {
            block.WriteTo(json);
        }

        if (_signed.WrittenCount > LargestSigned)
        {
            throw new InvalidDataException("The signed thinking of the stream is larger than any should be.");
        }
    }

    private void SendSigned(IEventSink output)
    {
        if (_signed is not { WrittenCount: > 0 } signed)
        {
            return;
        }

        signed.Write("]"u8);
        var json = Open();
        json.WritePropertyName("thinking_blocks"u8);
        json.WriteRawValue(signed.WrittenSpan, skipInputValidation: true);
        Send(json, null, output);
        signed.ResetWrittenCount();
    }

    private void Call(int call, JsonElement content, IEventSink output)
    {
        if (content.FindText("id"u8) is not { } id || content.FindText("name"u8) is not { } name)
        {
            throw new InvalidDataException("A call of a tool has no id or no name.");
        }

        var json = Open();
        json.WriteStartArray("tool_calls"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, call);
        json.Copy("id"u8, id);
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.Copy("name"u8, name);
        json.WriteString("arguments"u8, ""u8);
        SendCall(json, output);
    }

    private Utf8JsonWriter OpenCall(int call)
    {
        var json = Open();
        json.WriteStartArray("tool_calls"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, call);
        json.WriteStartObject("function"u8);
        return json;
    }

    private void SendCall(Utf8JsonWriter json, IEventSink output)
    {
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        Send(json, null, output);
    }

    private void Think(ChatStreamBlock block, JsonElement from, IEventSink output)
    {
        if (from.FindText("thinking"u8) is { } piece && !DialectJson.Inner(piece).IsEmpty)
        {
            block.Thinking!.Add(piece);
            Say("reasoning_content"u8, piece, output);
        }
    }

    private static void Sign(ChatStreamBlock block, JsonElement from)
    {
        if (from.FindText("signature"u8) is { } piece && !DialectJson.Inner(piece).IsEmpty)
        {
            (block.Signature ??= new JsonText(LargestThinking)).Add(piece);
        }
    }

    private void Say(ReadOnlySpan<byte> field, JsonElement? text, IEventSink output)
    {
        if (text is { } piece && !DialectJson.Inner(piece).IsEmpty)
        {
            Begin(output);
            var json = Open();
            json.Copy(field, piece);
            Send(json, null, output);
        }
    }

    private Utf8JsonWriter Head()
    {
        _buffer.ResetWrittenCount();
        var json = _json ??= new Utf8JsonWriter(_buffer, DialectJson.Writing);
        json.Reset(_buffer);
        json.WriteStartObject();
        json.WriteString("id"u8, _id);
        json.WriteString("object"u8, "chat.completion.chunk"u8);
        json.WriteNumber("created"u8, context.Created.ToUnixTimeSeconds());
        json.WriteString("model"u8, context.Model);
        return json;
    }

    private Utf8JsonWriter Open()
    {
        var json = Head();
        json.WriteStartArray("choices"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, 0);
        json.WriteStartObject("delta"u8);
        return json;
    }

    private void Send(Utf8JsonWriter json, string? finish, IEventSink output)
    {
        json.WriteEndObject();
        json.WriteNull("logprobs"u8);
        json.WriteString("finish_reason"u8, finish);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        Flush(json, output);
    }

    private void Flush(Utf8JsonWriter json, IEventSink output)
    {
        json.Flush();
        output.Event([], _buffer.WrittenSpan);
    }
}
