using System.Buffers;

namespace Weir.Leases.Desktops.Screens;

/// <summary>The pixels of a screen: four bytes each, blue, green, red and one that means nothing; in memory that is rented until it is disposed.</summary>
internal sealed class ScreenImage(ScreenSize size) : IDisposable
{
    private byte[]? _pixels = ArrayPool<byte>.Shared.Rent(size.Width * size.Height * 4);

    public ScreenSize Size { get; } = size;

    public Memory<byte> Rows(int y, int count) => _pixels.AsMemory(y * Size.Width * 4, count * Size.Width * 4);

    public Span<byte> Row(int y) => Rows(y, 1).Span;

    /// <summary>Puts the pointer where it is; what lies beyond the screen is left out.</summary>
    public void Draw(ScreenCursor cursor)
    {
        var pixels = cursor.Pixels.Span;
        for (var line = Math.Max(0, -cursor.Y); line < cursor.Height && cursor.Y + line < Size.Height; line++)
        {
            var row = Row(cursor.Y + line);
            for (var column = Math.Max(0, -cursor.X); column < cursor.Width && cursor.X + column < Size.Width; column++)
            {
                var over = pixels.Slice((line * cursor.Width + column) * 4, 4);
                var under = row.Slice((cursor.X + column) * 4, 4);
                // Its colours have been multiplied by its alpha already.
                for (var color = 0; color < 3; color++)
                    under[color] = (byte)Math.Min(255, over[color] + under[color] * (255 - over[3]) / 255);
            }
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _pixels, null) is { } pixels)
            ArrayPool<byte>.Shared.Return(pixels);
    }
}

/// <summary>The pointer's picture.</summary>
/// <param name="X">Where its left edge is on the screen.</param>
/// <param name="Y">Where its upper edge is.</param>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
/// <param name="Pixels">Four bytes each: blue, green, red, multiplied by the alpha that follows.</param>
internal sealed record ScreenCursor(int X, int Y, int Width, int Height, ReadOnlyMemory<byte> Pixels);
