using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>The blocks of a whole answer as the fields of a chat message.</summary>
internal static class ChatBlocks
{
    private const int LargestText = 64 * 1024 * 1024;

    public static void Write(Utf8JsonWriter json, JsonElement blocks)
    {
        Texts(json, blocks);
        Thinking(json, blocks);
        ToolCalls(json, blocks);
    }

    /// <summary>Whether a block has what Anthropic takes back.</summary>
    public static bool IsSigned(JsonElement block) => DialectJson.TextOf(block, "type"u8) switch
    {
        "thinking" => DialectJson.FindText(block, "signature"u8) is { } signature && !DialectJson.Inner(signature).IsEmpty,
        "redacted_thinking" => DialectJson.FindText(block, "data"u8) is not null,
        _ => false,
    };

    private static void Texts(Utf8JsonWriter json, JsonElement blocks)
    {
        var text = new JsonPieces(LargestText);
        var reasoning = new JsonPieces(LargestText);
        var calls = false;
        foreach (var block in blocks.EnumerateArray())
        {
            var type = DialectJson.TextOf(block, "type"u8);
            calls |= type == "tool_use";
            if (DialectJson.FindText(block, type == "thinking" ? "thinking"u8 : "text"u8) is { } piece)
            {
                (type == "thinking" ? reasoning : text).Add(piece);
            }
        }

        json.WritePropertyName("content"u8);
        if (text.IsEmpty && calls)
        {
            json.WriteNullValue();
        }
        else
        {
            text.WriteTo(json);
        }

        if (!reasoning.IsEmpty)
        {
            json.WritePropertyName("reasoning_content"u8);
            reasoning.WriteTo(json);
        }
    }

    private static void Thinking(Utf8JsonWriter json, JsonElement blocks)
    {
        var any = false;
        foreach (var block in blocks.EnumerateArray())
        {
            if (!IsSigned(block))
            {
                continue;
            }

            if (!any)
            {
                any = true;
                json.WriteStartArray("thinking_blocks"u8);
            }

            DialectJson.Copy(json, block);
        }

        if (any)
        {
            json.WriteEndArray();
        }
    }

    private static void ToolCalls(Utf8JsonWriter json, JsonElement blocks)
    {
        var any = false;
        foreach (var block in blocks.EnumerateArray())
        {
            if (DialectJson.TextOf(block, "type"u8) != "tool_use")
            {
                continue;
            }

            if (DialectJson.FindText(block, "id"u8) is not { } id || DialectJson.FindText(block, "name"u8) is not { } name)
            {
                throw new InvalidDataException("A call of a tool has no id or no name.");
            }

            if (!any)
            {
                any = true;
                json.WriteStartArray("tool_calls"u8);
            }

            json.WriteStartObject();
            DialectJson.Copy(json, "id"u8, id);
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            DialectJson.Copy(json, "name"u8, name);
            json.WriteString("arguments"u8, DialectJson.Find(block, "input"u8) is { } input ? JsonMarshal.GetRawUtf8Value(input) : "{}"u8);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        if (any)
        {
            json.WriteEndArray();
        }
    }
}
