using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>A real Redis that stands still: its connections stay open, and nothing is answered. How long a client waits is told by a clock that the test moves.</summary>
public sealed class StoppedRedisTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    // What the store is being asked when a bound is reached is still awaited.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(22);

    // While it answers, time goes hardly faster than it really does: an answer that takes its time on a busy machine is none that stays away.
    private static readonly TimeSpan Answering = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan ComingBack = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StandingStill = TimeSpan.FromMilliseconds(100);

    private readonly ManualTimeProvider _time = new();
    private RedisServer _server = null!;
    private IStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        _store = await StateStores.OpenAsync(new StateOptions { Store = _server.Url }, _time);
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
            await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Requests_WhileItStandsStill_AreAnsweredInTimeAndNothingIsLeakedOrGivenTwice()
    {
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4 });
        await using var replica = await LeaseReplica.StartAsync(_store, _time);
        await using var witness = new FleetWitness(_store);
        await witness.Began;
        var (held, given) = (await AllocateAsync(replica, 1), await AllocateAsync(replica, 1));
        var waiting = replica.Broker.AllocateAsync(Asker, Request("waits", 4, TimeSpan.FromSeconds(5)), default);
        await Eventually.TrueAsync(() => replica.View.Leases.Count == 3);

        _server.Pause();
        var began = _time.Elapsed;
        Task[] asked =
        [
            waiting,
            replica.Broker.AllocateAsync(Asker, Request("later", 1, TimeSpan.FromSeconds(5)), default),
            replica.Broker.AllocateAsync(Asker, Request("now", 1, TimeSpan.Zero), default),
            replica.Broker.AllocateAsync(Asker, Request("keyed", 1, TimeSpan.FromSeconds(1)) with { IdempotencyKey = "key" }, default),
            replica.Broker.RenewAsync(Asker, held.Value.Id, held.Value.FenceOf(held.Version), null, default),
            replica.Broker.ReleaseAsync(Asker, given.Value.Id, given.Value.FenceOf(given.Version), null, default),
            replica.Broker.FindAsync(Asker, "lease_unknown", default),
        ];
        while (asked.Any(task => !task.IsCompleted))
        {
            (_time.Elapsed - began).ShouldBeLessThan(Bound, string.Join(" ", asked.Select((task, i) => $"{i}:{task.Status}")));
            await PassAsync(StandingStill);
        }

        foreach (var task in asked.Where(task => !task.IsCompletedSuccessfully))
            task.Exception!.InnerException.ShouldBeOfType<StoreUnavailableException>();
        asked[0].IsFaulted.ShouldBeTrue("nobody could tell it that its wait was over");
        asked[4].IsFaulted.ShouldBeTrue("nobody knows whether it was renewed");

        _server.Continue();
        await Eventually.TrueAsync(async () =>
        {
            await PassAsync(ComingBack);
            return replica.View.IsCurrent && replica.View.Leases.All(lease => lease.Value.HasEnded || lease.Value.Id == held.Value.Id);
        });
        var renewing = replica.Broker.RenewAsync(Asker, held.Value.Id, held.Value.FenceOf(held.Version), null, default);
        (await DoneAsync(renewing)).Lease.ShouldNotBeNull();
        (await DoneAsync(replica.Broker.ReleaseAsync(Asker, held.Value.Id, held.Value.FenceOf(held.Version), null, default))).ShouldBeNull();
        (await AllocateAsync(replica, 4)).Value.Holdings.Count.ShouldBe(4);
        (await LeaseReplica.ReadAsync(_store)).ShouldHold();
        witness.ShouldBeContent();
    }

    private static LeaseRequest Request(string worker, int count, TimeSpan wait) =>
        new() { WorkerId = worker, Wait = wait, Asynchronous = false, Demands = [new LeaseDemand("slot", count, null)] };

    private async Task<Stored<LeaseRecord>> AllocateAsync(LeaseReplica replica, int count) =>
        (await DoneAsync(replica.Broker.AllocateAsync(Asker, Request("w", count, TimeSpan.Zero), default))).Lease.ShouldNotBeNull();

    private async Task<T> DoneAsync<T>(Task<T> task)
    {
        await Eventually.TrueAsync(async () =>
        {
            await PassAsync(Answering);
            return task.IsCompleted;
        });
        return await task;
    }

    // What comes due is done before time goes on.
    private async Task PassAsync(TimeSpan by)
    {
        _time.Advance(by);
        await Task.Delay(1);
    }
}
