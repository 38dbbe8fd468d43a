using Weir.Flow.Measuring;

namespace Weir.Tests.Flow.Measuring;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Summarize_Nothing_IsZero() => LatencyHistogram.Summarize([new LatencyHistogram()]).ShouldBe(default);

    [Fact]
    public void Summarize_RandomDurations_IsWithinTheStatedError() => RandomSchedule.Run(200, random =>
    {
        var histograms = new[] { new LatencyHistogram(), new LatencyHistogram() };
        var scale = Math.Pow(10, (random.NextDouble() * 6) - 1);
        var all = new List<double>();
        for (var i = random.Next(1, 400); i > 0; i--)
        {
            var milliseconds = Math.Min(random.NextDouble() * scale, 6_000_000);
            all.Add(milliseconds);
            histograms[random.Next(2)].Record(TimeSpan.FromMilliseconds(milliseconds));
        }

        all.Sort();
        var sum = LatencyHistogram.Summarize(histograms);

        sum.Count.ShouldBe(all.Count);
        foreach (var (share, read) in new[] { (0.5, sum.P50), (0.95, sum.P95), (0.99, sum.P99) })
        {
            var exact = all[Math.Max(1, (int)Math.Ceiling(all.Count * share)) - 1];
            read.TotalMilliseconds.ShouldBe(exact, Math.Max(exact / 16, 0.05) + 1e-3, $"p{share * 100} of {all.Count}");
        }
    });

    [Theory]
    [InlineData(-5.0)]
    [InlineData(0.0)]
    [InlineData(1e12)]
    public void Record_PastEitherEnd_CountsAtTheEnd(double milliseconds)
    {
        var histogram = new LatencyHistogram();

        histogram.Record(TimeSpan.FromMilliseconds(milliseconds));

        var sum = LatencyHistogram.Summarize([histogram]);
        sum.Count.ShouldBe(1);
        sum.P50.ShouldBeLessThan(TimeSpan.FromHours(2));
    }
}
