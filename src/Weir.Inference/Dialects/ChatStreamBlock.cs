using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>A block of Anthropic's stream that is open.</summary>
internal sealed class ChatStreamBlock(string type)
{
    private JsonElement? _kept;

    public string Type { get; } = type;

    /// <summary>The place of a tool's call among the calls of the answer.</summary>
    public int Call { get; set; }

    public bool HasArguments { get; set; }

    /// <summary>Null where the block is no thinking.</summary>
    public JsonText? Thinking { get; set; }

    /// <summary>Null while it is not signed.</summary>
    public JsonText? Signature { get; set; }

    /// <summary>What a call was given at its beginning; null where that is nothing.</summary>
    public JsonElement? Input => _kept is { } call ? call.Find("input"u8) : null;

    /// <summary>Whether the block is one that Anthropic takes back.</summary>
    public bool IsSigned => Thinking is not null ? Signature is not null : Type == "redacted_thinking" && _kept is { } block && ChatBlocks.IsSigned(block);

    /// <summary>Keeps the block as it began.</summary>
    public void Keep(JsonElement block) => _kept = block.Clone();

    /// <summary>Writes a signed block as Anthropic takes it back.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (Thinking is null)
        {
            // Field by field: between them the provider may have broken its lines, which an event cannot hold.
            json.WriteString("type"u8, "redacted_thinking"u8);
            json.Copy("data"u8, _kept!.Value.FindText("data"u8)!.Value);
            json.WriteEndObject();
            return;
        }

        json.WriteString("type"u8, "thinking"u8);
        json.WritePropertyName("thinking"u8);
        Thinking.WriteTo(json);
        json.WritePropertyName("signature"u8);
        Signature!.WriteTo(json);
        json.WriteEndObject();
    }
}
