using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary><c>/v1/responses</c>: one message of one text. Tools may be given; they are never called.</summary>
internal sealed class ResponseDialect(StoredResponses stored) : Dialect
{
    private const string InProgress = "in_progress";

    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        var fields = new BodyFields(body);
        var characters = 0;
        var text = "";
        var model = fields.Model();
        if (fields.Required("input") is { } input)
        {
            text = input.ValueKind == JsonValueKind.String ? input.GetString()! : fields.LastUserText(input, "input", ref characters);
            characters = Math.Max(characters, text.Length);
        }

        var read = new Prompt
        {
            Model = model,
            Texts = [text],
            Json = body.TryGetProperty("text"u8, out var shape) && shape.ValueKind == JsonValueKind.Object && shape.TryGetProperty("format"u8, out var format)
                ? SchemaSample.Answer(format) : null,
            InputTokens = BodyFields.Tokens(characters),
            MaxTokens = fields.Count("max_output_tokens"),
            Stream = fields.Flag("stream"),
            Body = body,
        };
        rejection = fields.Fault ?? Previous(body);
        prompt = rejection is null ? read : null;
        return rejection is null;
    }

    public override void WriteAnswer(Utf8JsonWriter json, Answer answer) => WriteResponse(json, answer, FinalStatus(answer));

    public override void WriteStart(EventWriter events, Answer answer)
    {
        WriteWhole(events, answer, "response.created", 0, InProgress);
        WriteWhole(events, answer, "response.in_progress", 1, InProgress);

        var json = Begin(events, "response.output_item.added", 2);
        json.WriteNumber("output_index"u8, 0);
        json.WritePropertyName("item"u8);
        WriteMessage(json, answer, InProgress, text: null);
        End(events, json);

        json = Begin(events, "response.content_part.added", 3);
        WritePlace(json, answer);
        json.WritePropertyName("part"u8);
        WritePart(json, "");
        End(events, json);
    }

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index)
    {
        var json = Begin(events, "response.output_text.delta", 4 + index);
        WritePlace(json, answer);
        json.WriteString("delta"u8, answer.Choices[choice][index]);
        json.WriteStartArray("logprobs"u8);
        json.WriteEndArray();
        End(events, json);
    }

    public override void WriteEnd(EventWriter events, Answer answer)
    {
        var number = 4 + answer.TokenCount;
        var status = FinalStatus(answer);
        var text = answer.Text(0);

        var json = Begin(events, "response.output_text.done", number++);
        WritePlace(json, answer);
        json.WriteString("text"u8, text);
        json.WriteStartArray("logprobs"u8);
        json.WriteEndArray();
        End(events, json);

        json = Begin(events, "response.content_part.done", number++);
        WritePlace(json, answer);
        json.WritePropertyName("part"u8);
        WritePart(json, text);
        End(events, json);

        json = Begin(events, "response.output_item.done", number++);
        json.WriteNumber("output_index"u8, 0);
        json.WritePropertyName("item"u8);
        WriteMessage(json, answer, status, text);
        End(events, json);

        WriteWhole(events, answer, "response." + status, number, status);
    }

    public override void Sent(Answer answer)
    {
        var body = answer.Prompt.Body;
        if (!body.TryGetProperty("store", out var store) || store.ValueKind != JsonValueKind.False)
            stored.Add("resp_" + answer.Id, json => WriteAnswer(json, answer));
    }

    private static string FinalStatus(Answer answer) => answer.IsCutShort ? "incomplete" : "completed";

    private Rejection? Previous(JsonElement body)
    {
        if (!body.TryGetProperty("previous_response_id", out var previous) || previous.ValueKind != JsonValueKind.String)
            return null;
        var id = previous.GetString()!;
        return stored.TryGet(id, out _)
            ? null
            : Rejection.Invalid($"Previous response with id '{id}' not found.", "previous_response_id", "previous_response_not_found");
    }

    private static Utf8JsonWriter Begin(EventWriter events, string name, int number)
    {
        var json = events.Begin(name);
        json.WriteStartObject();
        json.WriteString("type"u8, name);
        json.WriteNumber("sequence_number"u8, number);
        return json;
    }

    private static void End(EventWriter events, Utf8JsonWriter json)
    {
        json.WriteEndObject();
        events.End();
    }

    private static void WriteWhole(EventWriter events, Answer answer, string name, int number, string status)
    {
        var json = Begin(events, name, number);
        json.WritePropertyName("response"u8);
        WriteResponse(json, answer, status);
        End(events, json);
    }

    private static void WritePlace(Utf8JsonWriter json, Answer answer)
    {
        json.WriteString("item_id"u8, "msg_" + answer.Id);
        json.WriteNumber("output_index"u8, 0);
        json.WriteNumber("content_index"u8, 0);
    }

    private static void WriteResponse(Utf8JsonWriter json, Answer answer, string status)
    {
        var ended = status != InProgress;
        json.WriteStartObject();
        json.WriteString("id"u8, "resp_" + answer.Id);
        json.WriteString("object"u8, "response"u8);
        json.WriteNumber("created_at"u8, answer.Created);
        json.WriteString("status"u8, status);
        json.WriteNull("error"u8);
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details"u8);
            json.WriteString("reason"u8, "max_output_tokens"u8);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details"u8);
        }

        Echo(json, answer, "instructions", "null"u8);
        Echo(json, answer, "max_output_tokens", "null"u8);
        json.WriteString("model"u8, answer.Prompt.Model);
        json.WriteStartArray("output"u8);
        if (ended)
            WriteMessage(json, answer, status, answer.Text(0));
        json.WriteEndArray();
        Echo(json, answer, "parallel_tool_calls", "true"u8);
        Echo(json, answer, "previous_response_id", "null"u8);
        Echo(json, answer, "store", "true"u8);
        Echo(json, answer, "temperature", "1.0"u8);
        Echo(json, answer, "tool_choice", "\"auto\""u8);
        Echo(json, answer, "tools", "[]"u8);
        Echo(json, answer, "top_p", "1.0"u8);
        Echo(json, answer, "metadata", "{}"u8);
        if (ended)
            WriteUsage(json, answer);
        else
            json.WriteNull("usage"u8);
        json.WriteEndObject();
    }

    /// <summary>A field of the answer that repeats what the request said, else has its default.</summary>
    private static void Echo(Utf8JsonWriter json, Answer answer, string name, ReadOnlySpan<byte> otherwise)
    {
        json.WritePropertyName(name);
        if (answer.Prompt.Body.TryGetProperty(name, out var value))
            value.WriteTo(json);
        else
            json.WriteRawValue(otherwise, skipInputValidation: true);
    }

    private static void WriteMessage(Utf8JsonWriter json, Answer answer, string status, string? text)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, "msg_" + answer.Id);
        json.WriteString("type"u8, "message"u8);
        json.WriteString("status"u8, status);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteStartArray("content"u8);
        if (text is not null)
            WritePart(json, text);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "output_text"u8);
        json.WriteString("text"u8, text);
        json.WriteStartArray("annotations"u8);
        json.WriteEndArray();
        json.WriteStartArray("logprobs"u8);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, Answer answer)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, answer.Prompt.InputTokens);
        json.WriteStartObject("input_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens"u8, answer.OutputTokens);
        json.WriteStartObject("output_tokens_details"u8);
        json.WriteNumber("reasoning_tokens"u8, 0);
        json.WriteEndObject();
        json.WriteNumber("total_tokens"u8, answer.Prompt.InputTokens + answer.OutputTokens);
        json.WriteEndObject();
    }
}
