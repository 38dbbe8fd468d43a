using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Who is served when something comes back, against a plain model of the order.</summary>
public sealed class LeaseOrderTests
{
    [Fact]
    public Task Release_ManyWait_AreServedInOrder() => RandomSchedule.RunAsync(5, async random =>
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        await LeaseReplica.DefineAsync(store, "slot", new KindOptions { Capacity = 5 });
        await LeaseReplica.DefineAsync(store, "slot:b", new KindOptions { Capacity = 3 });
        await using var replica = await LeaseReplica.StartAsync(store, time);
        var all = await replica.AskAsync(Of(5, 3));
        var (held, tasks) = (new List<LeaseRecord> { all.Lease!.Value }, new List<Task>());
        var waiting = new List<(string Worker, int A, int B, long Rank, int Arrival)>();
        for (var i = 0; i < 14; i++)
        {
            time.Advance(TimeSpan.FromSeconds(random.Next(0, 20)));
            var (worker, a, b, priority) = ($"w{i}", random.Next(0, 4), random.Next(0, 3), random.Next(0, 10));
            if (a + b == 0)
                a = 1;
            waiting.Add((worker, a, b, store.Clock.Now.Ticks - (priority * TimeSpan.TicksPerSecond * 30), i));
            tasks.Add(replica.AskAsync(Of(a, b) with { WorkerId = worker, Priority = priority }));
            await Eventually.TrueAsync(() => replica.View.LeasesOf("t", worker).Count == 1);
        }

        while (waiting.Count > 0)
        {
            var lease = held[random.Next(held.Count)];
            held.Remove(lease);
            (await replica.Broker.ReleaseAsync(LeaseReplica.Asker, lease.Id, null, null, default)).ShouldBeNull();
            var left = (A: 5 - held.Sum(one => Held(one, "slot")), B: 3 - held.Sum(one => Held(one, "slot:b")));
            var served = new List<string>();
            foreach (var one in waiting.OrderBy(one => one.Rank).ThenBy(one => one.Arrival).ToList())
            {
                if (one.A <= left.A && one.B <= left.B)
                {
                    served.Add(one.Worker);
                    waiting.Remove(one);
                }

                left = (Math.Max(0, left.A - one.A), Math.Max(0, left.B - one.B));
            }

            await Eventually.TrueAsync(() => served.All(worker => Ready(replica, worker) is not null));
            held.AddRange(served.Select(worker => Ready(replica, worker)!));
            // Nobody but them: whoever is left waits still, also after another look.
            await replica.View.WhenAsync(replica.View.Revision, TimeSpan.FromSeconds(1), default);
            waiting.ShouldAllBe(one => Ready(replica, one.Worker) == null);
            (await LeaseReplica.ReadAsync(store)).ShouldHold();
        }

        await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromSeconds(30));
    });

    private static LeaseRecord? Ready(LeaseReplica replica, string worker) => replica.View.LeasesOf("t", worker).FirstOrDefault(lease => lease.Value.State == LeaseState.Ready)?.Value;

    private static int Held(LeaseRecord lease, string kind) => lease.Holdings.Count(holding => holding.Kind == kind);

    private static LeaseRequest Of(int a, int b) => new()
    {
        WorkerId = "first", Wait = TimeSpan.FromHours(10), Ttl = TimeSpan.FromHours(10),
        Demands = [.. new[] { new LeaseDemand("slot", a, null), new LeaseDemand("slot:b", b, null) }.Where(demand => demand.Count > 0)],
    };
}
