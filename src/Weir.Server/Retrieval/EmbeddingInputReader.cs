using System.Text.Json;
using Weir.Inference;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>Reads <c>input</c>: a text, texts, tokens, or lists of tokens. What is wrong is named by its place, such as <c>input[3]</c>.</summary>
internal static class EmbeddingInputReader
{
    /// <summary>Reads the value whose first token the reader stands at, and leaves it at the last.</summary>
    /// <returns>Null with at least one input, or what is wrong.</returns>
    public static InferenceError? Read(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, out List<EmbeddingInput> inputs)
    {
        inputs = [];
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return Add(TryReadText(ref reader, body, out var input), input, inputs, null);

            case JsonTokenType.StartArray:
                reader.Read();
                return reader.TokenType == JsonTokenType.Number
                    ? Add(TryReadTokens(ref reader, "input", out input), input, inputs, null)
                    : ReadList(ref reader, body, inputs);

            default:
                return InferenceError.Malformed($"\"input\" must be a text, a list of texts, a list of tokens, or a list of such lists, not {NameOf(reader.TokenType)}.", "input");
        }
    }

    private static InferenceError? ReadList(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, List<EmbeddingInput> inputs)
    {
        // The two kinds do not mix in one request.
        var kind = reader.TokenType;
        var count = 0;
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read(), count++)
        {
            if (reader.TokenType != kind || kind is not (JsonTokenType.String or JsonTokenType.StartArray))
            {
                var place = $"input[{count}]";
                var wanted = count == 0 ? "a text, a token or a list of tokens" : $"{NameOf(kind)} like those before it";
                return InferenceError.Malformed($"\"{place}\" must be {wanted}, not {NameOf(reader.TokenType)}.", place);
            }

            if (count >= EmbeddingsBody.MostInputs)
            {
                // Counted to the end, for the sentence that refuses them.
                reader.Skip();
            }
            else if (AddFrom(ref reader, body, kind, count, inputs) is { } fault)
            {
                return fault;
            }
        }

        return count switch
        {
            0 => InferenceError.Malformed("\"input\" is an empty list: give at least one input.", "input"),
            > EmbeddingsBody.MostInputs => new InferenceError(
                422, "too_many_inputs", $"The request has {count} inputs; one may have {EmbeddingsBody.MostInputs}. Send it in parts.") { Param = "input", ShouldRetry = false },
            _ => null,
        };
    }

    private static InferenceError? AddFrom(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, JsonTokenType kind, int index, List<EmbeddingInput> inputs)
    {
        if (kind == JsonTokenType.String)
        {
            return Add(TryReadText(ref reader, body, out var text), text, inputs, index);
        }

        reader.Read();
        return Add(TryReadTokens(ref reader, $"input[{index}]", out var tokens), tokens, inputs, index);
    }

    private static InferenceError? Add(Fault fault, EmbeddingInput input, List<EmbeddingInput> inputs, int? index)
    {
        if (fault.What is null)
        {
            inputs.Add(input);
            return null;
        }

        var place = fault.Place ?? (index is { } at ? $"input[{at}]" : "input");
        return InferenceError.Malformed($"\"{place}\" {fault.What}.", place);
    }

    private static Fault TryReadText(ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, out EmbeddingInput input)
    {
        input = default;
        var length = reader.ValueSpan.Length;
        if (length == 0)
        {
            return new("is an empty text, which has no embedding");
        }

        if (!reader.ValueIsEscaped)
        {
            input = EmbeddingInput.OfText(body.Slice((int)reader.TokenStartIndex + 1, length));
            return default;
        }

        try
        {
            var text = new byte[length];
            input = EmbeddingInput.OfText(text.AsMemory(0, reader.CopyString(text)));
            return default;
        }
        catch (InvalidOperationException)
        {
            // Well-formed JSON, and no text.
            return new("holds half a surrogate pair, which is no character");
        }
    }

    private static Fault TryReadTokens(ref Utf8JsonReader reader, string place, out EmbeddingInput input)
    {
        input = default;
        var tokens = new List<int>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var token) || token < 0)
            {
                return new("is no token: those are whole numbers from 0", $"{place}[{tokens.Count}]");
            }

            tokens.Add(token);
        }

        input = EmbeddingInput.OfTokens(tokens.ToArray());
        return tokens.Count > 0 ? default : new("is an empty list of tokens, which has no embedding", place);
    }

    private static string NameOf(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    /// <param name="What">Null: nothing is wrong.</param>
    /// <param name="Place">Null: the input itself.</param>
    private readonly record struct Fault(string? What, string? Place = null);
}
