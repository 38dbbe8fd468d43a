using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary><c>/v1/chat/completions</c>. Tools may be given; they are never called.</summary>
internal sealed class ChatDialect : Dialect
{
    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        var fields = new BodyFields(body);
        var characters = 0;
        var model = fields.Model();
        var text = fields.Required("messages") is { } messages ? fields.LastUserText(messages, "messages", ref characters) : "";
        var read = new Prompt
        {
            Model = model,
            Texts = [text],
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
            json.WriteString("content"u8, answer.Text(choice));
            json.WriteNull("refusal"u8);
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
            WriteChunk(events, answer, choice, role: true, "", finish: null);
    }

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index) =>
        WriteChunk(events, answer, choice, role: false, answer.Choices[choice][index], finish: null);

    public override void WriteEnd(EventWriter events, Answer answer)
    {
        for (var choice = 0; choice < answer.Choices.Length; choice++)
            WriteChunk(events, answer, choice, role: false, content: null, Usage.FinishReason(answer));

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

    private static void WriteChunk(EventWriter events, Answer answer, int choice, bool role, string? content, string? finish)
    {
        var json = events.Begin();
        WriteHead(json, answer, "chat.completion.chunk");
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("delta"u8);
        if (role)
            json.WriteString("role"u8, "assistant"u8);
        if (content is not null)
            json.WriteString("content"u8, content);
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
