using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// The turns of a chat. Anthropic takes instructions only above the turns, so those of the whole conversation go there in their order; turns of
/// one role that follow each other become one, and what tools said is the user's turn.
/// </summary>
internal sealed class ChatConversation
{
    private readonly Utf8JsonWriter _json;
    private readonly TranslationFaults _faults;
    private readonly ChatContent _content;
    private string? _open;
    private bool _systemIsOpen;

    public ChatConversation(Utf8JsonWriter json, TranslationFaults faults)
    {
        _json = json;
        _faults = faults;
        _content = new ChatContent(json, faults);
    }

    public void Write(JsonElement messages)
    {
        System(messages);
        _json.WriteStartArray("messages"u8);
        var at = 0;
        var last = LastTurn(messages);
        foreach (var message in messages.EnumerateArray())
        {
            _content.TrimsEnd = at == last && message.TextOf("role"u8) == "assistant";
            Turn(message, $"messages[{at++}]");
        }

        Close();
        _json.WriteEndArray();
    }

    // Instructions are no turns.
    private static int LastTurn(JsonElement messages)
    {
        var last = messages.GetArrayLength() - 1;
        while (last >= 0 && messages[last].TextOf("role"u8) is "system" or "developer")
        {
            last--;
        }

        return last;
    }

    private void System(JsonElement messages)
    {
        var at = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var path = $"messages[{at++}]";
            if (message.TextOf("role"u8) is "system" or "developer")
            {
                NoName(message, path);
                _content.Write(message, path, ChatParts.Text, OpenSystem);
            }
        }

        if (_systemIsOpen)
        {
            _json.WriteEndArray();
        }
    }

    private void Turn(JsonElement message, string path)
    {
        switch (message.TextOf("role"u8))
        {
            case "system" or "developer":
                break;
            case "user":
                NoName(message, path);
                _content.Write(message, path, ChatParts.Text | ChatParts.Media, OpenUser);
                break;
            case "assistant":
                Assistant(message, path);
                break;
            case "tool":
                ToolResult(message, path);
                break;
            case "function":
                _faults.Cannot(path, "use the role tool, which replaces it.");
                break;
            default:
                _faults.Malformed(path + ".role", "\"system\", \"developer\", \"user\", \"assistant\" or \"tool\"");
                break;
        }
    }

    private void Assistant(JsonElement message, string path)
    {
        NoName(message, path);
        Thinking(message);
        _content.Write(message, path, ChatParts.Text, OpenAssistant);
        if (message.Find("content"u8) is null && message.FindText("refusal"u8) is { } refusal)
        {
            _content.Text(refusal, cache: null, OpenAssistant);
        }

        if (message.Find("audio"u8) is not null)
        {
            _faults.Cannot(path + ".audio", "Anthropic knows nothing of an answer that was spoken.");
        }

        if (message.Find("function_call"u8) is not null)
        {
            _faults.Cannot(path + ".function_call", "use tool_calls, which replaces it.");
        }

        if (message.Find("tool_calls"u8) is not { ValueKind: JsonValueKind.Array } calls)
        {
            return;
        }

        var at = 0;
        foreach (var call in calls.EnumerateArray())
        {
            ToolCall(call, $"{path}.tool_calls[{at++}]");
        }
    }

    // Blocks that Anthropic has signed: it takes them back only as they were, and before anything else of the turn.
    private void Thinking(JsonElement message)
    {
        if (message.Find("thinking_blocks"u8) is not { ValueKind: JsonValueKind.Array } blocks)
        {
            return;
        }

        foreach (var block in blocks.EnumerateArray())
        {
            if (ChatBlocks.IsSigned(block))
            {
                OpenAssistant();
                _json.Copy(block);
            }
        }
    }

    private void ToolCall(JsonElement call, string path)
    {
        if (call.TypeOf() is not (null or "function"))
        {
            _faults.Cannot(path, "Anthropic's tools take JSON alone.");
            return;
        }

        var function = call.Find("function"u8);
        if (function is not { } called || called.FindText("name"u8) is not { } name || call.FindText("id"u8) is not { } id)
        {
            _faults.Malformed(path, "an object with an id and a function that has a name");
            return;
        }

        OpenAssistant();
        _json.WriteStartObject();
        _json.WriteString("type"u8, "tool_use"u8);
        _json.Copy("id"u8, id);
        _json.Copy("name"u8, name);
        _json.WritePropertyName("input"u8);
        Arguments(called);
        if (call.Find("cache_control"u8) is { } cache)
        {
            _json.Copy("cache_control"u8, cache);
        }

        _json.WriteEndObject();
    }

    // The chat API keeps them as a text that holds JSON, or what a model made of that: a call that was cut off stays in the conversation,
    // which has to go on, so that its text goes along in the way that Anthropic's documentation has for it.
    private void Arguments(JsonElement function)
    {
        var text = function.TextOf("arguments"u8);
        if (string.IsNullOrWhiteSpace(text))
        {
            _json.WriteRawValue("{}"u8, skipInputValidation: true);
            return;
        }

        try
        {
            using var parsed = JsonDocument.Parse(text, DialectJson.Reading);
            if (parsed.RootElement.ValueKind == JsonValueKind.Object)
            {
                _json.Copy(parsed.RootElement);
                return;
            }
        }
        catch (JsonException)
        {
            // Given below.
        }

        _json.WriteStartObject();
        _json.WriteString("INVALID_JSON"u8, text);
        _json.WriteEndObject();
    }

    private void ToolResult(JsonElement message, string path)
    {
        if (message.FindText("tool_call_id"u8) is not { } id)
        {
            _faults.Malformed(path + ".tool_call_id", "the id of the call that it answers");
            return;
        }

        OpenUser();
        _json.WriteStartObject();
        _json.WriteString("type"u8, "tool_result"u8);
        _json.Copy("tool_use_id"u8, id);
        var content = message.Find("content"u8);
        if (content is { ValueKind: JsonValueKind.String } text)
        {
            _json.Copy("content"u8, text);
        }
        else if (content is { } parts)
        {
            var isOpen = false;
            _content.Parts(parts, path + ".content", ChatParts.Text | ChatParts.Media, cache: null, () =>
            {
                if (!isOpen)
                {
                    isOpen = true;
                    _json.WriteStartArray("content"u8);
                }
            });
            if (isOpen)
            {
                _json.WriteEndArray();
            }
        }

        if (message.Find("cache_control"u8) is { } cache)
        {
            _json.Copy("cache_control"u8, cache);
        }

        _json.WriteEndObject();
    }

    private void NoName(JsonElement message, string path)
    {
        if (message.Find("name"u8) is not null)
        {
            _faults.Cannot(path + ".name", "Anthropic's turns have no names; write it into the text.");
        }
    }

    private void OpenSystem()
    {
        if (!_systemIsOpen)
        {
            _systemIsOpen = true;
            _json.WriteStartArray("system"u8);
        }
    }

    private void OpenUser() => Open("user");

    private void OpenAssistant() => Open("assistant");

    private void Open(string role)
    {
        if (_open == role)
        {
            return;
        }

        Close();
        _open = role;
        _json.WriteStartObject();
        _json.WriteString("role"u8, role);
        _json.WriteStartArray("content"u8);
    }

    private void Close()
    {
        if (_open is not null)
        {
            _json.WriteEndArray();
            _json.WriteEndObject();
            _open = null;
        }
    }
}
