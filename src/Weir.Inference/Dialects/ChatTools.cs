using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Tools and the choice among them.</summary>
internal sealed class ChatTools(JsonElement body, Utf8JsonWriter json, TranslationFaults faults)
{
    /// <summary>Whether the model has to call a tool.</summary>
    public bool IsForced { get; private set; }

    public void Write()
    {
        if (DialectJson.Find(body, "tools"u8) is not { } tools)
        {
            return;
        }

        if (tools.ValueKind != JsonValueKind.Array)
        {
            faults.Malformed("tools", "an array of tools");
            return;
        }

        if (tools.GetArrayLength() == 0)
        {
            return;
        }

        json.WriteStartArray("tools"u8);
        var at = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            Tool(tool, $"tools[{at++}]");
        }

        json.WriteEndArray();
        Choice();
    }

    private void Tool(JsonElement tool, string path)
    {
        var type = DialectJson.TextOf(tool, "type"u8);
        if (type is not null && type != "function" && IsAnthropics(type))
        {
            DialectJson.Copy(json, tool);
            return;
        }

        if (type is not (null or "function"))
        {
            faults.Cannot(path, $"Anthropic has no tools of the type '{type}'.");
            return;
        }

        if (DialectJson.Find(tool, "function"u8) is not { ValueKind: JsonValueKind.Object } function || DialectJson.FindText(function, "name"u8) is not { } name)
        {
            faults.Malformed(path + ".function", "an object with a name");
            return;
        }

        json.WriteStartObject();
        DialectJson.Copy(json, "name"u8, name);
        if (DialectJson.FindText(function, "description"u8) is { } description)
        {
            DialectJson.Copy(json, "description"u8, description);
        }

        json.WritePropertyName("input_schema"u8);
        if (DialectJson.Find(function, "parameters"u8) is { } parameters)
        {
            DialectJson.Copy(json, parameters);
        }
        else
        {
            // A tool without parameters; Anthropic wants that said.
            json.WriteRawValue("""{"type":"object","properties":{}}"""u8, skipInputValidation: true);
        }

        if (DialectJson.Find(function, "strict"u8) is { ValueKind: JsonValueKind.True })
        {
            json.WriteBoolean("strict"u8, true);
        }

        if ((DialectJson.Find(tool, "cache_control"u8) ?? DialectJson.Find(function, "cache_control"u8)) is { } cache)
        {
            DialectJson.Copy(json, "cache_control"u8, cache);
        }

        json.WriteEndObject();
    }

    private void Choice()
    {
        var given = DialectJson.Find(body, "tool_choice"u8);
        var isSerial = DialectJson.Find(body, "parallel_tool_calls"u8) is { ValueKind: JsonValueKind.False };
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
        else if (DialectJson.TextOf(choice, "type"u8) == "function" && DialectJson.Find(choice, "function"u8) is { } function)
        {
            name = DialectJson.FindText(function, "name"u8);
            type = name is null ? null : "tool";
        }
        else if (DialectJson.TextOf(choice, "type"u8) is "allowed_tools" or "custom")
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
            DialectJson.Copy(json, "name"u8, only);
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
