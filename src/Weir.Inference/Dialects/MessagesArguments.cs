using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// The arguments of one call as models write them, which Anthropic's clients take for a JSON object. As they come: nothing after the
/// object's end is passed on, control characters inside strings are escaped, and what does not begin as an object is held to its end and
/// then given as <c>{"INVALID_JSON": "…"}</c>, as Anthropic's documentation has clients do it. Faults deeper inside a stream are not
/// looked for; an object that the token limit cut short stays cut short, as Anthropic's own do.
/// </summary>
internal sealed class MessagesArguments
{
    private static readonly SearchValues<char> Space = SearchValues.Create(" \t\r\n");

    private StringBuilder? _held;
    private int _depth;
    private bool _inString;
    private bool _afterBackslash;

    /// <summary>The object has ended.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>What the text of a whole answer amounts to: always a JSON object.</summary>
    public static string Whole(string text)
    {
        var arguments = new MessagesArguments();
        var output = new StringBuilder(text.Length);
        arguments.Add(text, output);
        arguments.End(output);
        var candidate = output.Length == 0 ? "{}" : output.ToString();
        return IsObject(candidate) ? candidate : Invalid(text);
    }

    public void Add(ReadOnlySpan<char> piece, StringBuilder output)
    {
        if (_held is not null)
        {
            _held.Append(piece);
            return;
        }

        if (_depth == 0 && !IsComplete)
        {
            var start = piece.IndexOfAnyExcept(Space);
            if (start < 0)
                return;
            piece = piece[start..];
            if (piece[0] != '{')
            {
                _held = new StringBuilder().Append(piece);
                return;
            }
        }

        foreach (var letter in piece)
        {
            if (IsComplete)
                return;
            Take(letter, output);
        }
    }

    /// <summary>Adds what was held.</summary>
    public void End(StringBuilder output)
    {
        if (_held?.ToString() is not { } held || held.AsSpan().Trim() is "null")
            return;
        output.Append(Unquoted(held) ?? Invalid(held));
    }

    private void Take(char letter, StringBuilder output)
    {
        if (_inString)
        {
            if (letter < ' ')
            {
                output.Append("\\u").Append(((int)letter).ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
                return;
            }

            if (_afterBackslash)
                _afterBackslash = false;
            else if (letter == '\\')
                _afterBackslash = true;
            else if (letter == '"')
                _inString = false;
        }
        else if (letter == '"')
        {
            _inString = true;
        }
        else if (letter is '{' or '[')
        {
            _depth++;
        }
        else if (letter is '}' or ']')
        {
            IsComplete = --_depth == 0;
        }

        output.Append(letter);
    }

    /// <summary>Some models write the object as a string that holds it.</summary>
    private static string? Unquoted(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<string>(text) is { } inner && IsObject(inner) ? inner : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsObject(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, DialectJson.Reading);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Invalid(string text) => $$"""{"INVALID_JSON":"{{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}}"}""";
}
