using System.Text;
using System.Text.Json;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Dialects;

/// <summary>
/// Reads the fields of a request body and keeps the first fault. A field that is absent or null has its default.
/// </summary>
internal sealed class BodyFields(JsonElement body)
{
    public const int MaxChoices = 128;

    public Rejection? Fault { get; private set; }

    public string Model()
    {
        var model = Find("model", JsonValueKind.String, "a string")?.GetString();
        if (string.IsNullOrEmpty(model))
            Fault ??= Rejection.Invalid("You must provide a model parameter.", "model");
        return model ?? "";
    }

    public bool Flag(string name) => Find(name) is { } value && Flag(value, name);

    /// <summary>A flag inside an object, such as <c>stream_options.include_usage</c>.</summary>
    public bool Flag(string outer, string name) =>
        Find(outer, JsonValueKind.Object, "an object") is { } inner && inner.TryGetProperty(name, out var value) && Flag(value, $"{outer}.{name}");

    public int? Count(string name, int atMost = int.MaxValue)
    {
        if (Find(name, JsonValueKind.Number, "an integer") is not { } value)
            return null;
        if (value.TryGetInt32(out var number) && number >= 1 && number <= atMost)
            return number;
        Fault ??= Rejection.Invalid($"Invalid '{name}': expected an integer from 1 to {atMost}.", name, "integer_out_of_range");
        return null;
    }

    public JsonElement? Required(string name)
    {
        var value = Find(name);
        if (value is null)
            Fault ??= Rejection.Invalid($"Missing required parameter: '{name}'.", name, "missing_required_parameter");
        return value;
    }

    /// <summary>Texts given as a string, an array of strings, an array of tokens, or an array of those; tokens stand for themselves as JSON.</summary>
    public IReadOnlyList<string> Texts(string name, bool required)
    {
        if (Find(name) is not { } value)
        {
            if (required)
                Required(name);
            return [""];
        }

        if (value.ValueKind == JsonValueKind.String)
            return [value.GetString()!];
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is var length and > 0)
        {
            if (value[0].ValueKind == JsonValueKind.Number)
                return [value.GetRawText()];
            var texts = new List<string>(length);
            foreach (var item in value.EnumerateArray())
            {
                if (item.ValueKind is JsonValueKind.String or JsonValueKind.Array)
                    texts.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText());
            }

            if (texts.Count == length)
                return texts;
        }

        Fault ??= Rejection.Invalid($"Invalid type for '{name}': expected a string, or an array of strings or tokens that is not empty.", name, "invalid_type");
        return [""];
    }

    /// <summary>The text of the last user message, or of the last message where no user speaks; adds up the length of all of them.</summary>
    public string LastUserText(JsonElement messages, string name, ref int characters)
    {
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            Fault ??= Rejection.Invalid($"Invalid type for '{name}': expected an array of messages that is not empty.", name, "invalid_type");
            return "";
        }

        string? user = null;
        var last = "";
        foreach (var message in messages.EnumerateArray())
        {
            if (message.ValueKind != JsonValueKind.Object)
            {
                Fault ??= Rejection.Invalid($"Invalid type in '{name}': expected objects.", name, "invalid_type");
                return "";
            }

            last = message.TryGetProperty("content", out var content) ? Text(content) : "";
            characters += last.Length;
            if (message.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String && role.ValueEquals("user"))
                user = last;
        }

        return user ?? last;
    }

    /// <summary>About what tokenisers give for English.</summary>
    public static int Tokens(int characters) => Math.Max(1, characters / 4);

    /// <summary>The text of a content: itself, or that of its parts.</summary>
    public static string Text(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String)
            return content.GetString()!;
        if (content.ValueKind != JsonValueKind.Array)
            return "";
        var text = new StringBuilder();
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var piece) && piece.ValueKind == JsonValueKind.String)
                text.Append(piece.GetString());
        }

        return text.ToString();
    }

    private bool Flag(JsonElement value, string name)
    {
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null)
            return value.ValueKind == JsonValueKind.True;
        Fault ??= Rejection.Invalid($"Invalid type for '{name}': expected a boolean.", name, "invalid_type");
        return false;
    }

    private JsonElement? Find(string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private JsonElement? Find(string name, JsonValueKind kind, string expected)
    {
        var value = Find(name);
        if (value is null || value.Value.ValueKind == kind)
            return value;
        Fault ??= Rejection.Invalid($"Invalid type for '{name}': expected {expected}.", name, "invalid_type");
        return null;
    }
}
