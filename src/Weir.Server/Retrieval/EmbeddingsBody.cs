using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>
/// An embeddings request in OpenAI's shape, read by one scan: texts stay where they stand in the body, and only those that are written with escapes are
/// copied. Fields that are not known here are left alone.
/// </summary>
internal sealed class EmbeddingsBody
{
    /// <summary>Inputs in one request: their vectors are all held at once.</summary>
    public const int MostInputs = 20_000;

    private const int MostDimensions = 65_536;

    /// <summary>Slices of the body, valid for as long as it is.</summary>
    public required IReadOnlyList<EmbeddingInput> Inputs { get; init; }

    /// <summary>Null: as many as the model has.</summary>
    public int? Dimensions { get; private init; }

    /// <summary>Vectors as base64 of little-endian float32, as opposed to JSON numbers.</summary>
    public bool IsBase64 { get; private init; }

    /// <param name="body">Well-formed JSON in valid UTF-8, as <see cref="RequestHeadScanner"/> has found it to be.</param>
    /// <param name="error">What is wrong and where; null where the body could be read.</param>
    public static EmbeddingsBody? Read(ReadOnlyMemory<byte> body, out InferenceError? error)
    {
        try
        {
            return Scan(body, out error);
        }
        catch (InvalidOperationException)
        {
            // Met when a name is compared: half a surrogate pair in an escape is well-formed JSON and no text.
            error = InferenceError.Malformed("The name of a field holds an escape that is no character.");
            return null;
        }
    }

    private static EmbeddingsBody? Scan(ReadOnlyMemory<byte> body, out InferenceError? error)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth });
        List<EmbeddingInput>? inputs = null;
        int? dimensions = null;
        var isBase64 = false;
        error = null;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input"u8))
            {
                reader.Read();
                error = inputs is null ? EmbeddingInputReader.Read(ref reader, body, out inputs) : InferenceError.Malformed("\"input\" is given twice: give it once.", "input");
            }
            else if (reader.ValueTextEquals("dimensions"u8))
            {
                reader.Read();
                error = ReadDimensions(ref reader, out dimensions);
            }
            else if (reader.ValueTextEquals("encoding_format"u8))
            {
                reader.Read();
                error = ReadFormat(ref reader, out isBase64);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }

            if (error is not null)
            {
                return null;
            }
        }

        error = inputs is null ? InferenceError.Malformed("\"input\" is missing: give a text, a list of texts, a list of tokens, or a list of such lists.", "input") : null;
        return inputs is null ? null : new EmbeddingsBody { Inputs = inputs, Dimensions = dimensions, IsBase64 = isBase64 };
    }

    private static InferenceError? ReadDimensions(ref Utf8JsonReader reader, out int? dimensions)
    {
        dimensions = null;
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var wanted) || wanted is < 1 or > MostDimensions)
        {
            return InferenceError.Malformed($"\"dimensions\" must be a whole number from 1 to {MostDimensions}.", "dimensions");
        }

        dimensions = wanted;
        return null;
    }

    private static InferenceError? ReadFormat(ref Utf8JsonReader reader, out bool isBase64)
    {
        var isText = reader.TokenType == JsonTokenType.String;
        isBase64 = isText && reader.ValueSpan.SequenceEqual("base64"u8);
        return isBase64 || reader.TokenType == JsonTokenType.Null || (isText && reader.ValueSpan.SequenceEqual("float"u8))
            ? null
            : InferenceError.Malformed("\"encoding_format\" takes \"float\" or \"base64\".", "encoding_format");
    }
}
