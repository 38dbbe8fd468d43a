using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>Some of the inputs of a call, as one request to a route.</summary>
internal sealed record RoutedCall(string Route, IReadOnlyList<EmbeddingInput> Inputs, int From, int Count, int? Dimensions)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="asNumbers">Leaves out that base64 is wanted: numbers are what every provider gives.</param>
    public ReadOnlyMemory<byte> ToBody(bool asNumbers)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body, Relaxed))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, Route);
            json.WriteStartArray("input"u8);
            for (var i = From; i < From + Count; i++)
            {
                Write(json, Inputs[i]);
            }

            json.WriteEndArray();
            if (!asNumbers)
            {
                json.WriteString("encoding_format"u8, "base64"u8);
            }

            if (Dimensions is { } dimensions)
            {
                json.WriteNumber("dimensions"u8, dimensions);
            }

            json.WriteEndObject();
        }

        return body.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, in EmbeddingInput input)
    {
        if (!input.IsTokens)
        {
            json.WriteStringValue(input.Utf8.Span);
            return;
        }

        json.WriteStartArray();
        foreach (var token in input.Tokens.Span)
        {
            json.WriteNumberValue(token);
        }

        json.WriteEndArray();
    }
}
