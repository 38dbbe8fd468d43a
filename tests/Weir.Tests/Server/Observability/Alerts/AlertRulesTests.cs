using Weir.Inference.Status;
using Weir.Server.Configuration;
using Weir.Server.Observability.Alerts;
using Weir.Server.Observability.History;

namespace Weir.Tests.Server.Observability.Alerts;

public sealed class AlertRulesTests
{
    [Theory]
    [InlineData(1000, 0, false)]
    [InlineData(1000, 2, true)]
    [InlineData(18, 2, true)]
    [InlineData(17, 2, false)]
    [InlineData(0, 1, false)]
    [InlineData(30, 1, false)]
    [InlineData(0, 0, false)]
    public void Success_IsBadOnlyWithEnoughRequestsAndFailures(long succeeded, long failed, bool bad) =>
        Find("success_below", Point(succeeded, failed)).IsBad.ShouldBe(bad);

    [Theory]
    [InlineData(20, 2001, true)]
    [InlineData(20, 2000, false)]
    [InlineData(19, 9000, false)]
    public void Latency_IsTheFirstEventOfEnoughStreams(long streams, double p95, bool bad) =>
        Find("latency_over", Point(100, 0) with { FirstEvent = new LatencyStatus(streams, 1, p95, p95) }).IsBad.ShouldBe(bad);

    [Theory]
    [InlineData(0.81, 0.5, "cpu_over")]
    [InlineData(0.5, 0.71, "memory_over")]
    public void Machine_PastItsThreshold_IsBad(double cpu, double memory, string alert)
    {
        var bad = AlertRules.Judge(new AlertOptions(), [Point(0, 0) with { Cpu = cpu, Memory = memory }]).Where(finding => finding.IsBad);

        bad.Single().Alert.ShouldBe(alert);
    }

    [Fact]
    public void Judge_WithEverythingOff_FindsNothing() =>
        AlertRules.Judge(
            new AlertOptions { SuccessBelow = null, LatencyOver = null, CpuOver = null, MemoryOver = null, Anomaly = false }, [Point(1, 99)]).ShouldBeEmpty();

    [Fact]
    public void Throughput_BelowWhatIsAsked_IsBadAlsoWithoutAnyRequest() =>
        AlertRules.Judge(new AlertOptions { ThroughputBelow = 1 }, [Point(0, 0)]).Single(f => f.Alert == "throughput_below").IsBad.ShouldBeTrue();

    [Theory]
    // As the hour was; half as much again is past a tenth of the median times 3.5 / 0.6745; a drop is as unlike as a rise.
    [InlineData(600, false)]
    [InlineData(850, false)]
    [InlineData(1000, true)]
    [InlineData(200, true)]
    public void Anomaly_OfThroughput_IsToldPastTheScore(long requests, bool bad)
    {
        var points = Enumerable.Repeat(Point(600, 0), 60).Append(Point(requests, 0)).ToList();

        Anomaly("throughput", points).IsBad.ShouldBe(bad);
    }

    [Fact]
    public void Anomaly_OfAQuietNight_IsNone()
    {
        var points = Enumerable.Repeat(Point(0, 0), 60).Append(Point(19, 0)).ToList();

        Anomaly("throughput", points).Value.ShouldBeNull();
    }

    [Fact]
    public void Anomaly_WithTooShortAPast_JudgesNothing()
    {
        var points = Enumerable.Repeat(Point(600, 0), 19).Append(Point(60000, 0)).ToList();

        Anomaly("throughput", points).Value.ShouldBeNull();
    }

    [Fact]
    public void Anomaly_OfFailures_IsToldThoughTheShareIsSmall()
    {
        var points = Enumerable.Repeat(Point(1000, 0), 60).Append(Point(900, 100)).ToList();

        Anomaly("failures", points).IsBad.ShouldBeTrue();
    }

    [Fact]
    public void Anomaly_InNoisyTraffic_NeedsMoreThanTheNoise()
    {
        var random = new Random(5);
        var points = Enumerable.Range(0, 60).Select(_ => Point(random.Next(100, 1100), 0)).ToList();

        Anomaly("throughput", [.. points, Point(1200, 0)]).IsBad.ShouldBeFalse();
        Anomaly("throughput", [.. points, Point(9000, 0)]).IsBad.ShouldBeTrue();
    }

    [Fact]
    public void Breaker_OpenOrOpenedSince_IsBad()
    {
        var before = new GatewayPulse(0, 0, new HashSet<string>(), new Dictionary<string, long> { ["a/m"] = 1, ["b/m"] = 0, ["c/m"] = 3 });
        var now = new GatewayPulse(0, 0, new HashSet<string> { "b/m" }, new Dictionary<string, long> { ["a/m"] = 2, ["b/m"] = 0, ["c/m"] = 3 });

        AlertRules.Judge(before, now).Where(finding => finding.IsBad).Select(finding => finding.Subject).ShouldBe(["a/m", "b/m"]);
    }

    internal static HistoryPoint Point(long succeeded, long failed) =>
        HistoryPoint.Of(new MinuteTraffic { Succeeded = succeeded, Failed = failed }, DateTimeOffset.UnixEpoch, 0.1, new ProcessReading(default, 2, 1, 10), 0, 0);

    private static Finding Find(string alert, HistoryPoint point) => AlertRules.Judge(new AlertOptions(), [point]).Single(finding => finding.Alert == alert);

    private static Finding Anomaly(string subject, IReadOnlyList<HistoryPoint> points) =>
        Anomalies.Judge(points).Single(finding => finding.Subject == subject);
}
