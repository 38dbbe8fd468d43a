using System.Buffers.Binary;
using System.Numerics;

namespace Weir.State.Logs;

/// <summary>
/// One record as it is stored: length (4 bytes), sort (1), CRC-32C of these and the payload (4), payload; little-endian.
/// </summary>
internal static class LogRecord
{
    public const int HeaderBytes = 9;
    public const int MaxPayload = 16 << 20;

    public const byte Data = 1;
    public const byte Fence = 2;

    public static byte[] Encode(byte sort, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxPayload)
            throw new ArgumentException($"A record has at most {MaxPayload} bytes (16 MiB); this one has {payload.Length}.");
        var bytes = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, payload.Length);
        bytes[4] = sort;
        payload.CopyTo(bytes.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(5), Checksum(bytes));
        return bytes;
    }

    public static byte[] EncodeFence(long fence)
    {
        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(payload, fence);
        return Encode(Fence, payload);
    }

    /// <summary>How long the payload says it is; negative where that cannot be.</summary>
    public static int Length(ReadOnlySpan<byte> header)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        return length is >= 0 and <= MaxPayload && header[4] is Data or Fence ? length : -1;
    }

    public static bool Intact(ReadOnlySpan<byte> record) =>
        BinaryPrimitives.ReadUInt32LittleEndian(record[5..]) == Checksum(record);

    private static uint Checksum(ReadOnlySpan<byte> record)
    {
        var crc = uint.MaxValue;
        foreach (var b in record[..5])
            crc = BitOperations.Crc32C(crc, b);
        var payload = record[HeaderBytes..];
        for (; payload.Length >= 8; payload = payload[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(payload));
        foreach (var b in payload)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
