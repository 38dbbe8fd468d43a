using System.Text;
using Weir.Cli.Run;

namespace Weir.Tests.Cli.Run;

public sealed class HalfPairsTests
{
    [Theory]
    [InlineData("""{"a":"\ud83d"}""", """{"a":"\ufffd"}""")]
    [InlineData("""{"a":"\uDE00"}""", """{"a":"\ufffd"}""")]
    [InlineData("""["\ud83d\ud83d\ude00"]""", """["\ufffd\ud83d\ude00"]""")]
    [InlineData("""["\ude00\ud83d"]""", """["\ufffd\ufffd"]""")]
    [InlineData("""["\ud83d\n\ude00"]""", """["\ufffd\n\ufffd"]""")]
    [InlineData("""{"\ud83d":1}""", """{"\ufffd":1}""")]
    [InlineData("""["\\\ud83d"]""", """["\\\ufffd"]""")]
    [InlineData("""["\\ud83d", "\\\\ud83d", "\ud83d\ude00", "\u00e4", "\"\\"]""", null)]
    [InlineData("""{"a":"whole"}""", null)]
    [InlineData("\\", null)]
    [InlineData("\\ud8", null)]
    [InlineData("\\u+123 \\u 12", null)]
    public void Replace_OfWhatIsNoText_LeavesAllElse(string json, string? replaced)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        HalfPairs.AreIn(bytes).ShouldBe(replaced is not null);

        HalfPairs.Replace(bytes);

        Encoding.UTF8.GetString(bytes).ShouldBe(replaced ?? json);
        HalfPairs.AreIn(bytes).ShouldBeFalse();
    }
}
