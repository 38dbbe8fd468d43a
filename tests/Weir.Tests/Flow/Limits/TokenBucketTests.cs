using Weir.Flow.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Limits;

public sealed class TokenBucketTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TryTake_BurstThenRate_RefillsContinuously()
    {
        var bucket = new TokenBucket(rate: 2, burst: 3, _time);
        bucket.TryTake(3).ShouldBeTrue();
        bucket.TryTake().ShouldBeFalse();
        bucket.WaitFor().ShouldBe(TimeSpan.FromMilliseconds(500));
        _time.Advance(TimeSpan.FromMilliseconds(499));
        bucket.TryTake().ShouldBeFalse();
        _time.Advance(TimeSpan.FromMilliseconds(1));
        bucket.TryTake().ShouldBeTrue();
    }

    [Fact]
    public void TryTake_AfterLongIdle_HoldsNoMoreThanTheBurst()
    {
        var bucket = new TokenBucket(rate: 100, burst: 5, _time);
        _time.Advance(TimeSpan.FromHours(1));
        bucket.TryTake(6).ShouldBeFalse();
        bucket.WaitFor(6).ShouldBe(Timeout.InfiniteTimeSpan);
        bucket.TryTake(5).ShouldBeTrue();
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-1, 1)]
    [InlineData(1, 0.5)]
    public void Constructor_ImpossibleFigures_Throws(double rate, double burst) =>
        Should.Throw<ArgumentOutOfRangeException>(() => new TokenBucket(rate, burst, _time));

    [Fact]
    public void TryTake_ManyThreads_GivesOutExactlyTheBurst()
    {
        var bucket = new TokenBucket(rate: 1, burst: 500, _time);
        var taken = 0;
        Parallel.For(0, 2000, _ =>
        {
            if (bucket.TryTake())
                Interlocked.Increment(ref taken);
        });
        taken.ShouldBe(500);
    }
}
