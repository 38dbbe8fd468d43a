using System.Buffers;
using System.Buffers.Text;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weir.Server.Retrieval;

/// <summary>Reads the vectors of a provider's answer, base64 or numbers, each by the place of its input.</summary>
internal static class RoutedVectors
{
    /// <returns>Null where this is not an answer with <paramref name="count"/> finite vectors of one length.</returns>
    public static ReadOnlyMemory<float>[]? Read(ReadOnlySpan<byte> answer, int count)
    {
        try
        {
            var vectors = new ReadOnlyMemory<float>[count];
            var reader = new Utf8JsonReader(answer);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isData = reader.ValueTextEquals("data"u8);
                reader.Read();
                if (!isData)
                {
                    reader.Skip();
                }
                else if (!TryReadData(ref reader, vectors))
                {
                    return null;
                }
            }

            var length = vectors[0].Length;
            return length > 0 && Array.TrueForAll(vectors, vector => vector.Length == length) ? vectors : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or a name in it that is no text.
            return null;
        }
    }

    private static bool TryReadData(ref Utf8JsonReader reader, ReadOnlyMemory<float>[] vectors)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return false;
        }

        var position = 0;
        for (; reader.Read() && reader.TokenType == JsonTokenType.StartObject; position++)
        {
            // A server that numbers nothing means the order in which it answers.
            var index = position;
            float[]? vector = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isIndex = reader.ValueTextEquals("index"u8);
                var isVector = reader.ValueTextEquals("embedding"u8);
                reader.Read();
                if (isVector)
                {
                    vector = ReadVector(ref reader);
                }
                else if (isIndex && (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out index)))
                {
                    return false;
                }
                else
                {
                    reader.Skip();
                }
            }

            if (vector is null || (uint)index >= (uint)vectors.Length || !vectors[index].IsEmpty)
            {
                return false;
            }

            vectors[index] = vector;
        }

        return reader.TokenType == JsonTokenType.EndArray;
    }

    private static float[]? ReadVector(ref Utf8JsonReader reader)
    {
        var vector = reader.TokenType switch
        {
            JsonTokenType.String => FromBase64(ref reader),
            JsonTokenType.StartArray => FromNumbers(ref reader),
            _ => null,
        };
        return vector is { Length: > 0 } && TensorPrimitives.IsFiniteAll<float>(vector) ? vector : null;
    }

    private static float[]? FromBase64(ref Utf8JsonReader reader)
    {
        // A slash may stand there escaped.
        var text = reader.ValueIsEscaped ? System.Text.Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan;
        var length = text.TrimEnd((byte)'=').Length * 3 / 4;
        if (length % sizeof(float) != 0)
        {
            return null;
        }

        // What is decoded is little-endian, as is every machine that this runs on.
        var vector = new float[length / sizeof(float)];
        return Base64.DecodeFromUtf8(text, MemoryMarshal.AsBytes(vector.AsSpan()), out _, out var written) == OperationStatus.Done && written == length ? vector : null;
    }

    private static float[]? FromNumbers(ref Utf8JsonReader reader)
    {
        var vector = new List<float>();
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            if (!reader.TryGetSingle(out var value))
            {
                return null;
            }

            vector.Add(value);
        }

        return reader.TokenType == JsonTokenType.EndArray ? [.. vector] : null;
    }
}
