using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// The turns. What Anthropic has in one turn of the user is several messages of a chat: the results of tools, each a message of its own
/// directly after the assistant's, then everything else.
/// </summary>
internal sealed class MessagesConversation(Utf8JsonWriter json, TranslationFaults faults, MessagesFlavour flavour)
{
    private readonly JsonText _text = new();
    private readonly MessagesUserContent _content = new(json, faults, flavour);

    /// <summary>Instructions, at the beginning or between turns.</summary>
    public void System(JsonElement content, string field)
    {
        json.WriteStartObject();
        json.WriteString("role"u8, "system"u8);
        json.WritePropertyName("content"u8);
        Texts(Blocks(content, field), field, "\\n\\n"u8);
        json.WriteEndObject();
    }

    public void Turns(JsonElement messages)
    {
        JsonElement[] all = [.. messages.EnumerateArray()];
        for (var at = 0; at < all.Length;)
        {
            switch (RoleOf(all[at]))
            {
                case "user":
                    // Anthropic takes neighbouring messages of the user for one turn.
                    var end = at + 1;
                    while (end < all.Length && RoleOf(all[end]) == "user")
                        end++;
                    User(all.AsSpan(at..end), at);
                    at = end;
                    break;
                case "assistant":
                    Assistant(all[at], at++);
                    break;
                case "system":
                    System(all[at].Find("content"u8) ?? default, $"messages[{at++}].content");
                    break;
                default:
                    faults.Malformed($"messages[{at++}]", "an object with a role, which is user, assistant or system");
                    break;
            }
        }
    }

