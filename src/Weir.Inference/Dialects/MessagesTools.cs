using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>The tools that a request offers, and which of them the model is to use.</summary>
internal sealed class MessagesTools(Utf8JsonWriter json, TranslationFaults faults, MessagesFlavour flavour)
{
    public void Write(JsonElement? tools, JsonElement? choice)
    {
        if (tools is not { } given)
            return;
        if (given.ValueKind != JsonValueKind.Array)
        {
            faults.Malformed("tools", "an array");
            return;
        }

        var offered = 0;
        var index = 0;
        foreach (var tool in given.EnumerateArray())
        {
            if (CanOffer(tool, $"tools[{index++}]"))
            {
                // An empty list is refused by some servers, so that it begins with its first tool.
                if (offered++ == 0)
                    json.WriteStartArray("tools"u8);
                Tool(tool);
            }
        }

        if (offered == 0)
            return;
        json.WriteEndArray();
        if (choice is { } chosen)
            Choice(chosen);
    }

    private bool CanOffer(JsonElement tool, string field)
    {
        if (tool.ValueKind != JsonValueKind.Object || tool.Find("name"u8) is not { ValueKind: JsonValueKind.String })
        {
            faults.Malformed(field, "an object with a name");
            return false;
        }

        if (tool.TypeOf() is { } type and not "custom")
        {
            faults.Cannot(field, $"a tool of type '{type}' is one of Anthropic's own.");
            return false;
        }

        if (tool.Find("input_schema"u8) is not { ValueKind: JsonValueKind.Object })
        {
            faults.Malformed(field + ".input_schema", "a JSON schema");
            return false;
        }

        foreach (var property in tool.EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                // The second line are hints: without them the tool is the same.
                case "name" or "type" or "description" or "input_schema" or "strict":
                case "cache_control" or "eager_input_streaming":
                case "defer_loading" when value.ValueKind != JsonValueKind.True:
                case "allowed_callers" when value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(caller => caller.ValueKind == JsonValueKind.String && caller.ValueEquals("direct"u8)):
                case var _ when value.ValueKind == JsonValueKind.Null:
                    break;
                default:
                    faults.Cannot($"{field}.{property.Name}", "functions of chat completions have nothing like it.");
                    break;
            }
        }

        return true;
    }

    private void Tool(JsonElement tool)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, MessagesToolNames.Shorten(tool.Find("name"u8)!.Value.GetString()!));
        if (tool.Find("description"u8) is { } description)
            json.Copy("description"u8, description);
        json.Copy("parameters"u8, tool.Find("input_schema"u8)!.Value);
        if (tool.Find("strict"u8) is { } strict)
            json.Copy("strict"u8, strict);
        json.WriteEndObject();
        if (tool.Find("cache_control"u8) is { } mark)
        {
            if (flavour.TakesMore)
                json.Copy("cache_control"u8, mark);
            else
                faults.Dropped("cache_control");
        }

        json.WriteEndObject();
    }

    private void Choice(JsonElement choice)
    {
        switch (choice.TypeOf())
        {
            case "auto":
                json.WriteString("tool_choice"u8, "auto"u8);
                break;
            case "any":
                json.WriteString("tool_choice"u8, "required"u8);
                break;
            case "none":
                json.WriteString("tool_choice"u8, "none"u8);
                break;
            case "tool" when choice.Find("name"u8) is { ValueKind: JsonValueKind.String } name:
                json.WriteStartObject("tool_choice"u8);
                json.WriteString("type"u8, "function"u8);
                json.WriteStartObject("function"u8);
                json.WriteString("name"u8, MessagesToolNames.Shorten(name.GetString()!));
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            default:
                faults.Malformed("tool_choice", "an object of type auto, any, none, or tool with a name");
                break;
        }

        if (choice.ValueKind == JsonValueKind.Object && choice.Find("disable_parallel_tool_use"u8) is { ValueKind: JsonValueKind.True })
            json.WriteBoolean("parallel_tool_calls"u8, false);
    }
}
