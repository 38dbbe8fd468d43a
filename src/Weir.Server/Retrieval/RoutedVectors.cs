using System.Buffers;
using System.Buffers.Text;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weir.Server.Retrieval;

/// <summary>Reads the vectors of a provider's answer, base64 or numbers, each by the place of its input.</summary>
internal static class RoutedVectors
{
    /// <param name="answer">The body.</param>
    /// <param name="count">How many inputs there were.</param>
    /// <param name="fault">Why it cannot be used, after a colon.</param>
    /// <returns>Null where this is not an answer with <paramref name="count"/> finite vectors of one length.</returns>
    public static ReadOnlyMemory<float>[]? Read(ReadOnlySpan<byte> answer, int count, out string? fault)
    {
        fault = "the answer is not a JSON object with a list \"data\"";
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
                else if (!TryReadData(ref reader, vectors, ref fault))
                {
                    return null;
                }
            }

            if (reader.TokenType != JsonTokenType.EndObject)
            {
                return null;
            }

            fault = Fault(vectors);
            return fault is null ? vectors : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or a name in it that is no text.
            fault = "the answer is not valid JSON";
            return null;
        }
    }

    private static string? Fault(ReadOnlyMemory<float>[] vectors)
    {
        var given = vectors.Count(static vector => !vector.IsEmpty);
        if (given < vectors.Length)
        {
            return $"there are {given} for {vectors.Length} inputs";
        }

        var odd = Array.FindIndex(vectors, vector => vector.Length != vectors[0].Length);
        return odd < 0 ? null : $"number {odd} has {vectors[odd].Length} dimensions, and the first {vectors[0].Length}";
    }

    private static bool TryReadData(ref Utf8JsonReader reader, ReadOnlyMemory<float>[] vectors, ref string? fault)
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
                    fault = $"the index of number {position} is not a whole number";
                    return false;
                }
                else
                {
                    reader.Skip();
                }
            }

            if (vector is null)
            {
                fault = $"number {position} is not a list of finite numbers, and not base64 of such";
                return false;
            }

            if ((uint)index >= (uint)vectors.Length || !vectors[index].IsEmpty)
            {
                fault = (uint)index >= (uint)vectors.Length ? $"there is one of index {index} for {vectors.Length} inputs" : $"there are two of index {index}";
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
