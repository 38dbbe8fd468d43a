using Weir.Flow.Limits;

namespace Weir.Tests.Flow.Limits;

public sealed class WindowSlotsTests
{
    [Fact]
    public void Grant_RandomWishes_NoMinuteHoldsMoreThanThePool() => RandomSchedule.Run(200, random =>
    {
        var slots = new WindowSlots();
        var held = new Dictionary<long, long>();
        var pool = random.Next(1, 100);
        var slot = 1000L;
        for (var step = 0; step < 300; step++)
        {
            slot += random.Next(4) == 0 ? random.Next(1, 12) : 0;
            slots.Prune(slot);
            var at = slot + random.Next(2);
            var need = random.Next(pool + 1);
            var wish = need + random.Next(pool);
            var granted = slots.Grant(at, need, wish, pool);
            (granted == 0 || granted >= need).ShouldBeTrue();
            granted.ShouldBeLessThanOrEqualTo(wish);
            if (granted == 0 && need > 0)
                Most(held, at, need).ShouldBeGreaterThan(pool);
            slots.Add(at, granted);
            held[at] = held.GetValueOrDefault(at) + granted;
            Most(held, at, 0).ShouldBeLessThanOrEqualTo(pool);

            // Some of it is given back.
            var back = random.Next((int)held[at] + 1);
            slots.Add(at, -back);
            held[at] -= back;
            slots.Room(at, pool).ShouldBe(pool - Most(held, at, 0));
            var from = slots.RoomFrom(at, pool, pool);
            Most(held, from, pool).ShouldBeLessThanOrEqualTo(pool);
        }
    });

    [Fact]
    public void Grant_NeedAboveThePool_OnlyFromAnEmptyWindow()
    {
        var slots = new WindowSlots();
        slots.Add(10, 1);

        slots.Grant(40, 500, 500, 100).ShouldBe(0);
        slots.RoomFrom(40, 500, 100).ShouldBe(41);
        slots.Grant(41, 500, 500, 100).ShouldBe(500);
    }

    [Theory]
    [InlineData(600, 1, 150, 150, 450)]
    [InlineData(600, 3, 50, 50, 450)]
    [InlineData(10, 3, 1, 1, 7)]
    [InlineData(5, 3, 1, 1, 2)]
    [InlineData(2, 2, 1, 1, 0)]
    [InlineData(2, 3, 1, 0, 2)]
    [InlineData(1, 1, 1, 1, 0)]
    [InlineData(2, 1, 1, 1, 1)]
    public void Terms_OfALimit_AdvancesAndPoolTogetherAreTheLimit(int limit, int replicas, long block, long advance, long pool)
    {
        var terms = new PrepaidTerms(replicas, replicas, true, false);

        (terms.BlockOf(limit), terms.AdvanceOf(limit), terms.PoolOf(limit)).ShouldBe((block, advance, pool));
    }

    // The fullest run of slots that touches one, in the plainest words.
    private static long Most(Dictionary<long, long> held, long slot, long more) => more + Enumerable.Range(0, WindowSlots.Span)
        .Max(shift => held.Where(entry => entry.Key <= slot + shift && entry.Key > slot + shift - WindowSlots.Span).Sum(entry => entry.Value));
}
