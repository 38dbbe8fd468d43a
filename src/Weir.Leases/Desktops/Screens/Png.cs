using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.Intrinsics;

namespace Weir.Leases.Desktops.Screens;

/// <summary>Writes screens as PNG: 8 bits each of red, green and blue, made for speed before size.</summary>
internal static class Png
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>Which bytes of four pixels are their red, green and blue, in that order.</summary>
    private static readonly Vector128<byte> Colors = Vector128.Create((byte)2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255);

    public static byte[] Encode(ScreenImage image, CompressionLevel level = CompressionLevel.Fastest)
    {
        using var png = new MemoryStream(64 << 10);
        png.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Size.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Size.Height);
        (header[8], header[9]) = (8, 2);
        Chunk(png, "IHDR"u8, header);
        var start = png.Position;
        png.Write("\0\0\0\0IDAT"u8);
        using (var compressed = new ZLibStream(png, level, leaveOpen: true))
            Pixels(image, compressed);
        var data = png.GetBuffer().AsSpan((int)start, (int)(png.Position - start));
        BinaryPrimitives.WriteInt32BigEndian(data, data.Length - 8);
        Number(png, Crc32.Of(data[4..]));
        Chunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    private static void Pixels(ScreenImage image, ZLibStream compressed)
    {
        var length = image.Size.Width * 3;
        // Sixteen bytes are stored for every twelve that count.
        var buffer = ArrayPool<byte>.Shared.Rent(2 * (length + 16) + length + 1);
        try
        {
            var row = buffer.AsSpan(0, length + 16);
            var above = buffer.AsSpan(length + 16, length + 16);
            var filtered = buffer.AsSpan(2 * (length + 16), length + 1);
            above.Clear();
            for (var y = 0; y < image.Size.Height; y++)
            {
                ToColors(image.Row(y), row);
                // The filter Up: screens repeat themselves downwards, and what repeats becomes zeros.
                filtered[0] = 2;
                Subtract(row[..length], above[..length], filtered[1..]);
                compressed.Write(filtered);
                var swapped = above;
                above = row;
                row = swapped;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void ToColors(ReadOnlySpan<byte> pixels, Span<byte> colors)
    {
        var pixel = 0;
        for (; pixel <= pixels.Length / 4 - 4; pixel += 4)
            Vector128.Shuffle(Vector128.Create(pixels[(pixel * 4)..]), Colors).CopyTo(colors[(pixel * 3)..]);
        for (; pixel < pixels.Length / 4; pixel++)
        {
            var color = colors.Slice(pixel * 3, 3);
            (color[0], color[1], color[2]) = (pixels[pixel * 4 + 2], pixels[pixel * 4 + 1], pixels[pixel * 4]);
        }
    }

    private static void Subtract(ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> into)
    {
        var at = 0;
        for (; at <= row.Length - Vector256<byte>.Count; at += Vector256<byte>.Count)
            (Vector256.Create(row[at..]) - Vector256.Create(above[at..])).CopyTo(into[at..]);
        for (; at < row.Length; at++)
            into[at] = (byte)(row[at] - above[at]);
    }

    private static void Chunk(MemoryStream png, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Number(png, (uint)data.Length);
        var start = (int)png.Position;
        png.Write(type);
        png.Write(data);
        Number(png, Crc32.Of(png.GetBuffer().AsSpan(start, type.Length + data.Length)));
    }

    private static void Number(MemoryStream png, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        png.Write(bytes);
    }
}
