using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;
using static Weir.Tests.Leases.Broker.LeaseReplica;

namespace Weir.Tests.Leases.Broker;

/// <summary>What clients and replicas do to each other when they meet over one lease, one kind or one quota.</summary>
public sealed class LeaseRaceTests : IAsyncLifetime
{
    private readonly BrokerFleet _fleet = new();

    public async ValueTask InitializeAsync()
    {
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 3 } });
        await _fleet.DefineAsync("desk", new KindOptions { Capacity = 2 });
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Allocate_KeyedAtTwoReplicasAndOneClientLeaves_TheOtherWaitsOn()
    {
        var (a, b) = await _fleet.StartTwoAsync();
        var held = await a.GotAsync(("desk", 2));
        var first = a.AskAsync(Request(("desk", 1)) with { IdempotencyKey = "once" });
        await b.WaitingAsync(1);
        using var leaves = new CancellationTokenSource();
        var second = b.AskAsync(Request(("desk", 1)) with { IdempotencyKey = "once" }, client: leaves.Token);
        // It has joined once the view of its replica is asked for the lease.
        await Task.Delay(20);
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(second);
        await Task.Delay(20);

        await a.ReleaseAsync(held);
        await _fleet.CleanAsync();

        (await _fleet.Time.UntilAsync(first)).Lease!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Abandon_AnotherClientHasItByItsKey_LeavesItsTtl()
    {
        var (a, b) = await _fleet.StartTwoAsync();
        var lease = await a.GotAsync(Request(("slot", 1)) with { IdempotencyKey = "key" });
        await Eventually.TrueAsync(() => b.View.Lease(lease.Value.Id) is not null);
        var again = await b.GotAsync(Request(("slot", 1)) with { IdempotencyKey = "key" });
        again.Value.Id.ShouldBe(lease.Value.Id);

        // The server of the first finds out only now that its client had left.
        await a.Broker.AbandonAsync(lease.Value.Id, lease.Value.FenceOf(lease.Version));

        var stands = (await _fleet.StateAsync()).Leases[lease.Value.Id].Value;
        (stands.State, stands.EndsAt).ShouldBe((LeaseState.Ready, again.Value.EndsAt));
    }

    [Fact]
    public async Task Allocate_SomebodyWaitsForMoreThanThereIsByNow_IsServedAllTheSame()
    {
        var a = await _fleet.StartAsync("a");
        var held = await a.GotAsync(("desk", 2));
        var much = a.AskAsync(Request(("desk", 2)) with { WorkerId = "much" });
        await a.WaitingAsync(1);
        await _fleet.DefineAsync("desk", new KindOptions { Capacity = 1 });
        await a.ReleaseAsync(held);
        await _fleet.CleanAsync();
        await Eventually.TrueAsync(() => a.View.Resource("desk.0")!.Value.State == ResourceState.Free);

        var little = await a.GotAsync(Request(("desk", 1)) with { WorkerId = "little" });

        little.Value.Holdings.ShouldHaveSingleItem();
        much.IsCompleted.ShouldBeFalse();
        await a.ReleaseAsync(little);
        await _fleet.DefineAsync("desk", new KindOptions { Capacity = 2 });
        await _fleet.CleanAsync();
        (await _fleet.Time.UntilAsync(much)).Lease!.Value.Holdings.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Quota_AskedForAgainAndAgain_IsNeverExceeded()
    {
        var a = await _fleet.StartAsync("a");
        await using var witness = new FleetWitness(_fleet.Store, perWorker: 3);
        await witness.Began;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
            for (var turn = 0; turn < 60; turn++)
            {
                var answer = await a.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.Zero });
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
        var a = await _fleet.StartAsync("a");
        await a.GotAsync(("desk", 2));
        var rush = await Task.WhenAll(Enumerable.Range(0, 10_050).Select(i =>
            a.AskAsync(Request(("desk", 1)) with { WorkerId = $"w{i}", Asynchronous = true })));

        // In a rush some may be refused a little early, and none is let in too many.
        var waiting = rush.Count(answer => answer.Lease is not null);
        waiting.ShouldBeLessThanOrEqualTo(10_000);
        rush.ShouldAllBe(answer => answer.Lease != null || answer.Error!.Code == "queue_full");
        for (; waiting < 10_000; waiting++)
            (await NextAsync()).Error.ShouldBeNull();
        (await NextAsync()).Error!.Code.ShouldBe("queue_full");
        a.View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting).ShouldBe(10_000);

        Task<LeaseAnswer> NextAsync() => a.AskAsync(Request(("desk", 1)) with { WorkerId = "late", Asynchronous = true });
    }

    [Fact]
    public async Task Configure_MoreThanALeaseRemembers_IsRefusedBeforeAnyIsInitialised()
    {
        var a = await _fleet.StartAsync("a");
        var lease = await a.GotAsync(("slot", 1));
        var large = JsonSerializer.SerializeToElement(new { text = new string('x', 70_000) });

        var answer = await a.Broker.ConfigureAsync(Asker, lease.Value.Id, new Dictionary<string, JsonElement?> { [lease.Value.Holdings[0].Resource] = large }, default);

        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "invalid_value"));
    }

    [Fact]
    public async Task Allocate_KindFailsWithALongStory_IsCutShort()
    {
        var a = await _fleet.StartAsync("a");
        a.Desk.Initialising = (_, _) => throw new InvalidOperationException(new string('x', 3_000_000));

        var answer = await a.AskAsync(("desk", 1));

        answer.Error!.Code.ShouldBe("initialisation_failed");
        answer.Error.Message.Length.ShouldBeLessThan(1200);
        await Eventually.TrueAsync(() => a.View.Leases.All(lease => lease.Value.State == LeaseState.Failed));
    }

    [Fact]
    public async Task Replica_DiesWhileItInitialises_IsTakenBackOnceItsAnnouncementIsOver()
    {
        var (a, b) = await _fleet.StartTwoAsync();
        a.Desk.Initialising = (_, _) => Task.Delay(Timeout.Infinite, CancellationToken.None);
        _ = a.AskAsync(("desk", 2));
        await Eventually.TrueAsync(() => b.View.Leases.Any(lease => lease.Value.State == LeaseState.Granted));
        ((SharedStore)a.Store).IsAway = true;
        await a.DisposeAsync();

        await _fleet.Time.UntilAsync(() => b.View.Leases.All(lease => lease.Value.State != LeaseState.Granted), TimeSpan.FromSeconds(35));

        b.View.Resources("desk").ShouldAllBe(resource => resource.Value.State == ResourceState.Resetting);
    }

    [Fact]
    public async Task RollBack_ItsCommitDoesNotReachTheStore_IsSentAgain()
    {
        var unheard = new Unheard();
        var store = new SharedStore(_fleet.Store, unheard);
        var a = await _fleet.StartAsync("a", store);
        a.Desk.Initialising = (_, _) =>
        {
            (unheard.Left, store.Unanswered) = (2, 1);
            throw new IOException("broken");
        };

        var answer = await _fleet.Time.UntilAsync(a.AskAsync(("desk", 1)));

        answer.Error!.Code.ShouldBe("initialisation_failed");
        unheard.Left.ShouldBeLessThanOrEqualTo(0);
        await Eventually.TrueAsync(() => a.View.Leases is [{ Value.State: LeaseState.Failed }]);
        a.View.Resources("desk").ShouldNotContain(resource => resource.Value.State == ResourceState.Leased);
    }

    [Fact]
    public async Task Grant_EveryCommitIsLostOnItsWay_IsNotSentRoundAndRound()
    {
        var unheard = new Unheard { Left = int.MaxValue };
        var store = new SharedStore(_fleet.Store, unheard);
        var a = await _fleet.StartAsync("a", store);
        var before = store.Commits;
        store.Unanswered = 1;

        var asking = Task.Run(() => a.AskAsync(("slot", 1)));
        await Eventually.TrueAsync(() => store.Commits - before >= 2);
        await Task.Delay(20);

        (store.Commits - before).ShouldBe(2);
        (store.Unanswered, unheard.Left) = (0, 0);
        (await _fleet.Time.UntilAsync(asking)).Lease!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Wait_IsOverWhenSomethingIsFreeAgain_IsNotTriedRoundAndRound()
    {
        var store = new SharedStore(_fleet.Store);
        var a = await _fleet.StartAsync("a", store);
        await a.GotAsync(("slot", 3));
        await a.GotAsync(Request(("slot", 1)) with { WorkerId = "x" });
        var waiting = a.AskAsync(Request(("slot", 1)) with { WorkerId = "y", Wait = TimeSpan.FromSeconds(5) });
        await a.WaitingAsync(1);
        store.IsAway = true;
        _fleet.Time.Advance(TimeSpan.FromSeconds(6));
        var slot = (await _fleet.StateAsync()).Resources["slot.0"];
        var free = slot.Value with { State = ResourceState.Free, Lease = null };
        await _fleet.Store.CommitAsync(new Commit(Partition) { Writes = [new Write(LeaseDocuments.Resources + "slot.0", slot.Version, LeaseDocuments.Write(free))] });

        // It is free before anybody has ended the wait.
        var before = store.Commits;
        store.IsAway = false;
        await Eventually.TrueAsync(() => a.View.Resource("slot.0")!.Value.State == ResourceState.Free);

        (await _fleet.Time.UntilAsync(waiting)).Error!.Code.ShouldBe("wait_expired");
        (store.Commits - before).ShouldBeLessThan(20);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Allocate_StoreStopsAnsweringInTheMiddle_IsToldSoonAndNothingIsLeft(bool lands)
    {
        var freeze = new Freeze(lands);
        var store = new SharedStore(_fleet.Store, freeze);
        var a = await _fleet.StartAsync("a", store);
        (freeze.Store, store.Unanswered) = (store, 1);

        var asking = a.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.Zero });
        await Should.ThrowAsync<StoreUnavailableException>(() => _fleet.Time.UntilAsync(asking, TimeSpan.FromSeconds(20)));

        (freeze.Store, store.Unanswered, store.IsAway) = (null, 0, false);
        await _fleet.Time.UntilAsync(() => _fleet.StateAsync().GetAwaiter().GetResult().Resources.Values.All(resource => resource.Value.State != ResourceState.Leased));
    }

    [Fact]
    public async Task Release_StoreStopsAnsweringInTheMiddle_IsToldSoonAndGoesOn()
    {
        var freeze = new Freeze(lands: false);
        var store = new SharedStore(_fleet.Store, freeze);
        var a = await _fleet.StartAsync("a", store);
        var lease = await a.GotAsync(("slot", 1));
        (freeze.Store, store.Unanswered) = (store, 1);

        var releasing = a.Broker.ReleaseAsync(Asker, lease.Value.Id, null, null, default);
        await Should.ThrowAsync<StoreUnavailableException>(() => _fleet.Time.UntilAsync(releasing, TimeSpan.FromSeconds(20)));

        (freeze.Store, store.Unanswered, store.IsAway) = (null, 0, false);
        await _fleet.Time.UntilAsync(() => a.View.Lease(lease.Value.Id)!.Value.State == LeaseState.Released);
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
}
