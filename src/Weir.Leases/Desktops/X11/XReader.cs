using System.Buffers.Binary;

namespace Weir.Leases.Desktops.X11;

/// <summary>Reads what an X server sent, which may be anything: whatever lies beyond its end is a broken connection, never memory.</summary>
internal ref struct XReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    public byte Byte() => Bytes(1)[0];

    public ushort Word() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    public short Signed() => BinaryPrimitives.ReadInt16LittleEndian(Bytes(2));

    public uint Long() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public void Skip(int count) => Bytes(count);

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if ((uint)count > (uint)_left.Length)
            throw new XBrokenException($"The X server sent {_left.Length} bytes where {count} were due.");
        var taken = _left[..count];
        _left = _left[count..];
        return taken;
    }

    /// <summary>A length as it stands in the protocol, where everything fills units of four bytes.</summary>
    public static int Padded(int length) => (length + 3) & ~3;
}
