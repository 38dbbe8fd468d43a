using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>
/// A kept vector as bytes of the state store's cache: format (1: float32, 2: int8), checksum (CRC-32C of what follows), tokens, then little-endian
/// numbers, for int8 after their scale.
/// </summary>
internal static class PackedVector
{
    private const byte Float32 = 1;
    private const byte Int8 = 2;
    private const int HeadBytes = 1 + sizeof(uint) + sizeof(int);
    private const int CheckedFrom = 1 + sizeof(uint);

    public static byte[] Pack(KeptVector vector)
    {
        var isInt8 = vector.Precision == VectorPrecision.Int8;
        var packed = new byte[HeadBytes + (isInt8 ? sizeof(float) : 0) + vector.Bytes];
        packed[0] = isInt8 ? Int8 : Float32;
        BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(CheckedFrom), vector.Tokens);
        var body = packed.AsSpan(HeadBytes);
        if (isInt8)
        {
            BinaryPrimitives.WriteSingleLittleEndian(body, vector.Scale);
            MemoryMarshal.AsBytes(vector.Rounded).CopyTo(body[sizeof(float)..]);
        }
        else if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(vector.Exact).CopyTo(body);
        }
        else
        {
            for (var i = 0; i < vector.Dimensions; i++)
                BinaryPrimitives.WriteSingleLittleEndian(body[(i * sizeof(float))..], vector.Exact[i]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(packed.AsSpan(1), Checksum(packed));
        return packed;
    }

    /// <param name="packed">What the store gave: anybody may have written it.</param>
    /// <param name="dimensions">What it must have; 0: any.</param>
    /// <returns>Null where it is not a vector of that length in whole.</returns>
    public static KeptVector? Unpack(ReadOnlySpan<byte> packed, int dimensions)
    {
        if (packed.Length <= HeadBytes || packed[0] is not (Float32 or Int8) || BinaryPrimitives.ReadUInt32LittleEndian(packed[1..]) != Checksum(packed))
            return null;
        var tokens = BinaryPrimitives.ReadInt32LittleEndian(packed[CheckedFrom..]);
        var body = packed[HeadBytes..];
        if (tokens < 0)
            return null;
        return packed[0] == Float32 ? Exact(body, dimensions, tokens) : Rounded(body, dimensions, tokens);
    }

    private static KeptVector? Exact(ReadOnlySpan<byte> body, int dimensions, int tokens)
    {
        var length = body.Length / sizeof(float);
        if (body.Length % sizeof(float) != 0 || (dimensions != 0 && dimensions != length))
            return null;
        var floats = new float[length];
        for (var i = 0; i < length; i++)
            floats[i] = BinaryPrimitives.ReadSingleLittleEndian(body[(i * sizeof(float))..]);
        return IsFinite(floats) ? KeptVector.Of(floats, tokens, VectorPrecision.Float32) : null;
    }

    private static KeptVector? Rounded(ReadOnlySpan<byte> body, int dimensions, int tokens)
    {
        if (body.Length <= sizeof(float) || (dimensions != 0 && dimensions != body.Length - sizeof(float)))
            return null;
        var scale = BinaryPrimitives.ReadSingleLittleEndian(body);
        return float.IsFinite(scale) ? KeptVector.OfRounded(MemoryMarshal.Cast<byte, sbyte>(body[sizeof(float)..]).ToArray(), scale, tokens) : null;
    }

    /// <summary>Whether every number is one.</summary>
    public static bool IsFinite(ReadOnlySpan<float> vector)
    {
        foreach (var number in vector)
        {
            if (!float.IsFinite(number))
                return false;
        }

        return true;
    }

    private static uint Checksum(ReadOnlySpan<byte> packed)
    {
        var crc = (uint)packed[0];
        var data = packed[CheckedFrom..];
        while (data.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }

        foreach (var rest in data)
            crc = BitOperations.Crc32C(crc, rest);
        return crc;
    }
}
