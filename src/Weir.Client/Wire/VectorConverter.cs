using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Client.Wire;

/// <summary>A vector as base64 of little-endian float32, or as numbers.</summary>
internal sealed class VectorConverter : JsonConverter<ReadOnlyMemory<float>>
{
    public override ReadOnlyMemory<float> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType is JsonTokenType.String)
            return FromBytes(reader.GetBytesFromBase64());
        if (reader.TokenType is not JsonTokenType.StartArray)
            throw new JsonException("A vector is base64 or a list of numbers.");
        var numbers = new List<float>();
        while (reader.Read() && reader.TokenType is not JsonTokenType.EndArray)
            numbers.Add(reader.TokenType is JsonTokenType.Number ? reader.GetSingle() : throw new JsonException("A vector holds numbers alone."));
        return numbers.ToArray();
    }

    public override void Write(Utf8JsonWriter writer, ReadOnlyMemory<float> value, JsonSerializerOptions options) =>
        throw new NotSupportedException("Vectors are only read.");

    private static float[] FromBytes(byte[] bytes)
    {
        if (bytes.Length % sizeof(float) != 0)
            throw new JsonException($"A vector of {bytes.Length} bytes is no list of float32.");
        var vector = new float[bytes.Length / sizeof(float)];
        if (BitConverter.IsLittleEndian)
        {
            bytes.CopyTo(MemoryMarshal.AsBytes(vector.AsSpan()));
            return vector;
        }

        for (var i = 0; i < vector.Length; i++)
            vector[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float)));
        return vector;
    }
}
