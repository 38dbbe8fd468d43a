using Weir.Flow.Admission;

namespace Weir.Tests.Flow.Admission;

public sealed class AdaptiveConcurrencyTests
{
    private static readonly AdmissionLimits Limits = new() { MaxConcurrency = 80, StartConcurrency = 10, LatencyTarget = TimeSpan.FromSeconds(2) };
    private static readonly TimeSpan Fast = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(2.1);

    [Fact]
    public void Limit_NoStartGiven_StartsAtTheCap() =>
        new AdaptiveConcurrency(new AdmissionLimits { MaxConcurrency = 7 }).Limit.ShouldBe(7);

    [Fact]
    public void Observe_RoundOfSuccesses_GrowsByOneUpToTheCap()
    {
        var adaptive = new AdaptiveConcurrency(Limits with { MaxConcurrency = 12 });
        Succeed(adaptive, 9);
        adaptive.Limit.ShouldBe(10);
        Succeed(adaptive, 1);
        adaptive.Limit.ShouldBe(11);
        Succeed(adaptive, 11);
        adaptive.Limit.ShouldBe(12);
        Succeed(adaptive, 100);
        adaptive.Limit.ShouldBe(12);
    }

    [Fact]
    public void Observe_SeveralThrottledOfOneRound_HalvesOnce()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        var epoch = adaptive.Epoch;
        for (var i = 0; i < 10; i++)
            adaptive.Observe(epoch, AdmissionSignal.Throttled, null);
        adaptive.Limit.ShouldBe(5);
        adaptive.Observe(adaptive.Epoch, AdmissionSignal.Throttled, null);
        adaptive.Limit.ShouldBe(3);
    }

    [Fact]
    public void Observe_ThrottledForEver_StopsAtAQuarterOfTheStart()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        for (var i = 0; i < 10; i++)
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Throttled, null);
        adaptive.Limit.ShouldBe(3);
        var single = new AdaptiveConcurrency(new AdmissionLimits { MaxConcurrency = 2 });
        for (var i = 0; i < 10; i++)
            single.Observe(single.Epoch, AdmissionSignal.Throttled, null);
        single.Limit.ShouldBe(1);
    }

    [Fact]
    public void Observe_SuccessesFromBeforeADecrease_DoNotRaiseIt()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        var before = adaptive.Epoch;
        adaptive.Observe(before, AdmissionSignal.Throttled, null);
        for (var i = 0; i < 100; i++)
            adaptive.Observe(before, AdmissionSignal.Success, null);
        adaptive.Limit.ShouldBe(5);
    }

    [Fact]
    public void Observe_FailureAndNeutral_ChangeNothing()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        for (var i = 0; i < 100; i++)
        {
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Failure, null);
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Neutral, null);
        }
        adaptive.Limit.ShouldBe(10);
    }

    [Fact]
    public void Observe_OneSlowInTwenty_IsWithinThe95thPercentile()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        Stream(adaptive, slow: 1, fast: 19);
        adaptive.Epoch.ShouldBe(0);
    }

    [Fact]
    public void Observe_TwoSlowInTwenty_HalvesOncePerWindow()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        Stream(adaptive, slow: 2, fast: 17);
        adaptive.Epoch.ShouldBe(0);
        var limit = adaptive.Limit;
        Stream(adaptive, slow: 0, fast: 1);
        adaptive.Limit.ShouldBe(limit / 2);
        Stream(adaptive, slow: 19, fast: 0);
        adaptive.Epoch.ShouldBe(1);
        Stream(adaptive, slow: 1, fast: 0);
        adaptive.Epoch.ShouldBe(2);
    }

    [Fact]
    public void Observe_SlowAnswersThatDoNotStream_DoNotCount()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        Succeed(adaptive, 200);
        adaptive.Epoch.ShouldBe(0);
        adaptive.Limit.ShouldBeGreaterThan(20);
    }

    [Fact]
    public void Observe_LargeLimit_JudgesOncePerRound()
    {
        var adaptive = new AdaptiveConcurrency(Limits with { MaxConcurrency = 100, StartConcurrency = 100 });
        Stream(adaptive, slow: 99, fast: 0);
        adaptive.Limit.ShouldBe(100);
        Stream(adaptive, slow: 1, fast: 0);
        adaptive.Limit.ShouldBe(50);
    }

    [Fact]
    public void Observe_NoCap_StaysUnlimited()
    {
        var adaptive = new AdaptiveConcurrency(new AdmissionLimits());
        adaptive.Observe(adaptive.Epoch, AdmissionSignal.Throttled, null);
        adaptive.Limit.ShouldBe(int.MaxValue);
    }

    [Fact]
    public void Reconfigure_Untroubled_FollowsARisingStart()
    {
        var adaptive = new AdaptiveConcurrency(new AdmissionLimits { MaxConcurrency = 10 });
        adaptive.Reconfigure(new AdmissionLimits { MaxConcurrency = 20 });
        adaptive.Limit.ShouldBe(20);
        adaptive.Reconfigure(new AdmissionLimits { MaxConcurrency = 5 });
        adaptive.Limit.ShouldBe(5);
    }

    [Fact]
    public void Reconfigure_LoweredByExperience_StaysWithinTheNewBounds()
    {
        var adaptive = new AdaptiveConcurrency(Limits);
        adaptive.Observe(adaptive.Epoch, AdmissionSignal.Throttled, null);
        adaptive.Reconfigure(Limits with { StartConcurrency = 16 });
        adaptive.Limit.ShouldBe(5);
        adaptive.Reconfigure(Limits with { StartConcurrency = 40 });
        adaptive.Limit.ShouldBe(10);
        adaptive.Reconfigure(Limits with { MaxConcurrency = 4 });
        adaptive.Limit.ShouldBe(4);
    }

    [Fact]
    public void Observe_RandomSignals_StaysBetweenFloorAndCap() => RandomSchedule.Run(100, random =>
    {
        var start = random.Next(1, 40);
        var cap = start + random.Next(40);
        var adaptive = new AdaptiveConcurrency(Limits with { StartConcurrency = start, MaxConcurrency = cap });
        var floor = Math.Max(1, (start + 3) / 4);
        for (var i = 0; i < 2000; i++)
        {
            var before = adaptive.Limit;
            var epoch = adaptive.Epoch - random.Next(2);
            adaptive.Observe(epoch, (AdmissionSignal)random.Next(4), random.Next(2) == 0 ? null : random.Next(10) == 0 ? Slow : Fast);
            adaptive.Limit.ShouldBeInRange(floor, cap);
            (adaptive.Limit <= before + 1).ShouldBeTrue();
            (adaptive.Limit >= Math.Max(floor, before / 2)).ShouldBeTrue();
        }
    });

    private static void Succeed(AdaptiveConcurrency adaptive, int times)
    {
        for (var i = 0; i < times; i++)
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Success, null);
    }

    private static void Stream(AdaptiveConcurrency adaptive, int slow, int fast)
    {
        for (var i = 0; i < slow; i++)
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Success, Slow);
        for (var i = 0; i < fast; i++)
            adaptive.Observe(adaptive.Epoch, AdmissionSignal.Success, Fast);
    }
}
