using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>What a chat's message, or a piece of one, says: thinking, text and calls, under the names that servers have for them.</summary>
internal static class MessagesContent
{
    /// <summary>Writes the blocks of a whole message.</summary>
    /// <returns>How many tools it calls.</returns>
    public static int Write(Utf8JsonWriter json, JsonElement message, string answerId, Func<string, string> restoreName, out bool refuses)
    {
        var signed = message.Find("thinking_blocks"u8) is { ValueKind: JsonValueKind.Array } blocks ? WriteThinking(json, blocks) : 0;
        if (signed == 0 && Reasoning(message) is { } reasoning)
            WriteThinking(json, reasoning);

        if (message.Find("content"u8) is { } content)
        {
            foreach (var (kind, text) in Texts(content))
            {
                if (kind == MessagesBlockKind.Thinking)
                    WriteThinking(json, text);
                else
                    WriteText(json, text);
            }
        }

        refuses = Text(message, "refusal"u8) is { } refusal && WriteText(json, refusal);
        var calls = 0;
        if (message.Find("tool_calls"u8) is { ValueKind: JsonValueKind.Array } several)
        {
            foreach (var call in several.EnumerateArray())
                WriteCall(json, call, call.Find("function"u8) ?? default, $"toolu_{answerId}_{calls++}", restoreName);
        }
        else if (message.Find("function_call"u8) is { ValueKind: JsonValueKind.Object } function)
        {
            WriteCall(json, default, function, $"toolu_{answerId}_{calls++}", restoreName);
        }

        return calls;
    }

    /// <summary>Adds one delta of a stream.</summary>
    /// <returns>Whether it refuses.</returns>
    public static bool Feed(MessagesStream stream, JsonElement delta)
    {
        var reasoning = Reasoning(delta);
        if (reasoning is { } thought)
            stream.Thinking(DialectJson.Inner(thought));
        if (delta.Find("thinking_blocks"u8) is { ValueKind: JsonValueKind.Array } blocks)
        {
            foreach (var block in blocks.EnumerateArray())
                FeedThinking(stream, block, isSaid: reasoning is not null);
        }

        if (delta.Find("content"u8) is { } content)
        {
            foreach (var (kind, text) in Texts(content))
            {
                if (kind == MessagesBlockKind.Thinking)
                    stream.Thinking(DialectJson.Inner(text));
                else
                    stream.Text(DialectJson.Inner(text));
            }
        }

        var refusal = Text(delta, "refusal"u8);
        if (refusal is { } refused)
            stream.Text(DialectJson.Inner(refused));
        if (delta.Find("tool_calls"u8) is { ValueKind: JsonValueKind.Array } calls)
        {
            foreach (var call in calls.EnumerateArray())
                stream.Call(call);
        }
        else if (delta.Find("function_call"u8) is { ValueKind: JsonValueKind.Object } function)
        {
            stream.FunctionCall(function);
        }

        return refusal is not null;
    }

    private static JsonElement? Text(JsonElement from, ReadOnlySpan<byte> name) =>
        from.Find(name) is { ValueKind: JsonValueKind.String } text && !DialectJson.Inner(text).IsEmpty ? text : null;

    /// <summary><c>reasoning_content</c> is DeepSeek's, vLLM's and SGLang's name, <c>reasoning</c> Groq's, OpenRouter's and Ollama's; some give both.</summary>
    private static JsonElement? Reasoning(JsonElement from) => Text(from, "reasoning_content"u8) ?? Text(from, "reasoning"u8);

    /// <summary>A content is a string, or parts of text; Mistral's parts may be thinking.</summary>
    private static IEnumerable<(MessagesBlockKind Kind, JsonElement Text)> Texts(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String && !DialectJson.Inner(content).IsEmpty)
            yield return (MessagesBlockKind.Text, content);
        if (content.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object)
                continue;
            if (Text(part, "text"u8) is { } text)
                yield return (MessagesBlockKind.Text, text);
            if (part.Find("thinking"u8) is not { ValueKind: JsonValueKind.Array } thoughts)
                continue;
            foreach (var thought in thoughts.EnumerateArray())
            {
                if (thought.ValueKind == JsonValueKind.Object && Text(thought, "text"u8) is { } inner)
                    yield return (MessagesBlockKind.Thinking, inner);
            }
        }
    }

    private static void FeedThinking(MessagesStream stream, JsonElement block, bool isSaid)
    {
        switch (block.TypeOf())
        {
            case "redacted_thinking":
                stream.Redacted(block.TextOf("data"u8) ?? "");
                break;
            case "thinking":
                var text = Text(block, "thinking"u8) is { } thinking ? DialectJson.Inner(thinking) : [];
                if (Text(block, "signature"u8) is { } signature)
                    stream.Sign(text, DialectJson.Inner(signature));
                else if (!isSaid && !text.IsEmpty)
                    stream.Thinking(text);
                break;
        }
    }

    private static int WriteThinking(Utf8JsonWriter json, JsonElement blocks)
    {
        if (blocks.ValueKind == JsonValueKind.String)
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "thinking"u8);
            json.Copy("thinking"u8, blocks);
            json.WriteString("signature"u8, ThinkingSignature.None);
            json.WriteEndObject();
            return 1;
        }

        var written = 0;
        foreach (var block in blocks.EnumerateArray())
        {
            if (block.TypeOf() is not ("thinking" or "redacted_thinking"))
                continue;
            if (ChatBlocks.IsSigned(block))
                json.Copy(block);
            else if (block.FindText("thinking"u8) is { } thought)
                WriteThinking(json, thought);
            else
                continue;
            written++;
        }

        return written;
    }

    private static bool WriteText(Utf8JsonWriter json, JsonElement text)
    {
        MessagesShapes.Text(json);
        json.Copy("text"u8, text);
        json.WriteEndObject();
        return true;
    }

    private static void WriteCall(Utf8JsonWriter json, JsonElement call, JsonElement function, string otherwise, Func<string, string> restoreName)
    {
        var name = function.TextOf("name"u8) ?? "";
        if (name.Length == 0)
            throw new InvalidDataException("The provider's answer calls a tool without naming it.");
        var id = call.TextOf("id"u8) ?? "";
        MessagesShapes.Call(json, id.Length > 0 ? id : otherwise, restoreName(name));
        json.WritePropertyName("input"u8);
        json.WriteRawValue(MessagesArguments.Whole(DialectJson.ArgumentsOf(function)), skipInputValidation: true);
        json.WriteEndObject();
    }
}
