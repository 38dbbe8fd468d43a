using System.Text;
using Weir.Inference.Requests;

namespace Weir.Tests.Inference.Requests;

public sealed class BodyEstimateTests
{
    [Theory]
    [InlineData("", 1)]
    [InlineData("{}", 1)]
    [InlineData("""{"model":"m","messages":[]}""", 6)]
    public void Of_Text_IsAQuarterOfItsBytes(string body, int tokens) => Estimate(body).ShouldBe(tokens);

    [Fact]
    public void Of_LongText_IsAQuarterOfItsBytes()
    {
        var text = string.Concat(Enumerable.Repeat("the quick brown fox. ", 5000));

        Estimate($$"""{"content":"{{text}}"}""").ShouldBe((text.Length + 14) / 4);
    }

    [Theory]
    [InlineData("data:image/png;base64,")]
    [InlineData("")]
    public void Of_Attachments_CountAFigureOfTheirOwn(string prefix)
    {
        var picture = prefix + Convert.ToBase64String(new byte[3 << 20]);
        var body = $$"""{"a":"{{picture}}","b":"{{picture.Replace("/", "\\/", StringComparison.Ordinal)}}","text":"hello"}""";

        Estimate(body).ShouldBeInRange(2 * (1500 + (4 << 10)), (2 * (1500 + (4 << 10))) + 20);
    }

    [Fact]
    public void Scan_BodyWithAPicture_EstimatesItSo()
    {
        var body = $$"""{"model":"m","messages":[{"content":"{{new string('A', 400_000)}}"}]}""";
        RequestHeadScanner.Scan(Encoding.UTF8.GetBytes(body), out var head).ShouldBeNull();

        head.EstimatedInput.ShouldBeLessThan(2000);
        (head with { EstimatedInput = 0 }).EstimatedInput.ShouldBe(body.Length / 4);
    }

    private static int Estimate(string body) => BodyEstimate.Of(Encoding.UTF8.GetBytes(body));
}
