using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary>
/// Anthropic's <c>/v1/messages</c>. Tools are called as <see cref="ToolCalls"/> says; <c>thinking</c> brings a signed block, whose
/// signature is checked when it is sent back.
/// </summary>
internal sealed class MessagesDialect : Dialect
{
    public override Shape Shape => Shape.Anthropic;

    /// <summary>What the signature of a block of thinking has to be.</summary>
    public static string Sign(string thinking) => "sim_" + Prompt.Fingerprint(thinking);

    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        (prompt, rejection) = new MessagesRequest(body).Read(counts: false);
        return prompt is not null;
    }

    public override void WriteAnswer(Utf8JsonWriter json, Answer answer)
    {
        WriteMessage(json, answer, () =>
        {
            if (answer.Thinking is { Length: > 0 } thinking)
                WriteBlock(json, "thinking", ("thinking", thinking), ("signature", Sign(thinking)));
            if (answer.Prompt.Calls.Count == 0 && answer.Text(0) is { Length: > 0 } text)
                WriteBlock(json, "text", ("text", text));
            var index = 0;
            foreach (var call in answer.Calls)
            {
                json.WriteStartObject();
                WriteCall(json, answer, index++, call.Name);
                // Cut short, it is no object: Anthropic's API then gives what it has of it, this gives nothing.
                json.WritePropertyName("input"u8);
                json.WriteRawValue(answer.IsCutShort ? "{}" : call.Arguments, skipInputValidation: true);
                json.WriteEndObject();
            }
        });
    }

    public override void WriteStart(EventWriter events, Answer answer)
    {
        var json = Begin(events, "message_start");
        json.WritePropertyName("message"u8);
        WriteMessage(json, answer, content: null);
        End(events);
    }

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index)
    {
        var part = answer.Part(0, index);
        var block = BlockOf(answer, index);
        if (index == 0 || part.Kind == AnswerPartKind.Call || BlockOf(answer, index - 1) != block)
        {
            if (index > 0)
                Stop(events, answer, index - 1);
            Start(events, answer, part, block);
            if (index == 0)
            {
                Begin(events, "ping");
                End(events);
            }
        }

        switch (part.Kind)
        {
            case AnswerPartKind.Thinking:
                Delta(events, block, "thinking_delta", "thinking", part.Text);
                break;
            case AnswerPartKind.Text:
                Delta(events, block, "text_delta", "text", part.Text);
                break;
            default:
                Delta(events, block, "input_json_delta", "partial_json", part.Kind == AnswerPartKind.Call ? "" : part.Text);
                break;
        }
    }

    public override void WriteEnd(EventWriter events, Answer answer)
    {
        Stop(events, answer, answer.TokenCount - 1);
        var json = Begin(events, "message_delta");
        json.WriteStartObject("delta"u8);
        json.WriteNull("container"u8);
        WriteStop(json, StopReason(answer));
        json.WriteEndObject();
        WriteUsage(json, answer, answer.OutputTokens);
        End(events);
        Begin(events, "message_stop");
        End(events);
    }

    private static string StopReason(Answer answer) => answer.IsCutShort ? "max_tokens" : answer.Prompt.Calls.Count > 0 ? "tool_use" : "end_turn";

    /// <summary>The block that a token belongs to: thinking first where there is any, then the text or each call.</summary>
    private static int BlockOf(Answer answer, int index)
    {
        var part = answer.Part(0, index);
        return part.Kind == AnswerPartKind.Thinking ? 0 : part.Call + (answer.ThinkingTokens > 0 ? 1 : 0);
    }

    private static void Start(EventWriter events, Answer answer, AnswerPart part, int block)
    {
        var json = Begin(events, "content_block_start");
        json.WriteNumber("index"u8, block);
        json.WritePropertyName("content_block"u8);
        switch (part.Kind)
        {
            case AnswerPartKind.Thinking:
                WriteBlock(json, "thinking", ("thinking", ""), ("signature", ""));
                break;
            case AnswerPartKind.Text:
                WriteBlock(json, "text", ("text", ""));
                break;
            default:
                json.WriteStartObject();
                WriteCall(json, answer, part.Call, part.Text);
                json.WriteStartObject("input"u8);
                json.WriteEndObject();
                json.WriteEndObject();
                break;
        }

        End(events);
    }

    /// <summary>Ends the block of a token, thinking with its signature.</summary>
    private static void Stop(EventWriter events, Answer answer, int index)
    {
        var block = BlockOf(answer, index);
        if (answer.Part(0, index).Kind == AnswerPartKind.Thinking)
            Delta(events, block, "signature_delta", "signature", Sign(answer.Thinking));
        Begin(events, "content_block_stop").WriteNumber("index"u8, block);
        End(events);
    }

    private static void Delta(EventWriter events, int block, string type, string field, string text)
    {
        var json = Begin(events, "content_block_delta");
        json.WriteNumber("index"u8, block);
        json.WritePropertyName("delta"u8);
        WriteBlock(json, type, (field, text));
        End(events);
    }

    private static Utf8JsonWriter Begin(EventWriter events, string name)
    {
        var json = events.Begin(name);
        json.WriteStartObject();
        json.WriteString("type"u8, name);
        return json;
    }

    private static void End(EventWriter events)
    {
        events.Json.WriteEndObject();
        events.End();
    }

    /// <param name="json">Gets it.</param>
    /// <param name="answer">Whose message it is.</param>
    /// <param name="content">Writes the blocks; null where they are yet to come.</param>
    private static void WriteMessage(Utf8JsonWriter json, Answer answer, Action? content)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, "msg_" + answer.Id);
        json.WriteString("type"u8, "message"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("model"u8, answer.Prompt.Model);
        json.WriteStartArray("content"u8);
        content?.Invoke();
        json.WriteEndArray();
        json.WriteNull("container"u8);
        json.WriteNull("diagnostics"u8);
        WriteStop(json, content is null ? null : StopReason(answer));
        WriteUsage(json, answer, content is null ? 1 : answer.OutputTokens);
        json.WriteEndObject();
    }

    private static void WriteStop(Utf8JsonWriter json, string? reason)
    {
        json.WriteString("stop_reason"u8, reason);
        json.WriteNull("stop_sequence"u8);
        json.WriteNull("stop_details"u8);
    }

    private static void WriteBlock(Utf8JsonWriter json, string type, params ReadOnlySpan<(string Name, string Text)> fields)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        foreach (var (name, text) in fields)
            json.WriteString(name, text);
        if (type == "text")
            json.WriteNull("citations"u8);
        json.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter json, Answer answer, int index, string name)
    {
        json.WriteString("type"u8, "tool_use"u8);
        json.WriteString("id"u8, $"toolu_{answer.Id}_{index}");
        json.WriteString("name"u8, name);
        json.WritePropertyName("caller"u8);
        json.WriteRawValue("""{"type":"direct"}"""u8, skipInputValidation: true);
    }

    /// <summary>What the cache has or gets stands beside the input.</summary>
    private static void WriteUsage(Utf8JsonWriter json, Answer answer, int output)
    {
        var marked = answer.Prompt.Instructions.Length == 0 ? 0 : Math.Min(BodyFields.Tokens(answer.Prompt.Instructions.Length), answer.Prompt.InputTokens);
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, answer.Prompt.InputTokens - marked);
        json.WriteNumber("cache_creation_input_tokens"u8, answer.IsCached ? 0 : marked);
        json.WriteNumber("cache_read_input_tokens"u8, answer.IsCached ? marked : 0);
        json.WriteNumber("output_tokens"u8, output);
        json.WriteString("service_tier"u8, "standard"u8);
        foreach (var nothing in (ReadOnlySpan<string>)["cache_creation", "inference_geo", "output_tokens_details", "server_tool_use", "speed"])
            json.WriteNull(nothing);
        json.WriteEndObject();
    }
}
