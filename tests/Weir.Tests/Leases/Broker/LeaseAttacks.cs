using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Random lives of workers and brokers; a witness looks at the fleet after every commit.</summary>
public sealed class LeaseAttacks
{
    private const int PerWorker = 3;

    [Fact]
    public Task Schedule_OneBrokerAndAnswersLost_HoldsAfterEveryCommit() => RandomSchedule.RunAsync(3, random => RunAsync(random, brokers: 1));

    [Fact]
    public Task Schedule_TwoBrokersPausedAndKilled_HoldsAfterEveryCommit() => RandomSchedule.RunAsync(3, random => RunAsync(random, brokers: 2));

    private static async Task RunAsync(Random random, int brokers)
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        await LeaseReplica.DefineAsync(store, "slot", new KindOptions { Capacity = 6, Limits = new KindLimitOptions { PerWorker = PerWorker } });
        await LeaseReplica.DefineAsync(store, "desk", new KindOptions { Capacity = 4 });
        await using var witness = new FleetWitness(store, brokers == 1 ? PerWorker : null);
        await witness.Began;
        await using var fleet = new AttackedFleet(store, time, random);
        for (var i = 0; i < brokers; i++)
            await fleet.StartAsync();

        for (var step = 0; step < 120; step++)
        {
            await fleet.ActAsync();
            await LeaseReplica.CleanAsync(store);
            witness.ShouldBeContent();
        }

        // All workers die: nothing is renewed or released any more.
        fleet.Leave();
        fleet.Recover();
        await time.UntilAsync(() => Stored().Live.All(lease => lease.Value.State == LeaseState.Ready), AttackedFleet.LongestWait + TimeSpan.FromSeconds(8));
        await time.UntilAsync(() => !Stored().Live.Any(), AttackedFleet.LongestTtl + TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => witness.Revision >= fleet.Revision);
        await LeaseReplica.CleanAsync(store);
        var state = await LeaseReplica.ReadAsync(store);
        state.ShouldHold();
        state.Resources.Values.ShouldAllBe(resource => resource.Value.State == ResourceState.Free);
        witness.ShouldBeContent();
        await fleet.ShouldServeAgainAsync();

        // In memory a read is over when it returns.
        FleetState Stored() => LeaseReplica.ReadAsync(store).GetAwaiter().GetResult();
    }
}
