using Weir.Inference.Measuring;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Measuring;

public sealed class TrafficMeterTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void Recent_AsMinutesPass_ForgetsWhatIsOlderThanFive()
    {
        var meter = new TrafficMeter(2, _time);
        for (var i = 0; i < 7; i++)
        {
            meter.Count(1);
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        meter.Recent().Sum(minute => minute.CountOf(1)).ShouldBe(4);
        meter.Total(1).ShouldBe(7);
        _time.Advance(TimeSpan.FromHours(1));
        meter.Recent().ShouldBeEmpty();
        meter.Total(1).ShouldBe(7);
    }

    [Fact]
    public void Count_WithMeasures_KeepsThemInTheirMinute()
    {
        var meter = new TrafficMeter(2, _time);
        meter.Count(0, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2), 10, 40);
        meter.Count(0, null, null, 5, 7);

        var minute = meter.Minute(TrafficMeter.MinuteOf(_time)).ShouldNotBeNull();

        minute.CountOf(0).ShouldBe(2);
        (minute.InputTokens, minute.OutputTokens).ShouldBe((15, 47));
        minute.Generated.ShouldBe((40, TimeSpan.FromSeconds(2)));
        meter.Minute(TrafficMeter.MinuteOf(_time) - 1).ShouldBeNull();
    }

    [Fact]
    public async Task Count_FromManyThreadsOverMinutes_LosesNothing()
    {
        var meter = new TrafficMeter(1, _time);
        using var stop = new CancellationTokenSource();
        var counting = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                meter.Count(0, TimeSpan.FromMilliseconds(i % 100), null, 1, 1);
            }
        })).ToArray();
        while (!Task.WhenAll(counting).IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(40));
            await Task.Yield();
        }

        await Task.WhenAll(counting);
        meter.Total(0).ShouldBe(80_000);
    }
}
