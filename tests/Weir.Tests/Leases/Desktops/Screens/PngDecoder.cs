using System.Buffers.Binary;
using System.IO.Compression;

namespace Weir.Tests.Leases.Desktops.Screens;

/// <summary>Reads PNGs of 8 bits of red, green and blue, with every filter and every checksum, knowing nothing of how ours are written.</summary>
internal static class PngDecoder
{
    public static (int Width, int Height, byte[] Colors) Decode(ReadOnlySpan<byte> png)
    {
        png[..8].SequenceEqual("\u0089PNG\r\n\u001a\n".Select(character => (byte)character).ToArray()).ShouldBeTrue();
        var (width, height, ended) = (0, 0, false);
        using var data = new MemoryStream();
        for (var left = png[8..]; left.Length > 0;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(left);
            var chunk = left.Slice(8, length);
            BinaryPrimitives.ReadUInt32BigEndian(left[(8 + length)..]).ShouldBe(Checksum(left.Slice(4, 4 + length)));
            switch (System.Text.Encoding.ASCII.GetString(left.Slice(4, 4)))
            {
                case "IHDR":
                    (width, height) = (BinaryPrimitives.ReadInt32BigEndian(chunk), BinaryPrimitives.ReadInt32BigEndian(chunk[4..]));
                    chunk[8..].ToArray().ShouldBe([8, 2, 0, 0, 0]);
                    break;
                case "IDAT":
                    data.Write(chunk);
                    break;
                case "IEND":
                    ended = true;
                    break;
            }

            left = left[(12 + length)..];
        }

        ended.ShouldBeTrue();
        data.Position = 0;
        using var inflated = new ZLibStream(data, CompressionMode.Decompress);
        var stride = width * 3;
        var colors = new byte[stride * height];
        var line = new byte[stride + 1];
        for (var y = 0; y < height; y++)
        {
            inflated.ReadExactly(line);
            for (var x = 0; x < stride; x++)
            {
                int left = x >= 3 ? colors[y * stride + x - 3] : 0;
                int above = y > 0 ? colors[(y - 1) * stride + x] : 0;
                int corner = x >= 3 && y > 0 ? colors[(y - 1) * stride + x - 3] : 0;
                var predicted = line[0] switch { 0 => 0, 1 => left, 2 => above, 3 => (left + above) / 2, 4 => Paeth(left, above, corner), _ => throw new InvalidDataException("filter") };
                colors[y * stride + x] = (byte)(line[x + 1] + predicted);
            }
        }

        inflated.ReadByte().ShouldBe(-1);
        return (width, height, colors);
    }

    public static (byte Red, byte Green, byte Blue) At(ReadOnlySpan<byte> png, int x, int y)
    {
        var (width, _, colors) = Decode(png);
        var at = (y * width + x) * 3;
        return (colors[at], colors[at + 1], colors[at + 2]);
    }

    private static int Paeth(int left, int above, int corner)
    {
        var guess = left + above - corner;
        var (a, b, c) = (Math.Abs(guess - left), Math.Abs(guess - above), Math.Abs(guess - corner));
        return a <= b && a <= c ? left : b <= c ? above : corner;
    }

    /// <summary>Bit by bit, as the specification says it.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB88320;
        }

        return ~crc;
    }
}
