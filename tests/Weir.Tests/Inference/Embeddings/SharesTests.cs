using Weir.Inference.Embeddings;
using Weir.Tests.Flow;

namespace Weir.Tests.Inference.Embeddings;

public sealed class SharesTests
{
    [Fact]
    public void Of_Remainders_GoToTheLargest() => Shares.Of(10, [1, 1, 2]).ShouldBe([3, 2, 5]);

    [Fact]
    public void Of_NoWeightAtAll_IsInEqualParts() => Shares.Of(7, [0, 0, 0]).ShouldBe([3, 2, 2]);

    [Fact]
    public void Of_LargestFigures_DoNotOverflow() => Shares.Of(long.MaxValue, [long.MaxValue, long.MaxValue]).Sum().ShouldBe(long.MaxValue);

    [Fact]
    public void Of_Random_SumIsExactAndNobodyIsOffByOne() => RandomSchedule.Run(500, random =>
    {
        var weights = Enumerable.Range(0, random.Next(1, 30)).Select(_ => (long)random.Next(1, 10_000)).ToArray();
        var total = random.NextInt64(1_000_000);
        var parts = Shares.Of(total, weights);
        parts.Sum().ShouldBe(total);
        for (var i = 0; i < parts.Length; i++)
        {
            Math.Abs(parts[i] - ((double)total * weights[i] / weights.Sum())).ShouldBeLessThan(1);
        }
    });
}
