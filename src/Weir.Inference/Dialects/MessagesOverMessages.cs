using System.Buffers;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// Anthropic's messages to a provider of the same, for a conversation that another provider has taken part in: what that one thought is signed
/// by nobody, and is left out. Everything else, and the answer, stays as it is.
/// </summary>
internal sealed class MessagesOverMessages(Operation operation) : ITranslation
{
    public Operation From => operation;

    public Operation To => operation;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        using var json = new Utf8JsonWriter(output, DialectJson.Writing);
        json.WriteStartObject();
        foreach (var field in document.RootElement.EnumerateObject())
        {
            json.WritePropertyName(field.Name);
            if (field.NameEquals("model"u8))
                json.WriteStringValue(target.Model);
            else if (field.NameEquals("messages"u8) && field.Value.ValueKind == JsonValueKind.Array)
                Turns(json, field.Value);
            else
                json.Copy(field.Value);
        }

        json.WriteEndObject();
        return null;
    }

    public AnswerTranslator BeginAnswer(AnswerContext context) => new Unchanged();

    private static void Turns(Utf8JsonWriter json, JsonElement messages)
    {
        json.WriteStartArray();
        foreach (var message in messages.EnumerateArray())
        {
            if (message.Find("content"u8) is not { ValueKind: JsonValueKind.Array } content || !content.EnumerateArray().Any(IsUnsigned))
            {
                json.Copy(message);
                continue;
            }

            // A turn of nothing else is none.
            if (content.EnumerateArray().All(IsUnsigned))
                continue;
            json.WriteStartObject();
            foreach (var field in message.EnumerateObject())
            {
                json.WritePropertyName(field.Name);
                if (field.NameEquals("content"u8))
                    Signed(json, content);
                else
                    json.Copy(field.Value);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Signed(Utf8JsonWriter json, JsonElement content)
    {
        json.WriteStartArray();
        foreach (var block in content.EnumerateArray())
        {
            if (!IsUnsigned(block))
                json.Copy(block);
        }

        json.WriteEndArray();
    }

    private static bool IsUnsigned(JsonElement block) => block.TypeOf() == "thinking" && !ChatBlocks.IsSigned(block);

    private sealed class Unchanged : AnswerTranslator
    {
        public override void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output) => output.Write(body.Span);

        public override void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output) => output.Event(name, data.Span);

        public override void End(IEventSink output) => output.Event("message_stop"u8, """{"type":"message_stop"}"""u8);
    }
}
