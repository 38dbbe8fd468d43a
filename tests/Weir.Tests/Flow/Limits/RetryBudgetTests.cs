using Weir.Flow.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Limits;

public sealed class RetryBudgetTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TrySpend_QuietTraffic_AllowsTheFloor()
    {
        var budget = new RetryBudget(0.2, 10, _time);
        Spend(budget, 20).ShouldBe(10);
        budget.Remaining.ShouldBe(0);
    }

    [Fact]
    public void TrySpend_BusyTraffic_AllowsTheShareAndTheFloor()
    {
        var budget = new RetryBudget(0.2, 10, _time);
        for (var i = 0; i < 100; i++)
            budget.CountRequest();
        budget.Remaining.ShouldBe(30);
        Spend(budget, 100).ShouldBe(30);
    }

    [Fact]
    public void TrySpend_PartOfARetryEarned_IsNone()
    {
        var budget = new RetryBudget(0.2, 0, _time);
        for (var i = 0; i < 4; i++)
            budget.CountRequest();
        budget.TrySpend().ShouldBeFalse();
        budget.CountRequest();
        budget.TrySpend().ShouldBeTrue();
        budget.TrySpend().ShouldBeFalse();
    }

    [Fact]
    public void TrySpend_AfterTheWindow_IsWholeAgain()
    {
        var budget = new RetryBudget(0.2, 10, TimeSpan.FromSeconds(10), _time);
        Spend(budget, 20).ShouldBe(10);
        _time.Advance(TimeSpan.FromSeconds(8));
        budget.TrySpend().ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(2));
        Spend(budget, 20).ShouldBe(10);
    }

    [Fact]
    public void TrySpend_OverLongRandomTraffic_StaysWithinShareAndFloor() => RandomSchedule.Run(50, random =>
    {
        var time = new ManualTimeProvider();
        var budget = new RetryBudget(0.2, 5, time);
        var events = new List<(TimeSpan At, bool Retry)>();
        for (var i = 0; i < 1000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(random.Next(100)));
            if (random.Next(2) == 0)
            {
                budget.CountRequest();
                events.Add((time.Elapsed, false));
            }
            else if (budget.TrySpend())
            {
                events.Add((time.Elapsed, true));
                // What it counts lies within the window, so the retries of nine tenths of it are bounded by the requests of all of it.
                var retries = events.Count(e => e.Retry && e.At > time.Elapsed - TimeSpan.FromSeconds(9));
                var requests = events.Count(e => !e.Retry && e.At > time.Elapsed - TimeSpan.FromSeconds(10));
                retries.ShouldBeLessThanOrEqualTo((int)(5 + (0.2 * requests)));
            }
        }
    });

    private static int Spend(RetryBudget budget, int tries) => Enumerable.Range(0, tries).Count(_ => budget.TrySpend());
}
