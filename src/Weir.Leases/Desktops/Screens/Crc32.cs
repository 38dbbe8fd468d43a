using System.Buffers.Binary;

namespace Weir.Leases.Desktops.Screens;

/// <summary>The cyclic redundancy check of PNG (polynomial 0xEDB88320, reflected), eight bytes at a time by tables.</summary>
internal static class Crc32
{
    private static readonly uint[][] Tables = Build();

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = Tables[7][(byte)low] ^ Tables[6][(byte)(low >> 8)] ^ Tables[5][(byte)(low >> 16)] ^ Tables[4][low >> 24]
                ^ Tables[3][(byte)high] ^ Tables[2][(byte)(high >> 8)] ^ Tables[1][(byte)(high >> 16)] ^ Tables[0][high >> 24];
        }

        foreach (var value in bytes)
            crc = crc >> 8 ^ Tables[0][(byte)(crc ^ value)];
        return ~crc;
    }

    private static uint[][] Build()
    {
        var tables = new uint[8][];
        for (var table = 0; table < tables.Length; table++)
        {
            tables[table] = new uint[256];
            for (var value = 0u; value < 256; value++)
                tables[table][value] = table == 0 ? Step(value, 8) : Step(tables[table - 1][value], 8);
        }

        return tables;
    }

    private static uint Step(uint crc, int bits)
    {
        for (; bits > 0; bits--)
            crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB88320;
        return crc;
    }
}
