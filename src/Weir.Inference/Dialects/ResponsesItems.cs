using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>An item of a response's output, as far as it has come.</summary>
/// <param name="id">Of its own.</param>
/// <param name="index">Its place in the output.</param>
internal abstract class ResponsesItem(string id, int index)
{
    public string Id { get; } = id;

    public int Index { get; } = index;

    public string Status { get; set; } = "in_progress";

    /// <summary>Writes the item as an object.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, Id);
        Fields(writer);
        writer.WriteEndObject();
    }

    protected abstract void Fields(Utf8JsonWriter writer);
}

/// <summary>What the model thought.</summary>
internal sealed class ResponsesReasoningItem(string id, int index, bool asSummary) : ResponsesItem(id, index)
{
    public bool AsSummary => asSummary;

    /// <summary>Null until there is some: reasoning may be sealed as a whole.</summary>
    public StringBuilder? Text { get; set; }

    /// <summary>The signed blocks, each as JSON.</summary>
    public List<string> Blocks { get; } = [];

    protected override void Fields(Utf8JsonWriter writer)
    {
        writer.WriteString("type"u8, "reasoning"u8);
        writer.WriteStartArray("summary"u8);
        Part(writer, asSummary);
        writer.WriteEndArray();
        if (!asSummary)
        {
            writer.WriteStartArray("content"u8);
            Part(writer, true);
            writer.WriteEndArray();
        }

        if (ThinkingEnvelope.Seal(Blocks) is { } text)
        {
            writer.WriteString("encrypted_content"u8, text);
        }

        writer.WriteString("status"u8, Status);
    }

    private void Part(Utf8JsonWriter writer, bool here)
    {
        if (here && Text is not null)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, asSummary ? "summary_text"u8 : "reasoning_text"u8);
            writer.WriteString("text"u8, Text.ToString());
            writer.WriteEndObject();
        }
    }
}

/// <summary>What the model said, or what it refused to say.</summary>
internal sealed class ResponsesMessageItem(string id, int index) : ResponsesItem(id, index)
{
    public List<(bool IsRefusal, StringBuilder Text)> Parts { get; } = [];

    protected override void Fields(Utf8JsonWriter writer)
    {
        writer.WriteString("type"u8, "message"u8);
        writer.WriteString("status"u8, Status);
        writer.WriteString("role"u8, "assistant"u8);
        writer.WriteStartArray("content"u8);
        foreach (var (isRefusal, text) in Parts)
        {
            Part(writer, isRefusal, text.ToString());
        }

        writer.WriteEndArray();
    }

    public static void Part(Utf8JsonWriter writer, bool isRefusal, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("type"u8, isRefusal ? "refusal"u8 : "output_text"u8);
        writer.WriteString(isRefusal ? "refusal"u8 : "text"u8, text);
        if (!isRefusal)
        {
            writer.WriteStartArray("annotations"u8);
            writer.WriteEndArray();
            writer.WriteStartArray("logprobs"u8);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }
}

/// <summary>A function that the model wants to be called.</summary>
internal sealed class ResponsesCallItem(string id, int index, string callId, string name) : ResponsesItem(id, index)
{
    public string Name => name;

    public StringBuilder Arguments { get; } = new();

    protected override void Fields(Utf8JsonWriter writer)
    {
        writer.WriteString("type"u8, "function_call"u8);
        writer.WriteString("status"u8, Status);
        writer.WriteString("arguments"u8, Arguments.ToString());
        writer.WriteString("call_id"u8, callId);
        writer.WriteString("name"u8, name);
    }
}
