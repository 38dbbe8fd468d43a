using System.Collections.Concurrent;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Flow;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Two brokers that know of each other only through a real Redis.</summary>
public sealed class TwoReplicasOverRedisTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    [Fact]
    public Task Workers_AtBothAtOnce_NeverHoldOneThingTwice() => RandomSchedule.RunAsync(1, async random =>
    {
        await redis.Server.SayAsync("FLUSHALL");
        await using var first = await OpenAsync();
        await using var second = await OpenAsync();
        await LeaseReplica.DefineAsync(first, "slot", new KindOptions { Capacity = 7 });
        await LeaseReplica.DefineAsync(first, "desk", new KindOptions { Capacity = 3 });
        await using var witness = new FleetWitness(first);
        await witness.Began;
        await using var a = await LeaseReplica.StartAsync(first, TimeProvider.System, "a");
        await using var b = await LeaseReplica.StartAsync(second, TimeProvider.System, "b");
        await Eventually.TrueAsync(() => a.Replicas.Current.Count == 2 && b.Replicas.Current.Count == 2);

        // Whoever is told that it holds something is alone in that, until it lets go.
        var holders = new ConcurrentDictionary<string, string>();
        using var cleans = new CancellationTokenSource();
        var cleaning = CleanAsync(first, cleans.Token);
        var seeds = Enumerable.Range(0, 12).Select(_ => random.Next()).ToList();
        await Task.WhenAll(seeds.Select((seed, i) => Task.Run(async () =>
        {
            var worker = new Random(seed);
            for (var turn = 0; turn < 12; turn++)
            {
                var (asked, other) = worker.Next(2) == 0 ? (a, b) : (b, a);
                var answer = await asked.Broker.AllocateAsync(LeaseReplica.Asker, new LeaseRequest
                {
                    WorkerId = $"w{i}", Wait = TimeSpan.FromSeconds(100), Asynchronous = false,
                    Demands = worker.Next(3) == 0 ? [new LeaseDemand("desk", 1, null), new LeaseDemand("slot", 1, null)] : [new LeaseDemand("slot", worker.Next(1, 4), null)],
                }, default);
                var lease = answer.Lease.ShouldNotBeNull(answer.Error?.Message);
                foreach (var holding in lease.Value.Holdings)
                    holders.TryAdd(holding.Resource, lease.Value.Id).ShouldBeTrue(holding.Resource);
                await Task.Yield();
                foreach (var holding in lease.Value.Holdings)
                    holders.TryRemove(holding.Resource, out _).ShouldBeTrue();
                // It is given back wherever the worker is connected then.
                (await (worker.Next(3) == 0 ? other : asked).Broker.ReleaseAsync(LeaseReplica.Asker, lease.Value.Id, lease.Value.FenceOf(lease.Version), null, default)).ShouldBeNull();
            }
        })));

        var later = (await a.Broker.AllocateAsync(LeaseReplica.Asker, new LeaseRequest { WorkerId = "later", Asynchronous = true, Demands = [new LeaseDemand("slot", 7, null)] }, default)).Lease!;
        await Eventually.TrueAsync(() => b.View.Lease(later.Value.Id)?.Value.State == LeaseState.Ready);
        (await b.Broker.ReleaseAsync(LeaseReplica.Asker, later.Value.Id, null, null, default)).ShouldBeNull();
        await cleans.CancelAsync();
        await cleaning;
        var state = await LeaseReplica.ReadAsync(first);
        state.ShouldHold();
        state.Live.ShouldBeEmpty();
        witness.ShouldBeContent();
    });

    private static async Task CleanAsync(IStateStore store, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await LeaseReplica.CleanAsync(store);
            await Task.Delay(5, CancellationToken.None);
        }
    }

    private ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { Store = redis.Server.Url });
}
