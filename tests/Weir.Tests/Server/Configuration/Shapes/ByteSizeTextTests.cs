using Weir.Server.Configuration;
using Weir.Server.Configuration.Shapes;

namespace Weir.Tests.Server.Configuration.Shapes;

public sealed class ByteSizeTextTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("512", 512)]
    [InlineData("512B", 512)]
    [InlineData("512KB", 524_288)]
    [InlineData("1.5KB", 1_536)]
    [InlineData("32MB", 33_554_432)]
    [InlineData("1GB", 1_073_741_824)]
    [InlineData("2TB", 2_199_023_255_552)]
    public void Read_Size_GivesIt(string text, long bytes) => ByteSizeText.Read(text).ShouldBe(new ByteSize(bytes));

    [Theory]
    [InlineData("")]
    [InlineData("MB")]
    [InlineData("-1MB")]
    [InlineData("32 MB")]
    [InlineData("32mb")]
    [InlineData("32M")]
    [InlineData("1MB\n")]
    [InlineData("99999999999TB")]
    public void Read_Other_GivesNull(string text) => ByteSizeText.Read(text).ShouldBeNull();

    [Fact]
    public void Write_AnySize_ReadsBackTheSame()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < 2_000; i++)
        {
            var size = new ByteSize(random.NextInt64(0, 1L << random.Next(1, 50)));
            ByteSizeText.Read(ByteSizeText.Write(size)).ShouldBe(size, $"seed {seed}, {size}");
        }
    }
}
