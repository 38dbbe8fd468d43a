using System.Text;
using System.Text.Json;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Dialects;

/// <summary>Instructions, tools, calls and results in the shapes of chat completions.</summary>
internal static class ChatTools
{
    /// <summary>The texts of the system and developer messages.</summary>
    public static string Instructions(JsonElement body)
    {
        var text = new StringBuilder();
        foreach (var message in Messages(body))
        {
            if (RoleOf(message) is "system" or "developer" && message.TryGetProperty("content"u8, out var content))
                text.Append(BodyFields.Text(content));
        }

        return text.ToString();
    }

    /// <summary>The results with which the messages end; null where they end with something else.</summary>
    public static string? Results(JsonElement body)
    {
        List<string>? results = null;
        foreach (var message in Messages(body))
        {
            if (RoleOf(message) == "tool")
                (results ??= []).Add(message.TryGetProperty("content"u8, out var content) ? BodyFields.Text(content) : "");
            else
                results = null;
        }

        return results is null ? null : string.Join('\n', results);
    }

    public static IReadOnlyList<ToolCall> Calls(JsonElement body, string text)
    {
        var tools = new List<(string Name, JsonElement Schema)>();
        if (body.TryGetProperty("tools"u8, out var offered) && offered.ValueKind == JsonValueKind.Array)
        {
            foreach (var tool in offered.EnumerateArray())
            {
                if (tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function"u8, out var function) && function.ValueKind == JsonValueKind.Object
                    && function.TryGetProperty("name"u8, out var name) && name.ValueKind == JsonValueKind.String)
                {
                    tools.Add((name.GetString()!, function.TryGetProperty("parameters"u8, out var schema) ? schema : default));
                }
            }
        }

        string? named = null;
        var must = false;
        if (body.TryGetProperty("tool_choice"u8, out var choice))
        {
            if (choice.ValueKind == JsonValueKind.String && choice.ValueEquals("none"u8))
                return [];
            must = choice.ValueKind == JsonValueKind.String && choice.ValueEquals("required"u8);
            if (choice.ValueKind == JsonValueKind.Object && choice.TryGetProperty("function"u8, out var wanted) && wanted.ValueKind == JsonValueKind.Object
                && wanted.TryGetProperty("name"u8, out var name) && name.ValueKind == JsonValueKind.String)
            {
                (must, named) = (true, name.GetString());
            }
        }

        var several = !body.TryGetProperty("parallel_tool_calls"u8, out var parallel) || parallel.ValueKind != JsonValueKind.False;
        return ToolCalls.Of(text, tools, must, named, several);
    }

    /// <summary>The calls of a whole message.</summary>
    public static void WriteCalls(Utf8JsonWriter json, Answer answer)
    {
        if (answer.Prompt.Calls.Count == 0)
            return;
        json.WriteStartArray("tool_calls"u8);
        var index = 0;
        foreach (var call in answer.Calls)
        {
            json.WriteStartObject();
            WriteName(json, answer, index++, call.Name);
            json.WriteString("arguments"u8, call.Arguments);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>One piece of one call.</summary>
    public static void WritePiece(Utf8JsonWriter json, Answer answer, AnswerPart part)
    {
        json.WriteStartArray("tool_calls"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, part.Call);
        if (part.Kind == AnswerPartKind.Call)
            WriteName(json, answer, part.Call, part.Text);
        else
            json.WriteStartObject("function"u8);
        json.WriteString("arguments"u8, part.Kind == AnswerPartKind.Call ? "" : part.Text);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteName(Utf8JsonWriter json, Answer answer, int index, string name)
    {
        json.WriteString("id"u8, $"call_{answer.Id}_{index}");
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, name);
    }

    private static JsonElement.ArrayEnumerator Messages(JsonElement body) =>
        body.TryGetProperty("messages"u8, out var messages) && messages.ValueKind == JsonValueKind.Array ? messages.EnumerateArray() : default;

    private static string? RoleOf(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty("role"u8, out var role) && role.ValueKind == JsonValueKind.String ? role.GetString() : null;
}
