using Weir.Flow.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Limits;

public sealed class SlidingWindowTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TryTake_UpToTheLimit_ThenOnlyAfterAWholeWindow()
    {
        var window = new SlidingWindow(2, Minute, _time);
        window.TryTake().ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(20));
        window.TryTake().ShouldBeTrue();
        window.TryTake().ShouldBeFalse();
        window.WaitFor().ShouldBe(TimeSpan.FromSeconds(40));
        _time.Advance(TimeSpan.FromSeconds(40) - TimeSpan.FromTicks(1));
        window.TryTake().ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        window.WaitFor().ShouldBe(TimeSpan.Zero);
        window.TryTake().ShouldBeTrue();
        window.TryTake().ShouldBeFalse();
    }

    [Fact]
    public void TryTake_MoreThanTheLimit_OnlyIntoAnEmptyWindow()
    {
        var window = new SlidingWindow(100, Minute, _time);
        window.TryTake(1).ShouldBeTrue();
        window.TryTake(500).ShouldBeFalse();
        window.WaitFor(500).ShouldBe(Minute);
        _time.Advance(Minute);
        window.TryTake(500).ShouldBeTrue();
        window.TryTake(1).ShouldBeFalse();
        window.Used.ShouldBe(500);
    }

    [Fact]
    public void TryTake_LimitOfZero_NeverFits()
    {
        var window = new SlidingWindow(0, Minute, _time);
        window.TryTake(1).ShouldBeFalse();
        window.TryTake(0).ShouldBeTrue();
        window.WaitFor(1).ShouldBe(Timeout.InfiniteTimeSpan);
    }

    [Fact]
    public void Settle_LessUsed_GivesBackWhereItWasTaken()
    {
        var window = new SlidingWindow(100, Minute, _time);
        window.TryTake(80, out var receipt).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(10));
        window.Settle(receipt, 80, 30);
        window.Used.ShouldBe(30);
        window.TryTake(70).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(50));
        window.Used.ShouldBe(70);
    }

    [Fact]
    public void Settle_MoreUsed_ChargesTheRestNowEvenOverTheLimit()
    {
        var window = new SlidingWindow(100, Minute, _time);
        window.TryTake(80, out var receipt).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(30));
        window.Settle(receipt, 80, 150);
        window.Used.ShouldBe(150);
        window.WaitFor(1).ShouldBe(TimeSpan.FromSeconds(30));
        _time.Advance(TimeSpan.FromSeconds(30));
        window.Used.ShouldBe(70);
    }

    [Fact]
    public void Settle_AfterTheTakeHasExpired_GivesNothingBack()
    {
        var window = new SlidingWindow(100, Minute, _time);
        window.TryTake(80, out var receipt).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(61));
        window.TryTake(50).ShouldBeTrue();
        window.Settle(receipt, 80, 0);
        window.Used.ShouldBe(50);
    }

    [Fact]
    public void Limit_Lowered_WaitsUntilTheUseIsBelow()
    {
        var window = new SlidingWindow(10, Minute, _time);
        window.TryTake(8).ShouldBeTrue();
        window.Limit = 5;
        window.TryTake().ShouldBeFalse();
        window.WaitFor().ShouldBe(Minute);
        window.Limit = 9;
        window.TryTake().ShouldBeTrue();
    }

    [Fact]
    public void TryTake_RandomTimes_NeverOverTheLimitInAnyWindowAndLateByAtMostASixHundredth() => RandomSchedule.Run(100, random =>
    {
        var time = new ManualTimeProvider();
        var limit = random.Next(1, 40);
        var window = new SlidingWindow(limit, Minute, time);
        var taken = new List<(TimeSpan At, int Amount)>();
        for (var step = 0; step < 800; step++)
        {
            time.Advance(TimeSpan.FromTicks(random.NextInt64(TimeSpan.TicksPerSecond * (step % 50 == 0 ? 70 : 3))));
            var amount = random.Next(1, Math.Min(limit, 5) + 1);
            var now = time.Elapsed;
            var wait = window.WaitFor(amount);
            var fits = window.TryTake(amount);
            fits.ShouldBe(wait == TimeSpan.Zero);
            long Held(TimeSpan length) => taken.Where(t => t.At + length > now).Sum(t => (long)t.Amount);
            if (fits)
                (Held(Minute) + amount).ShouldBeLessThanOrEqualTo(limit);
            else
                (Held(Minute + TimeSpan.FromMilliseconds(100)) + amount).ShouldBeGreaterThan(limit);
            if (fits)
                taken.Add((now, amount));
        }
    });

    [Fact]
    public void WaitFor_ThenThatLong_FitsExactlyThen() => RandomSchedule.Run(100, random =>
    {
        var time = new ManualTimeProvider();
        var window = new SlidingWindow(50, Minute, time);
        for (var step = 0; step < 100; step++)
        {
            var amount = random.Next(1, 80);
            var wait = window.WaitFor(amount);
            if (wait > TimeSpan.Zero)
            {
                time.Advance(wait - TimeSpan.FromTicks(1));
                window.TryTake(amount).ShouldBeFalse();
                time.Advance(TimeSpan.FromTicks(1));
            }
            window.TryTake(amount, out var receipt).ShouldBeTrue();
            time.Advance(TimeSpan.FromTicks(random.NextInt64(TimeSpan.TicksPerSecond)));
            if (random.Next(3) == 0)
                window.Settle(receipt, amount, random.Next(amount + 5));
        }
    });

    [Fact]
    public void TryTake_ManyThreads_GivesOutExactlyTheLimit()
    {
        var window = new SlidingWindow(1000, Minute, _time);
        var taken = 0;
        Parallel.For(0, 5000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            if (window.TryTake())
                Interlocked.Increment(ref taken);
        });
        taken.ShouldBe(1000);
    }

    [Fact]
    public void TryTake_VeryManyTakes_KeepsMemoryBounded()
    {
        var window = new SlidingWindow(long.MaxValue / 2, Minute, _time);
        for (var i = 0; i < 100_000; i++)
        {
            window.TryTake(1).ShouldBeTrue();
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
        window.Used.ShouldBeInRange(60_000, 60_100);
    }
}
