using Weir.Simulation;
using Weir.Simulation.Faults;

namespace Weir.Tests.Simulation.Faults;

public sealed class FateTests
{
    private const int Draws = 200_000;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(-3)]
    public void Draw_Often_KeepsTheRates(long seed)
    {
        var options = new SimulationOptions { Seed = seed, ErrorRate = 0.2, ResetRate = 0.05, HangRate = 0.02, CutRate = 0.1, StallRate = 0.3, TruncateRate = 0.05 };

        var counts = Enumerable.Range(1, Draws).Select(i => Fate.Draw(options, i).Kind).CountBy(kind => kind).ToDictionary();

        Share(FateKind.Error).ShouldBe(0.2, 0.005);
        Share(FateKind.Reset).ShouldBe(0.05, 0.005);
        Share(FateKind.Hang).ShouldBe(0.02, 0.005);
        Share(FateKind.Cut).ShouldBe(0.73 * 0.1, 0.005);
        Share(FateKind.Stall).ShouldBe(0.73 * 0.3, 0.005);
        Share(FateKind.Truncate).ShouldBe(0.73 * 0.05, 0.005);

        double Share(FateKind kind) => (double)counts[kind] / Draws;
    }

    [Fact]
    public void Draw_SameSeedAndOrdinal_IsTheSameInAnyOrder()
    {
        var options = new SimulationOptions { ErrorRate = 0.3, CutRate = 0.3, LatencyJitter = TimeSpan.FromMilliseconds(50), Latency = TimeSpan.FromMilliseconds(100) };
        var forwards = Enumerable.Range(1, 1000).Select(i => Fate.Draw(options, i)).ToArray();
        var backwards = Enumerable.Range(1, 1000).Reverse().AsParallel().AsOrdered().Select(i => Fate.Draw(options, i)).Reverse().ToArray();

        backwards.ShouldBe(forwards);
        forwards.ShouldNotBe(Enumerable.Range(1, 1000).Select(i => Fate.Draw(options with { Seed = 2 }, i)));
    }

    [Fact]
    public void Draw_Jitter_StaysWithinItsBoundsAndAboveZero()
    {
        var options = new SimulationOptions { Latency = TimeSpan.FromMilliseconds(100), LatencyJitter = TimeSpan.FromMilliseconds(150) };

        var latencies = Enumerable.Range(1, Draws).Select(i => Fate.Draw(options, i).Latency.TotalMilliseconds).ToArray();

        latencies.Min().ShouldBe(0);
        latencies.Max().ShouldBe(250, 1);
        latencies.Count(latency => latency > 100).ShouldBeInRange(Draws * 49 / 100, Draws * 51 / 100);
    }

    [Fact]
    public void Draw_Ids_AreAllDifferent() =>
        Enumerable.Range(1, Draws).Select(i => Fate.Draw(new SimulationOptions(), i).Id).Distinct().Count().ShouldBe(Draws);

    [Fact]
    public void Draw_Errors_UseEveryStatusEvenly()
    {
        var options = new SimulationOptions { ErrorRate = 1, ErrorStatuses = [429, 500, 529] };

        var counts = Enumerable.Range(1, 30_000).Select(i => Fate.Draw(options, i).Status).CountBy(status => status).ToDictionary();

        counts.Keys.ShouldBe([429, 500, 529], ignoreOrder: true);
        counts.Values.ShouldAllBe(count => count > 9_500 && count < 10_500);
    }
}
