using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// The shapes of a message that stand in a whole answer and in the events of a stream alike, with every field that official clients demand,
/// null where there is nothing to say.
/// </summary>
internal static class MessagesShapes
{
    /// <summary>Everything of a message before its content.</summary>
    public static void Head(Utf8JsonWriter json, string id, string model)
    {
        json.WriteString("id"u8, id);
        json.WriteString("type"u8, "message"u8);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("model"u8, model);
        json.WriteNull("container"u8);
        json.WriteNull("diagnostics"u8);
    }

    /// <summary>Why it ended.</summary>
    /// <param name="json">Gets it.</param>
    /// <param name="reason">Null: it has not.</param>
    /// <param name="sequence">The stop sequence that ended it; null: none, or one that the provider does not tell.</param>
    public static void Stop(Utf8JsonWriter json, string? reason, string? sequence)
    {
        json.WriteString("stop_reason"u8, reason);
        json.WriteString("stop_sequence"u8, sequence);
        json.WritePropertyName("stop_details"u8);
        if (reason == MessagesStop.Refusal)
            json.WriteRawValue("""{"type":"refusal","category":null,"explanation":null}"""u8, skipInputValidation: true);
        else
            json.WriteNullValue();
    }

    /// <summary>Begins a block of text, whose text comes next.</summary>
    public static void Text(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "text"u8);
        json.WriteNull("citations"u8);
    }

    /// <summary>Begins a call, whose input comes next.</summary>
    public static void Call(Utf8JsonWriter json, string id, string name)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "tool_use"u8);
        json.WriteString("id"u8, id);
        json.WriteString("name"u8, name);
        json.WritePropertyName("caller"u8);
        json.WriteRawValue("""{"type":"direct"}"""u8, skipInputValidation: true);
    }
}
