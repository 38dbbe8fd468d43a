using Weir.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops.Screens;

public sealed class ScreenLookTests
{
    [Fact]
    public void Of_OneColour_IsBlankWhateverTheByteBesideItSays()
    {
        ScreenLook.Of([0, 0, 0, 0]).IsBlank.ShouldBeTrue();
        ScreenLook.Of([7, 8, 9, 0, 7, 8, 9, 255, 7, 8, 9, 3]).IsBlank.ShouldBeTrue();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(398)]
    public void Of_OnePixelOtherwise_IsNotBlankAndHasAnotherSum(int at)
    {
        var pixels = new byte[400];
        var blank = ScreenLook.Of(pixels);
        pixels[at] = 1;

        ScreenLook.Of(pixels).IsBlank.ShouldBeFalse();
        ScreenLook.Of(pixels).Sum.ShouldNotBe(blank.Sum);
    }
}
