using System.Buffers.Binary;
using Weir.Inference.Batches.Documents;

namespace Weir.Inference.Batches.Results;

/// <summary>Into which file a line's result goes.</summary>
internal enum LineKind : byte
{
    /// <summary>It has no result yet.</summary>
    None = 0,

    Output = 1,

    Error = 2,
}

/// <summary>The result of one line, as a record of the batch's log: kind (1 byte), line (4), four counts of tokens (8 each), text; little-endian.</summary>
/// <param name="Line">The first is 1.</param>
/// <param name="Kind">Which file it goes into.</param>
/// <param name="Usage">What it used.</param>
/// <param name="Text">A line of that file, without its end.</param>
internal readonly record struct LineRecord(int Line, LineKind Kind, BatchUsage Usage, ReadOnlyMemory<byte> Text)
{
    private const int HeaderBytes = 37;

    public ReadOnlyMemory<byte> Encode()
    {
        var bytes = new byte[HeaderBytes + Text.Length];
        bytes[0] = (byte)Kind;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), Line);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(5), Usage.Input);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(13), Usage.Cached);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(21), Usage.Output);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(29), Usage.Reasoning);
        Text.CopyTo(bytes.AsMemory(HeaderBytes));
        return bytes;
    }

    /// <exception cref="InvalidDataException">It is none: its checksum held, so that another version wrote it.</exception>
    public static LineRecord Decode(ReadOnlyMemory<byte> record)
    {
        var bytes = record.Span;
        if (bytes.Length < HeaderBytes || bytes[0] is not ((byte)LineKind.Output or (byte)LineKind.Error))
        {
            throw new InvalidDataException("A record in the log of a batch is not a result: another version of Weir wrote it.");
        }

        return new LineRecord(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[1..]),
            (LineKind)bytes[0],
            new BatchUsage(
                BinaryPrimitives.ReadInt64LittleEndian(bytes[5..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[13..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[21..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[29..])),
            record[HeaderBytes..]);
    }
}
