using System.Buffers.Binary;

namespace Weir.Leases.Desktops.X11;

/// <summary>Writes one message of a length known before, little endian.</summary>
internal struct XWriter(int length)
{
    private readonly byte[] _bytes = new byte[length];
    private int _at;

    public void Byte(byte value) => _bytes[_at++] = value;

    public void Word(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(_at), value);
        _at += 2;
    }

    public void Long(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(_at), value);
        _at += 4;
    }

    public void Skip(int count) => _at += count;

    /// <summary>Bytes, and as many zeros as fill a unit of four.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(_at));
        _at += XReader.Padded(bytes.Length);
    }

    public readonly byte[] Done() => _bytes;
}
