using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary><c>/v1/chat/completions</c>. Tools are called as <see cref="ToolCalls"/> says; <c>reasoning_effort</c> brings <c>reasoning_content</c>.</summary>
internal sealed class ChatDialect : Dialect
{
    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        var fields = new BodyFields(body);
        var characters = 0;
        var model = fields.Model();
        var text = fields.Required("messages") is { } messages ? fields.LastUserText(messages, "messages", ref characters) : "";
        var results = ChatTools.Results(body);
        var read = new Prompt
        {
            Model = model,
            Texts = [results ?? text],
            Calls = results is null ? ChatTools.Calls(body, text) : [],
            Json = body.TryGetProperty("response_format"u8, out var format) ? SchemaSample.Answer(format) : null,
            Thinks = body.TryGetProperty("reasoning_effort"u8, out var effort) && effort.ValueKind == JsonValueKind.String && !effort.ValueEquals("none"u8),
            Instructions = ChatTools.Instructions(body),
            InputTokens = BodyFields.Tokens(characters),
            Choices = fields.Count("n", BodyFields.MaxChoices) ?? 1,
            MaxTokens = fields.Count("max_completion_tokens") ?? fields.Count("max_tokens"),
            Stream = fields.Flag("stream"),
            IncludeUsage = fields.Flag("stream_options", "include_usage"),
            Body = body,
        };
        rejection = fields.Fault;
        prompt = rejection is null ? read : null;
        return rejection is null;
    }

    public override void WriteAnswer(Utf8JsonWriter json, Answer answer)
    {
        WriteHead(json, answer, "chat.completion");
        for (var choice = 0; choice < answer.Choices.Length; choice++)
        {
            json.WriteStartObject();
            json.WriteNumber("index"u8, choice);
            json.WriteStartObject("message"u8);
            json.WriteString("role"u8, "assistant"u8);
            json.WriteString("content"u8, answer.Prompt.Calls.Count > 0 ? null : answer.Text(choice));
            json.WriteNull("refusal"u8);
            if (answer.Prompt.Thinks)
                json.WriteString("reasoning_content"u8, answer.Thinking);
            ChatTools.WriteCalls(json, answer);
            json.WriteEndObject();
            json.WriteNull("logprobs"u8);
            json.WriteString("finish_reason"u8, Usage.FinishReason(answer));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Usage.Write(json, answer);
        json.WriteEndObject();
    }

    public override void WriteStart(EventWriter events, Answer answer)
    {
        for (var choice = 0; choice < answer.Choices.Length; choice++)
        {
            var json = BeginChunk(events, answer, choice);
            json.WriteString("role"u8, "assistant"u8);
            json.WriteString("content"u8, answer.Prompt.Calls.Count > 0 ? null : "");
            EndChunk(events, answer, finish: null);
        }
    }

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index)
    {
        var json = BeginChunk(events, answer, choice);
        var part = answer.Part(choice, index);
        switch (part.Kind)
        {
            case AnswerPartKind.Text:
                json.WriteString("content"u8, part.Text);
                break;
            case AnswerPartKind.Thinking:
                json.WriteString("reasoning_content"u8, part.Text);
                break;
            default:
                ChatTools.WritePiece(json, answer, part);
                break;
        }

        EndChunk(events, answer, finish: null);
    }

    public override void WriteEnd(EventWriter events, Answer answer)
    {
        for (var choice = 0; choice < answer.Choices.Length; choice++)
        {
            BeginChunk(events, answer, choice);
            EndChunk(events, answer, Usage.FinishReason(answer));
        }

        if (answer.Prompt.IncludeUsage)
        {
            var json = events.Begin();
            WriteHead(json, answer, "chat.completion.chunk");
            json.WriteEndArray();
            Usage.Write(json, answer);
            json.WriteEndObject();
            events.End();
        }

        events.Done();
    }

    /// <summary>Begins a chunk, whose delta is what the caller writes until its end.</summary>
    private static Utf8JsonWriter BeginChunk(EventWriter events, Answer answer, int choice)
    {
        var json = events.Begin();
        WriteHead(json, answer, "chat.completion.chunk");
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("delta"u8);
        return json;
    }

    private static void EndChunk(EventWriter events, Answer answer, string? finish)
    {
        var json = events.Json;
        json.WriteEndObject();
        json.WriteNull("logprobs"u8);
        json.WriteString("finish_reason"u8, finish);
        json.WriteEndObject();
        json.WriteEndArray();
        if (answer.Prompt.IncludeUsage)
            json.WriteNull("usage"u8);
        json.WriteEndObject();
        events.End();
    }

    private static void WriteHead(Utf8JsonWriter json, Answer answer, string kind)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, "chatcmpl-" + answer.Id);
        json.WriteString("object"u8, kind);
        json.WriteNumber("created"u8, answer.Created);
        json.WriteString("model"u8, answer.Prompt.Model);
        json.WriteString("system_fingerprint"u8, "fp_simulated"u8);
        json.WriteStartArray("choices"u8);
    }
}
