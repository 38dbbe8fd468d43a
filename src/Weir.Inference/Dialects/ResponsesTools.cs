using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Writes the tools of a Responses request, and which of them may be chosen. Functions alone exist in chat.</summary>
internal sealed class ResponsesTools(JsonElement body, TranslationTarget target, Utf8JsonWriter writer)
{
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);

    public InferenceError? Write()
    {
        var choice = body.Find("tool_choice"u8);
        var (allowed, mode, error) = Allowed(choice);
        error ??= Tools(allowed);
        if (error is not null || _written.Count == 0)
        {
            // Chat refuses a choice where there is nothing to choose from.
            return error;
        }

        writer.Copy(body, "parallel_tool_calls"u8);
        if (mode is not null)
        {
            writer.WriteString("tool_choice"u8, mode);
            return null;
        }

        return choice is { } wanted ? Choice(wanted) : null;
    }

    // The allowed ones alone are offered: to a model that is the same.
    private static (HashSet<string>? Names, string? Mode, InferenceError? Error) Allowed(JsonElement? choice)
    {
        if (choice is not { } wanted || wanted.TypeOf() is not "allowed_tools")
        {
            return default;
        }

        var names = wanted.Items("tools"u8)
            .Select(tool => tool.TypeOf() is "function" ? tool.TextOf("name"u8) : null)
            .OfType<string>()
            .ToHashSet(StringComparer.Ordinal);
        return names.Count == 0
            ? (null, null, InferenceError.Malformed("'tool_choice.tools' names no function.", "tool_choice"))
            : (names, wanted.TextOf("mode"u8) ?? "auto", null);
    }

    private InferenceError? Tools(HashSet<string>? allowed)
    {
        if (body.Find("tools"u8) is not { } tools)
        {
            return null;
        }

        if (tools.ValueKind != JsonValueKind.Array)
        {
            return InferenceError.Malformed("'tools' takes a list.", "tools");
        }

        var at = -1;
        foreach (var tool in tools.EnumerateArray())
        {
            at++;
            if (tool.TypeOf() is not "function")
            {
                var kind = tool.TypeOf() is { } type ? $"a tool of type '{type}'" : "a tool without a type";
                if (target.Cannot($"tools[{at}]", $"chat has functions alone, and this is {kind}.") is { } error)
                {
                    return error;
                }

                continue;
            }

            if (tool.TextOf("name"u8) is not { Length: > 0 } name)
            {
                return InferenceError.Malformed($"'tools[{at}]' has no name: in responses a function's name, description and parameters stand in the tool itself.", $"tools[{at}].name");
            }

            if (allowed is null || allowed.Contains(name))
            {
                Function(tool, name);
            }
        }

        if (_written.Count > 0)
        {
            writer.WriteEndArray();
        }

        return null;
    }

    private void Function(JsonElement tool, string name)
    {
        if (_written.Count == 0)
        {
            writer.WriteStartArray("tools"u8);
        }

        _written.Add(name);
        writer.WriteStartObject();
        writer.WriteString("type"u8, "function"u8);
        writer.WriteStartObject("function"u8);
        writer.WriteString("name"u8, name);
        writer.Copy(tool, "description"u8);
        writer.Copy(tool, "parameters"u8);
        writer.Copy(tool, "strict"u8);
        writer.WriteEndObject();
        writer.Copy(tool, "cache_control"u8);
        writer.WriteEndObject();
    }

    private InferenceError? Choice(JsonElement choice)
    {
        if (choice.ValueKind == JsonValueKind.String)
        {
            writer.Copy(body, "tool_choice"u8);
            return null;
        }

        if (choice.TypeOf() is not "function" || choice.TextOf("name"u8) is not { } name)
        {
            return target.Cannot("tool_choice", "chat has functions alone to choose from.");
        }

        writer.WriteStartObject("tool_choice"u8);
        writer.WriteString("type"u8, "function"u8);
        writer.WriteStartObject("function"u8);
        writer.WriteString("name"u8, name);
        writer.WriteEndObject();
        writer.WriteEndObject();
        return null;
    }
}
