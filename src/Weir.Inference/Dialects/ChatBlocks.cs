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
    public static bool IsSigned(JsonElement block) => block.TypeOf() switch
    {
        "thinking" => block.FindText("signature"u8) is { } signature && !DialectJson.Inner(signature).IsEmpty && !signature.ValueEquals(ThinkingSignature.None),
        "redacted_thinking" => block.FindText("data"u8) is not null,
        _ => false,
    };

    private static void Texts(Utf8JsonWriter json, JsonElement blocks)
    {
        var text = new JsonText(LargestText);
        var reasoning = new JsonText(LargestText);
        var calls = false;
        foreach (var block in blocks.EnumerateArray())
        {
            var type = block.TypeOf();
            calls |= type == "tool_use";
            if (block.FindText(type == "thinking" ? "thinking"u8 : "text"u8) is { } piece)
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

            json.Copy(block);
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
            if (block.TypeOf() != "tool_use")
            {
                continue;
            }

            if (block.FindText("id"u8) is not { } id || block.FindText("name"u8) is not { } name)
            {
                throw new InvalidDataException("A call of a tool has no id or no name.");
            }

            if (!any)
            {
                any = true;
                json.WriteStartArray("tool_calls"u8);
            }

            json.WriteStartObject();
            json.Copy("id"u8, id);
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            json.Copy("name"u8, name);
            json.WriteString("arguments"u8, block.Find("input"u8) is { } input ? JsonMarshal.GetRawUtf8Value(input) : "{}"u8);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        if (any)
        {
            json.WriteEndArray();
        }
    }
}
