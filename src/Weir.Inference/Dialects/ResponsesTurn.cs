using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Gathers what the model said in a row, and writes it as one message of the assistant.</summary>
internal sealed class ResponsesTurn(TranslationTarget target, Utf8JsonWriter writer)
{
    private readonly List<(bool IsRefusal, JsonElement Text)> _texts = [];
    private readonly List<(string Id, JsonElement Item)> _calls = [];
    private readonly List<byte[]> _blocks = [];
    private readonly StringBuilder _reasoning = new();
    private bool _began;

    public InferenceError? Message(JsonElement item, string path)
    {
        _began = true;
        if (item.Find("content"u8) is { ValueKind: JsonValueKind.String } text)
        {
            _texts.Add((false, text));
            return null;
        }

        if (item.Find("content"u8) is not { ValueKind: JsonValueKind.Array } parts)
        {
            return InferenceError.Malformed($"'{path}.content' takes a string or a list of parts.", path + ".content");
        }

        var at = 0;
        foreach (var part in parts.EnumerateArray())
        {
            var type = part.TypeOf();
            var place = $"{path}.content[{at++}]";
            if (type is "output_text" or "input_text" or "text" && part.Find("text"u8) is { ValueKind: JsonValueKind.String } said)
            {
                _texts.Add((false, said));
            }
            else if (type is "refusal" && part.Find("refusal"u8) is { ValueKind: JsonValueKind.String } refused)
            {
                _texts.Add((true, refused));
            }
            else if (type is null or "output_text" or "input_text" or "text" or "refusal")
            {
                return InferenceError.Malformed($"'{place}' is no part with a type and its text.", place);
            }
            else if (target.Cannot(place, $"an assistant's message in chat has nothing like a part of type '{type}'.") is { } error)
            {
                return error;
            }
        }

        return null;
    }

    public InferenceError? Call(JsonElement item, string path)
    {
        if (item.TextOf("call_id"u8) is not { Length: > 0 } id || item.TextOf("name"u8) is null || item.Find("arguments"u8) is not { ValueKind: JsonValueKind.String })
        {
            return InferenceError.Malformed($"'{path}' takes a call_id, a name, and arguments as a string.", path);
        }

        _began = true;
        _calls.Add((id, item));
        return null;
    }

    public InferenceError? Reasoning(JsonElement item, string path)
    {
        var before = _reasoning.Length;
        AddAll(item.Items("content"u8), "reasoning_text");
        if (_reasoning.Length == before)
        {
            AddAll(item.Items("summary"u8), "summary_text");
        }

        _began |= _reasoning.Length > before;
        if (item.TextOf("encrypted_content"u8) is not { } sealedText)
        {
            return null;
        }

        if (!ThinkingEnvelope.IsOurs(sealedText))
        {
            return target.Cannot(path + ".encrypted_content", "only the provider that made it can read it.");
        }

        if (ThinkingEnvelope.Open(sealedText) is not { } blocks)
        {
            return InferenceError.Malformed($"'{path}.encrypted_content' is not as it was given.", path + ".encrypted_content");
        }

        _blocks.AddRange(blocks);
        _began = true;
        return null;
    }

    /// <summary>Writes the message, if there is any.</summary>
    /// <returns>The ids of its calls, in their order.</returns>
    public IReadOnlyList<string> Write()
    {
        if (!_began)
        {
            return [];
        }

        writer.WriteStartObject();
        writer.WriteString("role"u8, "assistant"u8);
        WriteReasoning();
        WriteTexts();
        WriteCalls();
        writer.WriteEndObject();
        var calls = _calls.ConvertAll(call => call.Id);
        _texts.Clear();
        _calls.Clear();
        _blocks.Clear();
        _reasoning.Clear();
        _began = false;
        return calls;
    }

    private void AddAll(IEnumerable<JsonElement> parts, string type)
    {
        foreach (var part in parts)
        {
            if (part.TypeOf() == type && part.TextOf("text"u8) is { } text)
            {
                _reasoning.Append(_reasoning.Length > 0 ? "\n\n" : "").Append(text);
            }
        }
    }

    private void WriteReasoning()
    {
        if (!MessagesFlavour.Of(target.Preset).TakesMore)
        {
            // These refuse messages with fields that they do not know, and read no earlier reasoning anyway.
            if (_reasoning.Length + _blocks.Count > 0)
            {
                target.Hint("input[].reasoning");
            }

            return;
        }

        if (_reasoning.Length > 0)
        {
            writer.WriteString("reasoning_content"u8, _reasoning.ToString());
        }

        if (_blocks.Count > 0)
        {
            writer.WriteStartArray("thinking_blocks"u8);
            foreach (var block in _blocks)
            {
                writer.WriteRawValue(block, skipInputValidation: true);
            }

            writer.WriteEndArray();
        }
    }

    private void WriteTexts()
    {
        switch (_texts)
        {
            case []:
                if (_calls.Count > 0)
                {
                    writer.WriteNull("content"u8);
                }
                else
                {
                    writer.WriteString("content"u8, ""u8);
                }

                return;
            case [(false, var only)]:
                writer.WritePropertyName("content"u8);
                writer.Copy(only);
                return;
        }

        writer.WriteStartArray("content"u8);
        foreach (var (isRefusal, text) in _texts)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, isRefusal ? "refusal"u8 : "text"u8);
            writer.WritePropertyName(isRefusal ? "refusal"u8 : "text"u8);
            writer.Copy(text);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private void WriteCalls()
    {
        if (_calls.Count == 0)
        {
            return;
        }

        writer.WriteStartArray("tool_calls"u8);
        foreach (var (id, item) in _calls)
        {
            writer.WriteStartObject();
            writer.WriteString("id"u8, id);
            writer.WriteString("type"u8, "function"u8);
            writer.WriteStartObject("function"u8);
            writer.Copy(item, "name"u8);
            writer.Copy(item, "arguments"u8);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