    private static string? RoleOf(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object && message.Find("role"u8) is { ValueKind: JsonValueKind.String } role ? role.GetString() : null;

    private void User(Span<JsonElement> messages, int first)
    {
        var moved = new List<(JsonElement Block, string Field)>[messages.Length];
        var rest = new List<(JsonElement Block, string Field)>[messages.Length];
        for (var i = 0; i < messages.Length; i++)
        {
            (moved[i], rest[i]) = ([], []);
            var field = $"messages[{first + i}].content";
            if (messages[i].Find("content"u8) is not { } content)
            {
                faults.Malformed(field, "a string or an array of blocks");
                continue;
            }

            if (content.ValueKind == JsonValueKind.String)
                continue;
            foreach (var (block, place) in Blocks(content, field))
            {
                if (block.TypeOf() == "tool_result")
                    ToolResult(block, place, moved[i]);
                else
                    rest[i].Add((block, place));
            }
        }

        for (var i = 0; i < messages.Length; i++)
        {
            var blocks = messages[i].Find("content"u8);
            // What was nothing but the results of tools has been said.
            if (blocks is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() > 0 && moved[i].Count + rest[i].Count == 0)
                continue;
            json.WriteStartObject();
            json.WriteString("role"u8, "user"u8);
            if (blocks is { ValueKind: JsonValueKind.String } text)
                json.Copy("content"u8, text);
            else
                _content.Write([.. moved[i], .. rest[i]]);
            json.WriteEndObject();
        }
    }

    // What a tool's message cannot hold is moved into the message after it.
    private void ToolResult(JsonElement result, string field, List<(JsonElement Block, string Field)> moved)
    {
        if (result.Find("tool_use_id"u8) is not { ValueKind: JsonValueKind.String } id)
        {
            faults.Malformed(field + ".tool_use_id", "a string");
            return;
        }

        json.WriteStartObject();
        json.WriteString("role"u8, "tool"u8);
        json.Copy("tool_call_id"u8, id);
        _text.Begin();
        // A chat has no other way to say so.
        var failed = result.Find("is_error"u8) is { ValueKind: JsonValueKind.True };
        if (failed)
            _text.Add("Error: "u8);
        var empty = true;
        if (result.Find("content"u8) is { } content)
        {
            foreach (var (block, place) in Blocks(content, field + ".content"))
            {
                if (block.ValueKind == JsonValueKind.String)
                {
                    _text.Add(DialectJson.Inner(block));
                }
                else if (!_content.AddAsText(_text, block, place, continues: !empty))
                {
                    moved.Add((block, place));
                    continue;
                }

                empty = false;
            }
        }

        if (empty && moved.Count > 0)
            _text.Add("(The result of this tool is in the next message.)"u8);
        json.WritePropertyName("content"u8);
        _text.WriteTo(json);
        if (_content.Mark(result) is { } mark)
            json.Copy("cache_control"u8, mark);
        json.WriteEndObject();
    }

    private void Assistant(JsonElement message, int index)
    {
        var field = $"messages[{index}].content";
        List<(JsonElement Block, string Field)> texts = [], calls = [], thinking = [];
        if (message.Find("content"u8) is { } content)
        {
            foreach (var (block, place) in Blocks(content, field))
            {
                switch (block.ValueKind == JsonValueKind.String ? "text" : block.TypeOf())
                {
                    case "text":
                        texts.Add((block, place));
                        break;
                    case "tool_use":
                        calls.Add((block, place));
                        break;
                    case "thinking" or "redacted_thinking":
                        thinking.Add((block, place));
                        break;
                    case { } type:
                        faults.Cannot(place, $"a chat has nothing like a block of type '{type}'.");
                        break;
                    default:
                        faults.Malformed(place, "an object with a type");
                        break;
                }
            }
        }
        else
        {
            faults.Malformed(field, "a string or an array of blocks");
        }

        json.WriteStartObject();
        json.WriteString("role"u8, "assistant"u8);
        json.WritePropertyName("content"u8);
        if (texts.Count == 0 && calls.Count > 0)
            json.WriteNullValue();
        else
            Texts(texts, field, default);
        // Elsewhere the thinking of earlier turns is no input, as it is none of most models.
        if (thinking.Count > 0 && flavour.TakesMore)
            Thinking(thinking);
        else if (thinking.Count > 0)
            faults.Dropped("messages[].content[].thinking");
        if (calls.Count > 0)
            Calls(calls);
        json.WriteEndObject();
    }

    private void Thinking(List<(JsonElement Block, string Field)> blocks)
    {
        _text.Begin();
        foreach (var (block, field) in blocks)
        {
            if (block.TypeOf() != "thinking")
                continue;
            if (block.Find("thinking"u8) is { ValueKind: JsonValueKind.String } thought)
                _text.Separate().Add(DialectJson.Inner(thought));
            else
                faults.Malformed(field + ".thinking", "a string");
        }

        if (!_text.IsEmpty)
        {
            json.WritePropertyName("reasoning_content"u8);
            _text.WriteTo(json);
        }

        // Another gateway may stand there, with a provider behind it that refuses what it has not signed.
        var signed = blocks.FindAll(block => ChatBlocks.IsSigned(block.Block));
        if (signed.Count == 0)
            return;
        json.WriteStartArray("thinking_blocks"u8);
        foreach (var (block, _) in signed)
            json.Copy(block);
        json.WriteEndArray();
    }

    private void Calls(List<(JsonElement Block, string Field)> calls)
    {
        json.WriteStartArray("tool_calls"u8);
        foreach (var (call, field) in calls)
        {
            if (call.Find("id"u8) is not { ValueKind: JsonValueKind.String } id || call.Find("name"u8) is not { ValueKind: JsonValueKind.String } name)
            {
                faults.Malformed(field, "a tool_use with an id and a name");
                continue;
            }

            var input = call.Find("input"u8);
            if (input is { ValueKind: not JsonValueKind.Object })
                faults.Malformed(field + ".input", "an object");
            json.WriteStartObject();
            json.Copy("id"u8, id);
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, MessagesToolNames.Shorten(name.GetString()!));
            json.WriteString("arguments"u8, input is { } arguments ? JsonMarshal.GetRawUtf8Value(arguments) : "{}"u8);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The blocks of a content with their places; a string stands for itself.</summary>
    private List<(JsonElement Block, string Field)> Blocks(JsonElement content, string field)
    {
        var blocks = new List<(JsonElement, string)>();
        if (content.ValueKind == JsonValueKind.String)
        {
            blocks.Add((content, field));
        }
        else if (content.ValueKind == JsonValueKind.Array)
        {
            foreach (var block in content.EnumerateArray())
            {
                if (block.ValueKind == JsonValueKind.Object)
                    blocks.Add((block, $"{field}[{blocks.Count}]"));
                else
                    faults.Malformed($"{field}[{blocks.Count}]", "an object with a type");
            }
        }
        else
        {
            faults.Malformed(field, "a string or an array of blocks");
        }

        return blocks;
    }

    /// <summary>One string, which every server takes; parts only where a mark for the cache stands on one of them.</summary>
    private void Texts(List<(JsonElement Block, string Field)> blocks, string field, ReadOnlySpan<byte> between)
    {
        if (blocks.Exists(block => _content.Mark(block.Block) is not null))
        {
            json.WriteStartArray();
            foreach (var (block, place) in blocks)
                _content.Part(block, place);
            json.WriteEndArray();
            return;
        }

        _text.Begin();
        var first = true;
        foreach (var (block, place) in blocks)
        {
            if (!first)
                _text.Add(between);
            first = false;
            if (block.ValueKind == JsonValueKind.String)
                _text.Add(DialectJson.Inner(block));
            else if (block.TypeOf() == "text" && block.Find("text"u8) is { ValueKind: JsonValueKind.String } text)
                _text.Add(DialectJson.Inner(text));
            else
                faults.Malformed(place, "a block of text");
        }

        _text.WriteTo(json);
    }
}
