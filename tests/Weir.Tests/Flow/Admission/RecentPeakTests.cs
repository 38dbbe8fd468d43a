using Weir.Flow;
using Weir.Flow.Admission;

namespace Weir.Tests.Flow.Admission;

public sealed class RecentPeakTests
{
    private static readonly long Period = RecentPeak.Period.Ticks;

    [Fact]
    public void At_AfterABurst_RemembersItForOneToTwoPeriods()
    {
        var peak = new RecentPeak();
        for (var i = 0; i < 5; i++)
            peak.Enter(Period / 2);
        for (var i = 0; i < 4; i++)
            peak.Leave(Period / 2);

        (peak.InFlight, peak.At(Period - 1), peak.At((2 * Period) - 1)).ShouldBe((1, 5, 5));
        peak.At(2 * Period).ShouldBe(1);
    }

    [Fact]
    public void At_NothingComesForLong_IsWhatIsInFlight()
    {
        var peak = new RecentPeak();
        peak.Enter(0);
        peak.Enter(0);
        peak.Leave(1);

        peak.At(100 * Period).ShouldBe(1);
    }

    [Fact]
    public void LowerAt_HeldUpByWhatIsInFlight_IsNever()
    {
        var peak = new RecentPeak();
        peak.Enter(0);
        peak.LowerAt(1).ShouldBe(MonotonicClock.Never);

        peak.Leave(2);
        peak.LowerAt(3).ShouldBe(Period);
        // What the last period saw still counts then, and goes with the next.
        peak.LowerAt(Period).ShouldBe(2 * Period);
        peak.LowerAt(2 * Period).ShouldBe(MonotonicClock.Never);
    }
}
