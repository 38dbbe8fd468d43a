using Weir.Server.Configuration.Shapes;

namespace Weir.Tests.Server.Configuration.Shapes;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("900ms", 900)]
    [InlineData("30s", 30_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("15m", 900_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("0s", 0)]
    public void Read_Duration_GivesIt(string text, double milliseconds) =>
        DurationText.Read(text).ShouldBe(TimeSpan.FromMilliseconds(milliseconds));

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1 s")]
    [InlineData("30S")]
    [InlineData("1.s")]
    [InlineData("30s\n")]
    [InlineData("00:00:30")]
    [InlineData("1e3s")]
    [InlineData("99999999999999999999d")]
    public void Read_Other_GivesNull(string text) => DurationText.Read(text).ShouldBeNull();

    [Fact]
    public void Write_AnyDuration_ReadsBackTheSame()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < 2_000; i++)
        {
            // Up to a year, in whole ticks of ever coarser units.
            var unit = new[] { 1L, 10_000, 10_000_000, 600_000_000, 36_000_000_000 }[random.Next(5)];
            var duration = TimeSpan.FromTicks(random.NextInt64(0, TimeSpan.FromDays(365).Ticks / unit) * unit);
            DurationText.Read(DurationText.Write(duration)).ShouldBe(duration, $"seed {seed}, {DurationText.Write(duration)}");
        }
    }
}
