using Weir.Simulation.Faults;
using Weir.Tests.Support;

namespace Weir.Tests.Simulation.Faults;

public sealed class RequestBucketTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void Take_Burst_GrantsOneMinutesWorthThenRefuses()
    {
        var bucket = new RequestBucket(_time);

        Enumerable.Range(0, 60).ShouldAllBe(_ => bucket.Take(60).Granted);
        var refused = bucket.Take(60);

        refused.Granted.ShouldBeFalse();
        refused.Remaining.ShouldBe(0);
        refused.RetryAfter.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Take_AfterWhatItSaidToWait_IsGranted()
    {
        var bucket = new RequestBucket(_time);
        while (bucket.Take(30).Granted)
            continue;

        _time.Advance(bucket.Take(30).RetryAfter);

        bucket.Take(30).Granted.ShouldBeTrue();
        bucket.Take(30).Granted.ShouldBeFalse();
    }

    [Fact]
    public void Take_OverTenMinutes_GrantsTheRateAndOneBurst()
    {
        var bucket = new RequestBucket(_time);
        var granted = 0;
        for (var i = 0; i < 6000; i++)
        {
            granted += bucket.Take(120).Granted ? 1 : 0;
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        granted.ShouldBeInRange(1319, 1320);
    }
}
