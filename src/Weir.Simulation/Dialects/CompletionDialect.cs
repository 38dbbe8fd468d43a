using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary><c>/v1/completions</c>: one choice, or <c>n</c>, for each prompt.</summary>
internal sealed class CompletionDialect : Dialect
{
    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        var fields = new BodyFields(body);
        var model = fields.Model();
        var texts = fields.Texts("prompt", required: false);
        var read = new Prompt
        {
            Model = model,
            Texts = texts,
            InputTokens = texts.Sum(text => BodyFields.Tokens(text.Length)),
            Choices = fields.Count("n", BodyFields.MaxChoices) ?? 1,
            MaxTokens = fields.Count("max_tokens"),
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
        WriteHead(json, answer);
        for (var choice = 0; choice < answer.Choices.Length; choice++)
            WriteChoice(json, choice, answer.Text(choice), Usage.FinishReason(answer));
        json.WriteEndArray();
        Usage.Write(json, answer);
        json.WriteEndObject();
    }

    public override void WriteStart(EventWriter events, Answer answer)
    {
    }

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index) =>
        WriteChunk(events, answer, choice, answer.Choices[choice][index], finish: null);

    public override void WriteEnd(EventWriter events, Answer answer)
    {
        for (var choice = 0; choice < answer.Choices.Length; choice++)
            WriteChunk(events, answer, choice, "", Usage.FinishReason(answer));

        if (answer.Prompt.IncludeUsage)
        {
            var json = events.Begin();
            WriteHead(json, answer);
            json.WriteEndArray();
            Usage.Write(json, answer);
            json.WriteEndObject();
            events.End();
        }

        events.Done();
    }

    private static void WriteChunk(EventWriter events, Answer answer, int choice, string text, string? finish)
    {
        var json = events.Begin();
        WriteHead(json, answer);
        WriteChoice(json, choice, text, finish);
        json.WriteEndArray();
        if (answer.Prompt.IncludeUsage)
            json.WriteNull("usage"u8);
        json.WriteEndObject();
        events.End();
    }

    private static void WriteChoice(Utf8JsonWriter json, int choice, string text, string? finish)
    {
        json.WriteStartObject();
        json.WriteString("text"u8, text);
        json.WriteNumber("index"u8, choice);
        json.WriteNull("logprobs"u8);
        json.WriteString("finish_reason"u8, finish);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, Answer answer)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, "cmpl-" + answer.Id);
        json.WriteString("object"u8, "text_completion"u8);
        json.WriteNumber("created"u8, answer.Created);
        json.WriteString("model"u8, answer.Prompt.Model);
        json.WriteString("system_fingerprint"u8, "fp_simulated"u8);
        json.WriteStartArray("choices"u8);
    }
}
