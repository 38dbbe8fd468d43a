using Weir.Leases.Desktops.Screens;
using Weir.Tests.Flow;

namespace Weir.Tests.Leases.Desktops.Screens;

public sealed class PngTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    [InlineData(5, 7)]
    [InlineData(16, 4)]
    [InlineData(33, 17)]
    [InlineData(1279, 3)]
    public void Encode_AnySize_GivesBackEveryPixel(int width, int height) => RandomSchedule.Run(5, random =>
    {
        using var image = new ScreenImage(new ScreenSize(width, height));
        for (var y = 0; y < height; y++)
        {
            // Lines that repeat and lines that do not.
            if (y > 0 && random.Next(2) == 0)
                image.Row(y - 1).CopyTo(image.Row(y));
            else
                random.NextBytes(image.Row(y));
        }

        var (readWidth, readHeight, colors) = PngDecoder.Decode(Png.Encode(image));
        (readWidth, readHeight).ShouldBe((width, height));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var pixel = image.Row(y).Slice(x * 4, 4);
                var color = colors.AsSpan((y * width + x) * 3, 3);
                (color[0], color[1], color[2]).ShouldBe((pixel[2], pixel[1], pixel[0]));
            }
        }
    });

    [Theory]
    [InlineData(-10, -10)]
    [InlineData(0, 0)]
    [InlineData(8, 8)]
    [InlineData(500, 500)]
    [InlineData(-500, 3)]
    public void Draw_ACursorAnywhere_StaysOnTheScreen(int x, int y)
    {
        using var image = new ScreenImage(new ScreenSize(10, 10));
        image.Rows(0, 10).Span.Fill(100);
        byte[] cursor = [.. Enumerable.Repeat<byte[]>([200, 0, 0, 255], 144).SelectMany(pixel => pixel)];
        image.Draw(new ScreenCursor(x, y, 12, 12, cursor));
        for (var line = 0; line < 10; line++)
        {
            for (var column = 0; column < 10; column++)
                image.Row(line)[column * 4].ShouldBe(line >= y && line < y + 12 && column >= x && column < x + 12 ? (byte)200 : (byte)100);
        }
    }

    [Fact]
    public void Draw_HalfTransparent_Mixes()
    {
        using var image = new ScreenImage(new ScreenSize(1, 1));
        image.Row(0).Fill(100);
        image.Draw(new ScreenCursor(0, 0, 1, 1, new byte[] { 50, 0, 255, 128 }));
        image.Row(0)[..3].ToArray().ShouldBe([99, 49, 255]);
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xCBF43926u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Crc32_OfKnownText_IsWhatItIsEverywhere(string text, uint expected) => Crc32.Of(System.Text.Encoding.ASCII.GetBytes(text)).ShouldBe(expected);
}
