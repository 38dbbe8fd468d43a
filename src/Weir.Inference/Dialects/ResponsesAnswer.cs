using System.Buffers;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Turns a chat's answer into a response.</summary>
internal sealed class ResponsesAnswer : AnswerTranslator
{
    /// <summary>What tells the id of a translated response, which nobody keeps, from one that leads back to a provider.</summary>
    public const string IdPrefix = "resp_stateless_";

    private readonly AnswerContext _context;
    private readonly ResponsesEcho _echo;
    private readonly ResponsesEvents _events = new();
    private readonly ResponsesOutput _output;
    private readonly string _id;
    private bool _began;
    private string? _finish;
    private string? _tier;
    private (long Input, long Cached, long Output, long Reasoning)? _usage;

    public ResponsesAnswer(AnswerContext context, string id)
    {
        _context = context;
        _echo = new ResponsesEcho(context.Request);
        _id = IdPrefix + id;
        _output = new ResponsesOutput(id, _echo.WantsSummary, _events);
    }

    private string Status => _finish switch
    {
        "length" or "content_filter" => "incomplete",
        "error" or "insufficient_system_resource" => "failed",
        _ => "completed",
    };

    public override void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        var chat = document.RootElement;
        if (FirstOf(chat) is not { } choice || choice.Find("message"u8) is not { } message)
        {
            throw new InvalidDataException("The answer holds no choice with a message.");
        }

        Take(chat, choice, message);
        Finish();
        using var writer = new Utf8JsonWriter(output, DialectJson.Writing);
        Response(writer, Status);
    }

    public override void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output)
    {
        using var document = JsonDocument.Parse(data, DialectJson.Reading);
        var chunk = document.RootElement;
        Begin(output);
        var choice = FirstOf(chunk);
        Take(chunk, choice, choice?.Find("delta"u8));
    }

    public override void End(IEventSink output)
    {
        Begin(output);
        Finish();
        Tell("response." + Status, Status);
    }

    private static JsonElement? FirstOf(JsonElement chat)
    {
        foreach (var choice in chat.Items("choices"u8))
        {
            if (choice.CountOf("index"u8) == 0)
            {
                return choice;
            }
        }

        return null;
    }

    private void Begin(IEventSink output)
    {
        _events.Sink = output;
        if (!_began)
        {
            _began = true;
            Tell("response.created", "in_progress");
            Tell("response.in_progress", "in_progress");
        }
    }

    // A message and the delta of one look the same.
    private void Take(JsonElement chat, JsonElement? choice, JsonElement? message)
    {
        Usage(chat);
        _tier = chat.TextOf("service_tier"u8) ?? _tier;
        if (message is { } said)
        {
            _output.Reasoning(said.TextOf("reasoning_content"u8) ?? said.TextOf("reasoning"u8) ?? "");
            foreach (var block in said.Items("thinking_blocks"u8).Where(ChatBlocks.IsSigned))
            {
                _output.Thinking(block.GetRawText());
            }

            Content(said.Find("content"u8));
            _output.Text(said.TextOf("refusal"u8) ?? "", isRefusal: true);
            foreach (var call in said.Items("tool_calls"u8))
            {
                Call(call);
            }
        }

        _finish = choice?.TextOf("finish_reason"u8) ?? _finish;
    }

    // Mistral's reasoning models answer in parts, of which those of type thinking are lists in turn.
    private void Content(JsonElement? content)
    {
        if (content is { ValueKind: JsonValueKind.String } text)
        {
            _output.Text(text.GetString()!, isRefusal: false);
        }

        foreach (var part in content is { ValueKind: JsonValueKind.Array } parts ? parts.EnumerateArray() : default)
        {
            foreach (var thought in part.Items("thinking"u8))
            {
                _output.Reasoning(thought.TextOf("text"u8) ?? "");
            }

            _output.Text(part.TextOf("text"u8) ?? "", isRefusal: false);
        }
    }

    private void Call(JsonElement call)
    {
        var function = call.Find("function"u8) ?? default;
        _output.Call(call.CountOf("index"u8), call.TextOf("id"u8), function.TextOf("name"u8), DialectJson.ArgumentsOf(function));
    }

    private void Usage(JsonElement chat)
    {
        if (chat.Find("usage"u8) is not { ValueKind: JsonValueKind.Object } usage)
        {
            return;
        }

        var cached = usage.Find("prompt_tokens_details"u8)?.CountOf("cached_tokens"u8) ?? usage.CountOf("prompt_cache_hit_tokens"u8);
        var reasoning = usage.Find("completion_tokens_details"u8)?.CountOf("reasoning_tokens"u8) ?? 0;
        _usage = (usage.CountOf("prompt_tokens"u8), cached, usage.CountOf("completion_tokens"u8), reasoning);
    }

    private void Finish()
    {
        if (_output.Items.Count == 0 && Status == "completed")
        {
            _output.SayNothing();
        }

        _output.Close(isCut: Status != "completed");
    }

    private void Tell(string type, string status)
    {
        var writer = _events.Begin(type);
        writer.WritePropertyName("response"u8);
        Response(writer, status);
        _events.End();
    }

    private void Response(Utf8JsonWriter writer, string status)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, _id);
        writer.WriteString("object"u8, "response"u8);
        writer.WriteNumber("created_at"u8, _context.Created.ToUnixTimeSeconds());
        writer.WriteString("status"u8, status);
        writer.WriteBoolean("background"u8, false);
        Error(writer, status);
        writer.WriteString("model"u8, _context.Model);
        writer.WriteStartArray("output"u8);
        foreach (var item in _output.Items)
        {
            item.Write(writer);
        }

        writer.WriteEndArray();
        _echo.Write(writer, _tier);
        writer.WritePropertyName("usage"u8);
        if (status != "in_progress" && _usage is { } used)
        {
            WriteUsage(writer, used);
        }
        else
        {
            writer.WriteNullValue();
        }

        writer.WriteEndObject();
    }

    private void Error(Utf8JsonWriter writer, string status)
    {
        writer.WritePropertyName("error"u8);
        if (status == "failed")
        {
            writer.WriteStartObject();
            writer.WriteString("code"u8, "server_error"u8);
            writer.WriteString("message"u8, $"The provider ended its answer with '{_finish}'.");
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteNullValue();
        }

        writer.WritePropertyName("incomplete_details"u8);
        if (status == "incomplete")
        {
            writer.WriteStartObject();
            writer.WriteString("reason"u8, _finish == "length" ? "max_output_tokens"u8 : "content_filter"u8);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteNullValue();
        }
    }

    private static void WriteUsage(Utf8JsonWriter writer, (long Input, long Cached, long Output, long Reasoning) used)
    {
        writer.WriteStartObject();
        writer.WriteNumber("input_tokens"u8, used.Input);
        writer.WriteStartObject("input_tokens_details"u8);
        writer.WriteNumber("cached_tokens"u8, used.Cached);
        writer.WriteEndObject();
        writer.WriteNumber("output_tokens"u8, used.Output);
        writer.WriteStartObject("output_tokens_details"u8);
        writer.WriteNumber("reasoning_tokens"u8, used.Reasoning);
        writer.WriteEndObject();
        writer.WriteNumber("total_tokens"u8, used.Input + used.Output);
        writer.WriteEndObject();
    }
}
