using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Writes the input of a Responses request as the messages of a chat. What the model said in a row (reasoning, texts, calls) is one message
/// of the assistant there, and what its calls gave follows at once, wherever it stands in the input.
/// </summary>
internal sealed class ResponsesInput(JsonElement body, TranslationTarget target, Utf8JsonWriter writer)
{
    private readonly ResponsesContent _content = new(target, writer);
    private readonly ResponsesTurn _turn = new(target, writer);

    public InferenceError? Write()
    {
        if (body.Find("input"u8) is not { } input)
        {
            return body.Find("prompt"u8) is null ? InferenceError.Malformed("'input' is missing: a string, or a list of items.", "input") : null;
        }

        if (input.ValueKind == JsonValueKind.String)
        {
            writer.WriteStartObject();
            writer.WriteString("role"u8, "user"u8);
            writer.Copy(body, "input"u8, "content"u8);
            writer.WriteEndObject();
            return null;
        }

        return input.ValueKind == JsonValueKind.Array ? Items([.. input.EnumerateArray()]) : InferenceError.Malformed("'input' takes a string or a list of items.", "input");
    }

    private InferenceError? Items(JsonElement[] items)
    {
        var results = ResultsOf(items);
        for (var i = 0; i < items.Length; i++)
        {
            // The model's turn ends before whoever speaks next.
            var error = IsOfModel(items[i]) ? null : End(results);
            error ??= Item(items[i], $"input[{i}]", results);
            if (error is not null)
            {
                return error;
            }
        }

        return End(results);
    }

    // Several results for one call stay in their order.
    private static Dictionary<string, Queue<(JsonElement Item, string Path)>> ResultsOf(JsonElement[] items)
    {
        var results = new Dictionary<string, Queue<(JsonElement, string)>>(StringComparer.Ordinal);
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i].TypeOf() is "function_call_output" && items[i].TextOf("call_id"u8) is { } call)
            {
                (results.TryGetValue(call, out var queue) ? queue : results[call] = []).Enqueue((items[i], $"input[{i}]"));
            }
        }

        return results;
    }

    private static bool IsOfModel(JsonElement item) => item.TypeOf() switch
    {
        "reasoning" => true,
        null or "message" => item.TextOf("role"u8) is "assistant",
        { } type => type.EndsWith("_call", StringComparison.Ordinal),
    };

    private InferenceError? Item(JsonElement item, string path, Dictionary<string, Queue<(JsonElement Item, string Path)>> results)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            return InferenceError.Malformed($"'{path}' is no object.", path);
        }

        switch (item.TypeOf())
        {
            case null or "message":
                return item.TextOf("role"u8) is "assistant" ? _turn.Message(item, path) : Message(item, path);
            case "function_call":
                return _turn.Call(item, path);
            case "reasoning":
                return _turn.Reasoning(item, path);
            case "function_call_output" when item.TextOf("call_id"u8) is { } call:
                // Most have been written behind their call by now; one whose call is nowhere is the provider's to judge.
                return results[call].TryDequeue(out var result) ? Result(result.Item, call, result.Path) : null;
            case "function_call_output":
                return InferenceError.Malformed($"'{path}' has no call_id.", path + ".call_id");
            case "item_reference":
                return ResponsesRequest.NeedsState(target, path);
            case { } type:
                return target.Cannot(path, $"chat has nothing like an item of type '{type}'.");
        }
    }

    private InferenceError? End(Dictionary<string, Queue<(JsonElement Item, string Path)>> results)
    {
        foreach (var call in _turn.Write())
        {
            while (results.TryGetValue(call, out var queue) && queue.TryDequeue(out var result))
            {
                if (Result(result.Item, call, result.Path) is { } error)
                {
                    return error;
                }
            }
        }

        return null;
    }

    private InferenceError? Message(JsonElement item, string path)
    {
        // Servers that have chat alone mostly know no role "developer".
        var role = item.TextOf("role"u8) switch
        {
            "user" => "user",
            "system" or "developer" => "system",
            _ => null,
        };
        if (role is null)
        {
            return InferenceError.Malformed($"'{path}.role' is user, assistant, system or developer.", path + ".role");
        }

        writer.WriteStartObject();
        writer.WriteString("role"u8, role);
        var error = _content.Write(item, "content"u8, path + ".content");
        writer.WriteEndObject();
        return error;
    }

    private InferenceError? Result(JsonElement item, string call, string path)
    {
        writer.WriteStartObject();
        writer.WriteString("role"u8, "tool"u8);
        writer.WriteString("tool_call_id"u8, call);
        var error = _content.Write(item, "output"u8, path + ".output");
        writer.WriteEndObject();
        return error;
    }
}
