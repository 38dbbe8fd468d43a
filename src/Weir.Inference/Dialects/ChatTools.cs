using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Tools and the choice among them.</summary>
internal sealed class ChatTools(JsonElement body, Utf8JsonWriter json, TranslationFaults faults)
{
    private bool _isOpen;

    /// <summary>Whether the model has to call a tool.</summary>
    public bool IsForced { get; private set; }

    public void Write()
    {
        if (body.Find("tools"u8) is not { } tools)
        {
            return;
        }

        if (tools.ValueKind != JsonValueKind.Array)
        {
            faults.Malformed("tools", "an array of tools");
            return;
        }

        var at = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            Tool(tool, $"tools[{at++}]");
        }

        if (_isOpen)
        {
            json.WriteEndArray();
            Choice();
        }
    }

    // An empty list is none; Anthropic takes no choice without one.
    private void Open()
    {
        if (!_isOpen)
        {
            _isOpen = true;
            json.WriteStartArray("tools"u8);
        }
    }

    private void Tool(JsonElement tool, string path)
    {
        var type = tool.TypeOf();
        if (type is not null && type != "function" && IsAnthropics(type))
        {
            Open();
            json.Copy(tool);
            return;
        }

        if (type is not (null or "function"))
        {
            faults.Cannot(path, $"Anthropic has no tools of the type '{type}'.");
            return;
        }

        if (tool.Find("function"u8) is not { ValueKind: JsonValueKind.Object } function || function.FindText("name"u8) is not { } name)
        {
            faults.Malformed(path + ".function", "an object with a name");
            return;
        }

        Open();
        json.WriteStartObject();
        json.Copy("name"u8, name);
        if (function.FindText("description"u8) is { } description)
        {
            json.Copy("description"u8, description);
        }

        json.WritePropertyName("input_schema"u8);
        if (function.Find("parameters"u8) is { } parameters)
        {
            json.Copy(parameters);
        }
        else
        {
            // A tool without parameters; Anthropic wants that said.
            json.WriteRawValue("""{"type":"object","properties":{}}"""u8, skipInputValidation: true);
        }

        if (function.Find("strict"u8) is { ValueKind: JsonValueKind.True })
        {
            json.WriteBoolean("strict"u8, true);
        }

        if ((tool.Find("cache_control"u8) ?? function.Find("cache_control"u8)) is { } cache)
        {
            json.Copy("cache_control"u8, cache);
        }

        json.WriteEndObject();
    }

    private void Choice()
    {
        var given = body.Find("tool_choice"u8);
        var isSerial = body.Find("parallel_tool_calls"u8) is { ValueKind: JsonValueKind.False };
        if (given is null && !isSerial)
        {
            return;
        }

        JsonElement? name = null;
        string? type = null;
        if (given is not { } choice)
        {
            type = "auto";
        }
        else if (choice.ValueKind == JsonValueKind.String)
        {
            type = choice.GetString() switch { "auto" => "auto", "none" => "none", "required" => "any", _ => null };
        }
        else if (choice.TypeOf() == "function" && choice.Find("function"u8) is { } function)
        {
            name = function.FindText("name"u8);
            type = name is null ? null : "tool";
        }
        else if (choice.TypeOf() is "allowed_tools" or "custom")
        {
            faults.Cannot("tool_choice", "Anthropic lets one tool be named, any, or none.");
            return;
        }

        if (type is null)
        {
            faults.Malformed("tool_choice", "\"auto\", \"none\", \"required\" or {\"type\":\"function\",\"function\":{\"name\":…}}");
            return;
        }

        IsForced = type is "any" or "tool";
        json.WriteStartObject("tool_choice"u8);
        json.WriteString("type"u8, type);
        if (name is { } only)
        {
            json.Copy("name"u8, only);
        }

        if (isSerial && type != "none")
        {
            json.WriteBoolean("disable_parallel_tool_use"u8, true);
        }

        json.WriteEndObject();
    }

    // Tools that Anthropic runs itself, or has a schema for, are named with the day they appeared: web_search_20250305.
    private static bool IsAnthropics(string type) =>
        type.Length > 9 && type[^9] == '_' && !type.AsSpan(type.Length - 8).ContainsAnyExceptInRange('0', '9');
}
