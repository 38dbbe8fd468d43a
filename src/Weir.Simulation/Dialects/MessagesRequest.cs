using System.Text;
using System.Text.Json;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Dialects;

/// <summary>Reads the body of <c>/v1/messages</c>, as strictly as Anthropic's API where that is where its clients' mistakes show.</summary>
internal sealed class MessagesRequest(JsonElement body)
{
    private readonly BodyFields _fields = new(body);
    private readonly StringBuilder _instructions = new();
    private bool _isMarked;
    private int _characters;
    private string _text = "";
    private string? _results;

    public (Prompt? Prompt, Rejection? Rejection) Read(bool counts)
    {
        var model = _fields.Model();
        var limit = counts ? null : _fields.Count("max_tokens");
        if (!counts && limit is null)
            Fail("max_tokens", "Field required");
        if (_fields.Required("messages") is { } messages)
            Messages(messages);
        if (body.TryGetProperty("system"u8, out var system) && system.ValueKind != JsonValueKind.Null)
            System(system);
        _isMarked |= body.TryGetProperty("cache_control"u8, out var mark) && mark.ValueKind == JsonValueKind.Object;

        var prompt = new Prompt
        {
            Model = model,
            Texts = [_results ?? _text],
            InputTokens = BodyFields.Tokens(_characters),
            // A count has no tokens of its own to pace.
            MaxTokens = counts ? 1 : limit,
            Stream = !counts && _fields.Flag("stream"),
            Calls = _results is null && !counts ? Calls() : [],
            Thinks = !counts && body.TryGetProperty("thinking"u8, out var thinking) && thinking.ValueKind == JsonValueKind.Object
                && thinking.TryGetProperty("type"u8, out var type) && type.ValueKind == JsonValueKind.String && !type.ValueEquals("disabled"u8),
            Instructions = _isMarked && !counts ? _instructions.ToString() : "",
            Body = body,
        };
        return (Rejection ?? _fields.Fault) is { } fault ? (null, fault) : (prompt, null);
    }

    private Rejection? Rejection { get; set; }

    private void Fail(string place, string message) => Rejection ??= Rejection.Invalid($"{place}: {message}", place);

    private void System(JsonElement system)
    {
        if (system.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            Fail("system", "Input should be a valid string or a list of blocks");
        var text = BodyFields.Text(system);
        _instructions.Append(text);
        _characters += text.Length;
        if (system.ValueKind == JsonValueKind.Array)
            _isMarked |= system.EnumerateArray().Any(IsMarked);
    }

    private void Messages(JsonElement messages)
    {
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            Fail("messages", "at least one message is required");
            return;
        }

        var index = 0;
        HashSet<string> calls = [];
        foreach (var message in messages.EnumerateArray())
        {
            var place = $"messages.{index++}";
            if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role"u8, out var role) || role.ValueKind != JsonValueKind.String
                || role.GetString() is not ("user" or "assistant" or "system") || !message.TryGetProperty("content"u8, out var content)
                || content.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            {
                Fail(place, "Input should be a message with a role and a content");
                return;
            }

            var text = BodyFields.Text(content);
            _characters += text.Length;
            if (role.ValueEquals("assistant"u8))
                Assistant(content, place, calls);
            else if (role.ValueEquals("user"u8))
                User(content, text, place, calls);
        }
    }

    private void Assistant(JsonElement content, string place, HashSet<string> calls)
    {
        calls.Clear();
        foreach (var (type, block) in Blocks(content, place))
        {
            if (type == "tool_use" && TextOf(block, "id"u8) is { } id)
                calls.Add(id);
            if (type == "thinking" && TextOf(block, "signature"u8) != MessagesDialect.Sign(TextOf(block, "thinking"u8) ?? ""))
                Fail(place, "Invalid `signature` in `thinking` block");
        }
    }

    private void User(JsonElement content, string text, string place, HashSet<string> calls)
    {
        List<string>? results = null;
        foreach (var (type, block) in Blocks(content, place))
        {
            _isMarked |= IsMarked(block);
            if (type != "tool_result")
                continue;
            var id = TextOf(block, "tool_use_id"u8) ?? "";
            if (!calls.Contains(id))
                Fail(place, $"unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.");
            var result = block.TryGetProperty("content"u8, out var given) ? BodyFields.Text(given) : "";
            _characters += result.Length;
            (results ??= []).Add(result);
        }

        _results = results is null ? null : string.Join('\n', results);
        if (results is null || text.Length > 0)
            _text = text;
    }

    private List<ToolCall> Calls()
    {
        var tools = new List<(string Name, JsonElement Schema)>();
        if (body.TryGetProperty("tools"u8, out var offered) && offered.ValueKind == JsonValueKind.Array)
        {
            foreach (var tool in offered.EnumerateArray())
            {
                if (tool.ValueKind == JsonValueKind.Object && TextOf(tool, "name"u8) is { } name && tool.TryGetProperty("input_schema"u8, out var schema))
                    tools.Add((name, schema));
                else
                    Fail("tools", "Input should be tools with a name and an input_schema");
            }
        }

        string? named = null;
        var (must, several) = (false, true);
        if (body.TryGetProperty("tool_choice"u8, out var choice) && choice.ValueKind == JsonValueKind.Object)
        {
            switch (TextOf(choice, "type"u8))
            {
                case "none":
                    return [];
                case "any":
                    must = true;
                    break;
                case "tool":
                    (must, named) = (true, TextOf(choice, "name"u8));
                    break;
            }

            several = !choice.TryGetProperty("disable_parallel_tool_use"u8, out var one) || one.ValueKind != JsonValueKind.True;
        }

        return [.. ToolCalls.Of(_text, tools, must, named, several)];
    }

    private IEnumerable<(string Type, JsonElement Block)> Blocks(JsonElement content, string place)
    {
        if (content.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (var block in content.EnumerateArray())
        {
            if (block.ValueKind == JsonValueKind.Object && TextOf(block, "type"u8) is { } type)
                yield return (type, block);
            else
                Fail(place, "Input should be blocks with a type");
        }
    }

    private static string? TextOf(JsonElement from, ReadOnlySpan<byte> name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool IsMarked(JsonElement block) =>
        block.ValueKind == JsonValueKind.Object && block.TryGetProperty("cache_control"u8, out var mark) && mark.ValueKind == JsonValueKind.Object;
}
