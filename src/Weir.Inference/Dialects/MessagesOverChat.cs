using System.Buffers;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// Anthropic's messages over a provider of the chat API. Fields: <see cref="MessagesSettings"/>; turns: <see cref="MessagesConversation"/>;
/// tools: <see cref="MessagesTools"/>; answers: <see cref="MessagesAnswer"/>.
/// </summary>
internal sealed class MessagesOverChat : ITranslation
{
    public Operation From => Operation.Messages;

    public Operation To => Operation.ChatCompletions;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        using var json = new Utf8JsonWriter(output, DialectJson.Writing);
        var faults = new TranslationFaults(target);
        try
        {
            Write(document.RootElement, target, json, faults);
        }
        catch (InvalidOperationException)
        {
            // A name or a type holds half of a surrogate pair: well-formed JSON, and no text.
            return InferenceError.Malformed("The body holds a string that is not valid Unicode.");
        }

        return faults.First;
    }

    public AnswerTranslator BeginAnswer(AnswerContext context) => new MessagesAnswer(context);

    private static void Write(JsonElement body, TranslationTarget target, Utf8JsonWriter json, TranslationFaults faults)
    {
        var flavour = MessagesFlavour.Of(target.Preset);
        json.WriteStartObject();
        json.WriteString("model"u8, target.Model);

        json.WriteStartArray("messages"u8);
        var conversation = new MessagesConversation(json, faults, flavour);
        if (body.Find("system"u8) is { } system)
            conversation.System(system, "system");
        if (body.Find("messages"u8) is { ValueKind: JsonValueKind.Array } messages && messages.GetArrayLength() > 0)
            conversation.Turns(messages);
        else
            faults.Malformed("messages", "an array of messages that is not empty");
        json.WriteEndArray();

        new MessagesTools(json, faults, flavour).Write(body.Find("tools"u8), body.Find("tool_choice"u8));
        new MessagesSettings(json, faults, flavour).Write(body);
        json.WriteEndObject();
    }
}
