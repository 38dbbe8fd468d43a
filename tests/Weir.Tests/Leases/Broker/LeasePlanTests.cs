using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Tests.Flow;

namespace Weir.Tests.Leases.Broker;

public sealed class LeasePlanTests
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Of_RandomWaiters_IsThePlainModel() => RandomSchedule.Run(2000, random =>
    {
        var kinds = new[] { "a", "b", "c" };
        var waiters = Enumerable.Range(1, random.Next(1, 30)).Select(i => Waiter(random, i, kinds)).Order(WaiterOrder.Instance).ToList();
        var free = kinds.ToDictionary(kind => kind, _ => random.Next(0, 12));
        var blocked = waiters.Where(_ => random.Next(5) == 0).ToHashSet();

        // The plain model: walk in order, give or keep.
        var left = new Dictionary<string, int>(free);
        var expected = new List<string>();
        foreach (var waiter in waiters.OrderBy(waiter => waiter.Record.AskedAt - (TimeSpan.FromSeconds(30) * waiter.Record.Priority)).ThenBy(waiter => waiter.Lease.Version))
        {
            if (blocked.Contains(waiter))
                continue;
            var needs = waiter.Record.Demands.GroupBy(demand => demand.Kind).ToDictionary(group => group.Key, group => group.Sum(demand => demand.Count));
            if (needs.All(need => left[need.Key] >= need.Value))
                expected.Add(waiter.Record.Id);
            foreach (var (kind, count) in needs)
                left[kind] = Math.Max(0, left[kind] - count);
        }

        var supplies = kinds.Select(kind => new KindSupply(kind, free[kind], waiters.Count(waiter => waiter.Need(kind) > 0)));
        LeasePlan.Of(waiters, supplies, waiter => !blocked.Contains(waiter)).Select(waiter => waiter.Record.Id).ShouldBe(expected);

        // One who comes last of all goes first only where it would be served behind all the others.
        var arrival = new Waiter(new Stored<LeaseRecord>(Waiter(random, 99, kinds).Record with { AskedAt = Start.AddHours(1), Priority = 0 }, 0));
        LeasePlan.MayGoFirst(arrival, kind => free[kind], kind => waiters.Where(waiter => waiter.Need(kind) > 0), waiter => !blocked.Contains(waiter))
            .ShouldBe(arrival.Needs.All(need => left[need.Kind] >= need.Count));
    });

    [Fact]
    public void Order_HalfAMinute_IsAsMuchAsOnePriority()
    {
        Waiter At(int seconds, int priority, long version) => new(new Stored<LeaseRecord>(Record($"{version}", seconds, priority, [new LeaseDemand("a", 1, null)]), version));
        WaiterOrder.Instance.Compare(At(0, 5, 9), At(31, 6, 1)).ShouldBeLessThan(0);
        WaiterOrder.Instance.Compare(At(0, 5, 1), At(29, 6, 9)).ShouldBeGreaterThan(0);
        WaiterOrder.Instance.Compare(At(0, 5, 2), At(30, 6, 1)).ShouldBeGreaterThan(0);
        WaiterOrder.Instance.Compare(At(0, 5, 0), At(0, 5, 7)).ShouldBeGreaterThan(0);
    }

    private static Waiter Waiter(Random random, int version, string[] kinds)
    {
        var demands = Enumerable.Range(0, random.Next(1, 4)).Select(_ => new LeaseDemand(kinds[random.Next(kinds.Length)], random.Next(1, 5), null)).ToList();
        return new Waiter(new Stored<LeaseRecord>(Record($"w{version}", random.Next(0, 200), random.Next(0, 10), demands), version));
    }

    private static LeaseRecord Record(string id, int seconds, int priority, IReadOnlyList<LeaseDemand> demands) => new()
    {
        Id = id, Tenant = "t", KeyId = "k", WorkerId = "w", State = LeaseState.Waiting, Priority = priority, Ttl = TimeSpan.FromMinutes(1), Demands = demands,
        AskedAt = Start.AddSeconds(seconds), EndsAt = Start.AddHours(1),
    };
}
