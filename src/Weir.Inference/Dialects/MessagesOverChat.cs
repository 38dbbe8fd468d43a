using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// Anthropic's messages over a provider of the chat API. Fields: <see cref="MessagesSettings"/>; turns: <see cref="MessagesConversation"/>;
/// tools: <see cref="MessagesTools"/>; answers: <see cref="MessagesAnswer"/>.
/// </summary>
internal sealed class MessagesOverChat : ITranslation
{
    internal static readonly JsonDocumentOptions Reading = new() { MaxDepth = RequestHeadScanner.MaxDepth };

    internal static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public Operation From => Operation.Messages;

    public Operation To => Operation.ChatCompletions;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, Reading);
        using var json = new Utf8JsonWriter(output, Writing);
        var faults = new MessagesFaults(target);
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

    private static void Write(JsonElement body, TranslationTarget target, Utf8JsonWriter json, MessagesFaults faults)
    {
        var flavour = MessagesFlavour.Of(target.Preset);
        json.WriteStartObject();
        json.WriteString("model"u8, target.Model);

        json.WriteStartArray("messages"u8);
        var conversation = new MessagesConversation(json, faults, flavour);
        if (Find(body, "system"u8) is { } system)
            conversation.System(system, "system");
        if (Find(body, "messages"u8) is { ValueKind: JsonValueKind.Array } messages && messages.GetArrayLength() > 0)
            conversation.Turns(messages);
        else
            faults.Malformed("messages", "an array of messages that is not empty");
        json.WriteEndArray();

        new MessagesTools(json, faults, flavour).Write(Find(body, "tools"u8), Find(body, "tool_choice"u8));
        new MessagesSettings(json, faults, flavour).Write(body);
        json.WriteEndObject();
    }

    /// <summary>A field that is null is one that is absent.</summary>
    internal static JsonElement? Find(JsonElement from, ReadOnlySpan<byte> name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>The type of a block, a source or a tool; null where it has none.</summary>
    internal static string? TypeOf(JsonElement of) =>
        of.ValueKind == JsonValueKind.Object && Find(of, "type"u8) is { ValueKind: JsonValueKind.String } type ? type.GetString() : null;

    /// <summary>A field that is a text; empty where there is none. An object stands for its JSON.</summary>
    internal static string TextOf(JsonElement from, ReadOnlySpan<byte> name)
    {
        if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out var value))
            return "";
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            // Ollama's own shape of arguments, which some servers let through.
            JsonValueKind.Object => value.GetRawText(),
            _ => "",
        };
    }
}
