using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>What clients and replicas do to each other when they meet over one lease, one kind or one quota.</summary>
public sealed class LeaseRaceTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly ManualTimeProvider _time = new();
    private readonly List<LeaseReplica> _replicas = [];
    private MemoryStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 3 } });
        await LeaseReplica.DefineAsync(_store, "desk", new KindOptions { Capacity = 2 });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Allocate_KeyedAtTwoReplicasAndOneClientLeaves_TheOtherWaitsOn()
    {
        var (a, b) = await TwoAsync();
        var held = await GotAsync(a, "w", ("desk", 2));
        var first = a.Broker.AllocateAsync(Asker, Request("w", ("desk", 1)) with { IdempotencyKey = "once" }, default);
        await UntilAsync(() => b.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        using var leaves = new CancellationTokenSource();
        var second = b.Broker.AllocateAsync(Asker, Request("w", ("desk", 1)) with { IdempotencyKey = "once" }, leaves.Token);
        // It has joined once the view of its replica is asked for the lease.
        await Task.Delay(20);
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(second);
        await Task.Delay(20);

        (await a.Broker.ReleaseAsync(Asker, held.Value.Id, null, null, default)).ShouldBeNull();
        await LeaseReplica.CleanAsync(_store);

        (await StepUntilAsync(first)).Lease!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Abandon_AnotherClientHasItByItsKey_LeavesItsTtl()
    {
        var (a, b) = await TwoAsync();
        var lease = await GotAsync(a, "w", "key", ("slot", 1));
        await UntilAsync(() => b.View.Lease(lease.Value.Id) is not null);
        var again = await GotAsync(b, "w", "key", ("slot", 1));
        again.Value.Id.ShouldBe(lease.Value.Id);

        // The server of the first finds out only now that its client had left.
        await a.Broker.AbandonAsync(lease.Value.Id, lease.Value.FenceOf(lease.Version));

        var stands = (await LeaseReplica.ReadAsync(_store)).Leases[lease.Value.Id].Value;
        (stands.State, stands.EndsAt).ShouldBe((LeaseState.Ready, again.Value.EndsAt));
    }

    [Fact]
    public async Task Allocate_SomebodyWaitsForMoreThanThereIsByNow_IsServedAllTheSame()
    {
        var a = await StartAsync("a");
        var held = await GotAsync(a, "w", ("desk", 2));
        var much = a.Broker.AllocateAsync(Asker, Request("much", ("desk", 2)), default);
        await UntilAsync(() => a.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        await LeaseReplica.DefineAsync(_store, "desk", new KindOptions { Capacity = 1 });
        (await a.Broker.ReleaseAsync(Asker, held.Value.Id, null, null, default)).ShouldBeNull();
        await LeaseReplica.CleanAsync(_store);
        await UntilAsync(() => a.View.Resource("desk.0")!.Value.State == ResourceState.Free);

        var little = await GotAsync(a, "little", ("desk", 1));

        little.Value.Holdings.ShouldHaveSingleItem();
        much.IsCompleted.ShouldBeFalse();
        (await a.Broker.ReleaseAsync(Asker, little.Value.Id, null, null, default)).ShouldBeNull();
        await LeaseReplica.DefineAsync(_store, "desk", new KindOptions { Capacity = 2 });
        await LeaseReplica.CleanAsync(_store);
        (await StepUntilAsync(much)).Lease!.Value.Holdings.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Quota_AskedForAgainAndAgain_IsNeverExceeded()
    {
        var a = await StartAsync("a");
        await using var witness = new FleetWitness(_store, perWorker: 3);
        await witness.Began;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
            for (var turn = 0; turn < 60; turn++)
            {
                var answer = await a.Broker.AllocateAsync(Asker, Request("w", ("slot", 1)) with { Wait = TimeSpan.Zero }, default);
                if (answer.Lease is { } lease && turn % 2 == 0)
                    await a.Broker.ReleaseAsync(Asker, lease.Value.Id, null, null, default);
                else if (answer.Lease is { } other)
                    _ = a.Broker.ReleaseAsync(Asker, other.Value.Id, null, null, default);
            }
        })));
        witness.ShouldBeContent();
    }

    [Fact]
    public async Task Allocate_MoreThanTenThousandWait_TheRestIsRefused()
    {
        var a = await StartAsync("a");
        await GotAsync(a, "w", ("desk", 2));
        var rush = await Task.WhenAll(Enumerable.Range(0, 10_050).Select(i =>
            a.Broker.AllocateAsync(Asker, Request($"w{i}", ("desk", 1)) with { Asynchronous = true, Wait = TimeSpan.FromHours(1) }, default)));

        // In a rush some may be refused a little early, and none is let in too many.
        var waiting = rush.Count(answer => answer.Lease is not null);
        waiting.ShouldBeLessThanOrEqualTo(10_000);
        rush.ShouldAllBe(answer => answer.Lease != null || answer.Error!.Code == "queue_full");
        for (; waiting < 10_000; waiting++)
            (await NextAsync()).Error.ShouldBeNull();
        (await NextAsync()).Error!.Code.ShouldBe("queue_full");
        a.View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting).ShouldBe(10_000);

        Task<LeaseAnswer> NextAsync() => a.Broker.AllocateAsync(Asker, Request("late", ("desk", 1)) with { Asynchronous = true, Wait = TimeSpan.FromHours(1) }, default);
    }

    [Fact]
    public async Task Configure_MoreThanALeaseRemembers_IsRefusedBeforeAnyIsInitialised()
    {
        var a = await StartAsync("a");
        var lease = await GotAsync(a, "w", ("slot", 1));
        var large = JsonSerializer.SerializeToElement(new { text = new string('x', 70_000) });

        var answer = await a.Broker.ConfigureAsync(Asker, lease.Value.Id, new Dictionary<string, JsonElement?> { [lease.Value.Holdings[0].Resource] = large }, default);

        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "invalid_value"));
    }

    [Fact]
    public async Task Allocate_KindFailsWithALongStory_IsCutShort()
    {
        var a = await StartAsync("a");
        a.Desk.Initialising = (_, _) => throw new InvalidOperationException(new string('x', 3_000_000));

        var answer = await a.Broker.AllocateAsync(Asker, Request("w", ("desk", 1)), default);

        answer.Error!.Code.ShouldBe("initialisation_failed");
        answer.Error.Message.Length.ShouldBeLessThan(1200);
        await UntilAsync(() => a.View.Leases.All(lease => lease.Value.State == LeaseState.Failed));
    }

    [Fact]
    public async Task Replica_DiesWhileItInitialises_IsTakenBackOnceItsAnnouncementIsOver()
    {
        var (a, b) = await TwoAsync();
        a.Desk.Initialising = (_, _) => Task.Delay(Timeout.Infinite, CancellationToken.None);
        _ = a.Broker.AllocateAsync(Asker, Request("w", ("desk", 2)), default);
        await UntilAsync(() => b.View.Leases.Any(lease => lease.Value.State == LeaseState.Granted));
        var died = _time.Elapsed;
        ((SharedStore)a.Store).IsAway = true;
        await a.DisposeAsync();

        for (var i = 0; b.View.Leases.Any(lease => lease.Value.State == LeaseState.Granted); i++)
        {
            i.ShouldBeLessThan(3000);
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        (_time.Elapsed - died).ShouldBeLessThan(TimeSpan.FromSeconds(35));
        b.View.Resources("desk").ShouldAllBe(resource => resource.Value.State == ResourceState.Resetting);
    }

    [Fact]
    public async Task RollBack_ItsCommitDoesNotReachTheStore_IsSentAgain()
    {
        var unheard = new Unheard();
        var store = new SharedStore(_store, unheard);
        var a = await StartAsync("a", store);
        a.Desk.Initialising = (_, _) =>
        {
            (unheard.Left, store.Unanswered) = (2, 1);
            throw new IOException("broken");
        };

        var answer = await StepUntilAsync(a.Broker.AllocateAsync(Asker, Request("w", ("desk", 1)), default));

        answer.Error!.Code.ShouldBe("initialisation_failed");
        unheard.Left.ShouldBeLessThanOrEqualTo(0);
        await UntilAsync(() => a.View.Leases is [{ Value.State: LeaseState.Failed }]);
        a.View.Resources("desk").ShouldNotContain(resource => resource.Value.State == ResourceState.Leased);
    }

    [Fact]
    public async Task Grant_EveryCommitIsLostOnItsWay_IsNotSentRoundAndRound()
    {
        var unheard = new Unheard { Left = int.MaxValue };
        var store = new SharedStore(_store, unheard);
        var a = await StartAsync("a", store);
        var before = store.Commits;
        store.Unanswered = 1;

        var asking = Task.Run(() => a.Broker.AllocateAsync(Asker, Request("w", ("slot", 1)), default));
        await UntilAsync(() => store.Commits - before >= 2);
        await Task.Delay(20);

        (store.Commits - before).ShouldBe(2);
        (store.Unanswered, unheard.Left) = (0, 0);
        (await StepUntilAsync(asking)).Lease!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Wait_IsOverWhenSomethingIsFreeAgain_IsNotTriedRoundAndRound()
    {
        var store = new SharedStore(_store);
        var a = await StartAsync("a", store);
        await GotAsync(a, "w", ("slot", 3));
        await GotAsync(a, "x", ("slot", 1));
        var waiting = a.Broker.AllocateAsync(Asker, Request("y", ("slot", 1)) with { Wait = TimeSpan.FromSeconds(5) }, default);
        await UntilAsync(() => a.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        store.IsAway = true;
        _time.Advance(TimeSpan.FromSeconds(6));
        var slot = (await _store.ReadAsync(LeaseReplica.Partition, LeaseDocuments.Resources + "slot.0"))!;
        var free = LeaseDocuments.ReadResource(slot.Body.Span)! with { State = ResourceState.Free, Lease = null };
        await _store.CommitAsync(new Commit(LeaseReplica.Partition) { Writes = [new Write(slot.Key, slot.Version, LeaseDocuments.Write(free))] });

        // It is free before anybody has ended the wait.
        var before = store.Commits;
        store.IsAway = false;
        await UntilAsync(() => a.View.Resource("slot.0")!.Value.State == ResourceState.Free);

        (await StepUntilAsync(waiting)).Error!.Code.ShouldBe("wait_expired");
        (store.Commits - before).ShouldBeLessThan(20);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Allocate_StoreStopsAnsweringInTheMiddle_IsToldSoonAndNothingIsLeft(bool lands)
    {
        var freeze = new Freeze(lands);
        var store = new SharedStore(_store, freeze);
        var a = await StartAsync("a", store);
        (freeze.Store, store.Unanswered) = (store, 1);
        var began = _time.Elapsed;

        var asking = a.Broker.AllocateAsync(Asker, Request("w", ("slot", 1)) with { Wait = TimeSpan.Zero, Ttl = TimeSpan.FromHours(1) }, default);
        await Should.ThrowAsync<StoreUnavailableException>(() => StepUntilAsync(asking));
        (_time.Elapsed - began).ShouldBeLessThan(TimeSpan.FromSeconds(20));

        (freeze.Store, store.Unanswered, store.IsAway) = (null, 0, false);
        for (var i = 0; (await _store.ListAsync(LeaseReplica.Partition, LeaseDocuments.Resources, limit: 100)).Any(document => LeaseDocuments.ReadResource(document.Body.Span)!.State == ResourceState.Leased); i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }
    }

    [Fact]
    public async Task Release_StoreStopsAnsweringInTheMiddle_IsToldSoonAndGoesOn()
    {
        var freeze = new Freeze(lands: false);
        var store = new SharedStore(_store, freeze);
        var a = await StartAsync("a", store);
        var lease = await GotAsync(a, "w", ("slot", 1));
        (freeze.Store, store.Unanswered) = (store, 1);
        var began = _time.Elapsed;

        var releasing = a.Broker.ReleaseAsync(Asker, lease.Value.Id, null, null, default);
        await Should.ThrowAsync<StoreUnavailableException>(() => StepUntilAsync(releasing));
        (_time.Elapsed - began).ShouldBeLessThan(TimeSpan.FromSeconds(20));

        (freeze.Store, store.Unanswered, store.IsAway) = (null, 0, false);
        for (var i = 0; a.View.Lease(lease.Value.Id)!.Value.State != LeaseState.Released; i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }
    }

    /// <summary>The store stops in the middle of the next commit, before or after it has landed.</summary>
    private sealed class Freeze(bool lands) : Random
    {
        /// <summary>Null: nothing stops.</summary>
        public SharedStore? Store { get; set; }

        public override double NextDouble()
        {
            if (Store is not { } store)
                return 1;
            store.IsAway = true;
            return 0;
        }

        public override int Next(int maxValue) => lands ? 0 : 1;
    }

    /// <summary>So many commits are lost on their way.</summary>
    private sealed class Unheard : Random
    {
        private int _left;

        public int Left
        {
            get => _left;
            set => _left = value;
        }

        public override double NextDouble() => Interlocked.Decrement(ref _left) >= 0 ? 0 : 1;

        public override int Next(int maxValue) => 1;
    }

    private static Task UntilAsync(Func<bool> condition) => Eventually.TrueAsync(condition);

    private static LeaseRequest Request(string worker, params (string Kind, int Count)[] demands) => new()
    {
        WorkerId = worker, Demands = [.. demands.Select(demand => new LeaseDemand(demand.Kind, demand.Count, null))], Wait = TimeSpan.FromMinutes(5),
    };

    private static Task<Stored<LeaseRecord>> GotAsync(LeaseReplica replica, string worker, params (string Kind, int Count)[] demands) => GotAsync(replica, worker, null, demands);

    private static async Task<Stored<LeaseRecord>> GotAsync(LeaseReplica replica, string worker, string? key, params (string Kind, int Count)[] demands)
    {
        var answer = await replica.Broker.AllocateAsync(Asker, Request(worker, demands) with { IdempotencyKey = key }, default);
        answer.Error?.Message.ShouldBeNull();
        return answer.Lease!;
    }

    private async Task<(LeaseReplica One, LeaseReplica Other)> TwoAsync()
    {
        var (a, b) = (await StartAsync("a"), await StartAsync("b"));
        for (var i = 0; a.Replicas.Current.Count < 2 || b.Replicas.Current.Count < 2; i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        return (a, b);
    }

    private async Task<LeaseReplica> StartAsync(string id, SharedStore? store = null)
    {
        var replica = await LeaseReplica.StartAsync(store ?? new SharedStore(_store), _time, id);
        _replicas.Add(replica);
        return replica;
    }

    private async Task<T> StepUntilAsync<T>(Task<T> task)
    {
        for (var i = 0; !task.IsCompleted; i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }

        return await task;
    }
}
