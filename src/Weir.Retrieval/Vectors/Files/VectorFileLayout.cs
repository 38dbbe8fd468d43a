using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Retrieval.Vectors.Files;

/// <summary>
/// The bytes of a part. A header of one page says whose vectors these are. After it stand slots of one size, so that a damaged one costs only itself:
/// <code>
/// checksum u32 | key length u16 | 0 u16 | key, filled to 64 bytes with zeros | dimensions × f32
/// </code>
/// all little-endian. A slot of zeros is free. The checksum (CRC-32C) begins with the part's own salt, so that what another file left on the disk is no record.
/// </summary>
internal sealed class VectorFileLayout(int dimensions, string revision)
{
    public const int HeaderBytes = 4096;
    public const int LongestKey = 64;
    private const int KeyAt = 8;
    private const int VectorAt = KeyAt + LongestKey;
    private const int HeaderUsed = 64;

    private static ReadOnlySpan<byte> Magic => "WEIRVEC1"u8;

    private readonly byte[] _revision = SHA256.HashData(Encoding.UTF8.GetBytes(revision));

    public int Dimensions => dimensions;

    public int RecordBytes { get; } = VectorAt + dimensions * sizeof(float);

    public long At(int slot) => HeaderBytes + (long)slot * RecordBytes;

    /// <summary>magic 8 | dimensions i32 | slots i32 | salt u32 | 0 u32 | SHA-256 of the revision 32 | 0 u32 | checksum u32.</summary>
    public byte[] Header(int slots, uint salt)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), dimensions);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), slots);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), salt);
        _revision.CopyTo(header, 24);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderUsed - 4), Checksum(0, header.AsSpan(0, HeaderUsed - 4)));
        return header;
    }

    /// <summary>The number of slots and the salt, or why this is no part of these vectors.</summary>
    public (int Slots, uint Salt, string? Fault) ReadHeader(ReadOnlySpan<byte> header)
    {
        if (header.Length < HeaderUsed || !header.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(header[(HeaderUsed - 4)..]) != Checksum(0, header[..(HeaderUsed - 4)]))
            return (0, 0, "its header is damaged");
        if (BinaryPrimitives.ReadInt32LittleEndian(header[8..]) != dimensions || !header.Slice(24, 32).SequenceEqual(_revision))
            return (0, 0, "it holds vectors of another model");
        return (BinaryPrimitives.ReadInt32LittleEndian(header[12..]), BinaryPrimitives.ReadUInt32LittleEndian(header[16..]), null);
    }

    public static void WriteRecord(Span<byte> record, uint salt, ReadOnlySpan<byte> key, ReadOnlySpan<float> vector)
    {
        record[..VectorAt].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record[4..], (ushort)key.Length);
        key.CopyTo(record[KeyAt..]);
        MemoryMarshal.AsBytes(vector).CopyTo(record[VectorAt..]);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Checksum(salt, record[4..]));
    }

    /// <summary>Whether a whole record stands here, as it was written.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> record, uint salt) =>
        BinaryPrimitives.ReadUInt16LittleEndian(record[4..]) is > 0 and <= LongestKey
        && BinaryPrimitives.ReadUInt32LittleEndian(record) == Checksum(salt, record[4..]);

    public static bool IsFree(ReadOnlySpan<byte> record) => !record.ContainsAnyExcept((byte)0);

    public static ReadOnlySpan<byte> Key(ReadOnlySpan<byte> record) =>
        record.Slice(KeyAt, BinaryPrimitives.ReadUInt16LittleEndian(record[4..]));

    public static ReadOnlySpan<float> Vector(ReadOnlySpan<byte> record) => MemoryMarshal.Cast<byte, float>(record[VectorAt..]);

    private static uint Checksum(uint salt, ReadOnlySpan<byte> bytes)
    {
        var crc = ~salt;
        var longs = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var value in longs)
            crc = BitOperations.Crc32C(crc, value);
        foreach (var value in bytes[(longs.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
