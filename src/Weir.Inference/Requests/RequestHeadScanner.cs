using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Weir.Inference.Requests;

/// <summary>Finds a <see cref="RequestHead"/> in a body by one forward scan of its UTF-8, which also proves it to be well-formed JSON.</summary>
public static class RequestHeadScanner
{
    /// <summary>Deeper nesting is refused: no provider accepts it, and no tool schema needs it.</summary>
    public const int MaxDepth = 128;

    /// <summary>The longest model name, in bytes.</summary>
    public const int MaxModelLength = 512;

    /// <param name="body">A JSON object.</param>
    /// <param name="head">What it holds.</param>
    /// <param name="operation">What it asks for, where errors are to say what it takes; null: anything.</param>
    /// <returns>Null with <paramref name="head"/> set, or what is wrong with the body and where.</returns>
    public static InferenceError? Scan(ReadOnlySpan<byte> body, out RequestHead head, Operation? operation = null)
    {
        head = default;
        if (body.IsEmpty)
        {
            return InferenceError.Malformed("The body is empty: send a JSON object with at least \"model\".");
        }

        if (!Utf8.IsValid(body))
        {
            return InferenceError.Malformed("The body is not valid UTF-8: send JSON encoded as UTF-8.");
        }

        try
        {
            return ScanObject(body, operation, out head);
        }
        catch (JsonException fault)
        {
            return InferenceError.Malformed(Describe(fault));
        }
        catch (InvalidOperationException)
        {
            // Met when a name is compared: half a surrogate pair in an escape is well-formed JSON and no text.
            return InferenceError.Malformed("The name of a field holds an escape that is no character.");
        }
    }

    private static InferenceError? ScanObject(ReadOnlySpan<byte> body, Operation? operation, out RequestHead head)
    {
        head = default;
        string? model = null, previous = null;
        Range modelValue = default, previousValue = default;
        UsageRequest usage = default;
        var stream = false;
        var hasPrevious = false;

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return InferenceError.Malformed($"The body is a JSON {Name(reader.TokenType)}: send an object with at least \"model\".");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
            {
                if (model is not null)
                {
                    return InferenceError.Malformed("\"model\" is given twice: give it once.", "model");
                }

                reader.Read();
                if (reader.TokenType != JsonTokenType.String)
                {
                    return WrongType("model", "a string", reader.TokenType);
                }

                modelValue = Position(reader);
                if (reader.ValueSpan.Length is 0 or > MaxModelLength)
                {
                    return InferenceError.Malformed($"\"model\" must have 1 to {MaxModelLength} bytes.", "model");
                }

                model = ReadString(ref reader);
                if (model is null)
                {
                    return InferenceError.Malformed("\"model\" holds an escape that is no character.", "model");
                }

                // Names go into logs and onto terminals.
                if (model.AsSpan().IndexOfAnyInRange('\0', '\x1f') >= 0 || model.AsSpan().IndexOfAnyInRange('\x7f', '\x9f') >= 0)
                {
                    return InferenceError.Malformed("\"model\" holds a control character.", "model");
                }
            }
            else if (reader.ValueTextEquals("stream"u8))
            {
                reader.Read();
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                {
                    return WrongType("stream", "true or false", reader.TokenType);
                }

                stream = reader.TokenType == JsonTokenType.True;
            }
            else if (reader.ValueTextEquals("previous_response_id"u8))
            {
                // The id that is checked must be the one that the provider reads.
                if (hasPrevious)
                {
                    return InferenceError.Malformed("\"previous_response_id\" is given twice: give it once.", "previous_response_id");
                }

                hasPrevious = true;
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                {
                    previousValue = Position(reader);
                    previous = ReadString(ref reader);
                }

                reader.Skip();
            }
            else if (reader.ValueTextEquals("stream_options"u8))
            {
                reader.Read();
                usage = UsageRequest.Read(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        // Whatever follows the object makes this throw, so that nothing is passed on which the provider would read otherwise.
        reader.Read();

        if (model is null)
        {
            var names = operation == Operation.Embeddings ? "a route, an embedding model such as 'default', or provider/model" : "a route or a provider/model";
            return InferenceError.Malformed($"\"model\" is missing: name {names}; GET /v1/models lists them.", "model");
        }

        head = new RequestHead
        {
            Model = model,
            ModelValue = modelValue,
            Stream = stream,
            PreviousResponseId = previous,
            PreviousResponseValue = previousValue,
            Usage = usage,
            Length = body.Length,
            EstimatedInput = BodyEstimate.Of(body),
        };
        return null;
    }

    private static Range Position(in Utf8JsonReader reader) => (int)reader.TokenStartIndex..(int)reader.BytesConsumed;

    // A lone surrogate in an escape is well-formed JSON and no text.
    private static string? ReadString(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            return Encoding.UTF8.GetString(reader.ValueSpan);
        }

        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static InferenceError WrongType(string name, string wanted, JsonTokenType found) =>
        InferenceError.Malformed($"\"{name}\" must be {wanted}, not {Name(found)}.", name);

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "object",
        JsonTokenType.StartArray => "array",
        JsonTokenType.String => "string",
        JsonTokenType.Number => "number",
        JsonTokenType.Null => "null",
        _ => "boolean",
    };

    private static string Describe(JsonException fault)
    {
        var place = $"line {(fault.LineNumber ?? 0) + 1}, byte {(fault.BytePositionInLine ?? 0) + 1}";
        return fault.Message.Contains("depth", StringComparison.OrdinalIgnoreCase)
            ? $"The body is nested deeper than {MaxDepth} levels at {place}."
            : $"The body is not well-formed JSON at {place}: {FirstSentence(fault.Message)}";
    }

    private static string FirstSentence(string text)
    {
        var end = text.IndexOf(". ", StringComparison.Ordinal);
        var at = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var cut = end >= 0 ? end + 1 : at >= 0 ? at : text.Length;
        return text[..cut];
    }
}
