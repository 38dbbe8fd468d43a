using System.Runtime.InteropServices;
using System.Text.Json;
using static Weir.Inference.Dialects.MessagesOverChat;

namespace Weir.Inference.Dialects;

/// <summary>What a chat's message, or a piece of one, says: thinking, text and calls, under the names that servers have for them.</summary>
internal static class MessagesContent
{
    /// <summary>Writes the blocks of a whole message.</summary>
    /// <returns>How many tools it calls.</returns>
    public static int Write(Utf8JsonWriter json, JsonElement message, string answerId, Func<string, string> restoreName, out bool refuses)
    {
        var signed = Find(message, "thinking_blocks"u8) is { ValueKind: JsonValueKind.Array } blocks ? WriteThinking(json, blocks) : 0;
        if (signed == 0 && Reasoning(message) is { } reasoning)
            WriteThinking(json, reasoning);

        if (Find(message, "content"u8) is { } content)
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
        if (Find(message, "tool_calls"u8) is { ValueKind: JsonValueKind.Array } several)
        {
            foreach (var call in several.EnumerateArray())
                WriteCall(json, call, Find(call, "function"u8) ?? default, $"toolu_{answerId}_{calls++}", restoreName);
        }
        else if (Find(message, "function_call"u8) is { ValueKind: JsonValueKind.Object } function)
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
            stream.Thinking(MessagesText.Inner(thought));
        if (Find(delta, "thinking_blocks"u8) is { ValueKind: JsonValueKind.Array } blocks)
        {
            foreach (var block in blocks.EnumerateArray())
                FeedThinking(stream, block, isSaid: reasoning is not null);
        }

        if (Find(delta, "content"u8) is { } content)
        {
            foreach (var (kind, text) in Texts(content))
            {
                if (kind == MessagesBlockKind.Thinking)
                    stream.Thinking(MessagesText.Inner(text));
                else
                    stream.Text(MessagesText.Inner(text));
            }
        }

        var refusal = Text(delta, "refusal"u8);
        if (refusal is { } refused)
            stream.Text(MessagesText.Inner(refused));
        if (Find(delta, "tool_calls"u8) is { ValueKind: JsonValueKind.Array } calls)
        {
            foreach (var call in calls.EnumerateArray())
                stream.Call(call);
        }
        else if (Find(delta, "function_call"u8) is { ValueKind: JsonValueKind.Object } function)
        {
            stream.FunctionCall(function);
        }

        return refusal is not null;
    }

    private static JsonElement? Text(JsonElement from, ReadOnlySpan<byte> name) =>
        Find(from, name) is { ValueKind: JsonValueKind.String } text && !MessagesText.Inner(text).IsEmpty ? text : null;

    /// <summary><c>reasoning_content</c> is DeepSeek's, vLLM's and SGLang's name, <c>reasoning</c> Groq's, OpenRouter's and Ollama's; some give both.</summary>
    private static JsonElement? Reasoning(JsonElement from) => Text(from, "reasoning_content"u8) ?? Text(from, "reasoning"u8);

    /// <summary>A content is a string, or parts of text; Mistral's parts may be thinking.</summary>
    private static IEnumerable<(MessagesBlockKind Kind, JsonElement Text)> Texts(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String && !MessagesText.Inner(content).IsEmpty)
            yield return (MessagesBlockKind.Text, content);
        if (content.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object)
                continue;
            if (Text(part, "text"u8) is { } text)
                yield return (MessagesBlockKind.Text, text);
            if (Find(part, "thinking"u8) is not { ValueKind: JsonValueKind.Array } thoughts)
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
        switch (TypeOf(block))
        {
            case "redacted_thinking":
                stream.Redacted(TextOf(block, "data"u8));
                break;
            case "thinking":
                var text = Text(block, "thinking"u8) is { } thinking ? MessagesText.Inner(thinking) : [];
                if (Text(block, "signature"u8) is { } signature)
                    stream.Sign(text, MessagesText.Inner(signature));
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
            MessagesText.Copy(json, "thinking"u8, blocks);
            json.WriteString("signature"u8, ""u8);
            json.WriteEndObject();
            return 1;
        }

        var written = 0;
        foreach (var block in blocks.EnumerateArray())
        {
            if (TypeOf(block) is not ("thinking" or "redacted_thinking"))
                continue;
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(block), skipInputValidation: true);
            written++;
        }

        return written;
    }

    private static bool WriteText(Utf8JsonWriter json, JsonElement text)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "text"u8);
        MessagesText.Copy(json, "text"u8, text);
        json.WriteEndObject();
        return true;
    }

    private static void WriteCall(Utf8JsonWriter json, JsonElement call, JsonElement function, string otherwise, Func<string, string> restoreName)
    {
        var name = TextOf(function, "name"u8);
        if (name.Length == 0)
            throw new InvalidDataException("The provider's answer calls a tool without naming it.");
        var id = TextOf(call, "id"u8);
        json.WriteStartObject();
        json.WriteString("type"u8, "tool_use"u8);
        json.WriteString("id"u8, id.Length > 0 ? id : otherwise);
        json.WriteString("name"u8, restoreName(name));
        json.WritePropertyName("input"u8);
        json.WriteRawValue(MessagesArguments.Whole(TextOf(function, "arguments"u8)), skipInputValidation: true);
        json.WriteEndObject();
    }
}
