using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>What waits, and what is leased, by keys that are revoked meanwhile.</summary>
public sealed class LeaseKeysTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _time = new();
    private readonly List<LeaseReplica> _replicas = [];
    private MemoryStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 2 });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Waits_OfAKeyThatIsRevoked_EndSoonSayingSo()
    {
        var a = await StartAsync("a");
        await AskAsync(a, "other", 2);
        var connected = AskAsync(a, "gone", 1);
        var nobodys = (await AskAsync(a, "gone", 1, asynchronous: true)).Lease!.Value.Id;
        var others = AskAsync(a, "other", 1);
        await WaitingAsync(a, 3);
        a.Keys.Revoke("gone");
        var revoked = _time.Elapsed;

        var error = (await StepUntilAsync(connected)).Error!;
        await StepUntilAsync(() => a.View.Lease(nobodys)!.Value.HasEnded);

        (_time.Elapsed - revoked).ShouldBeLessThan(TimeSpan.FromSeconds(3));
        (error.Status, error.Code, error.Message).ShouldBe((403, "key_revoked", "gone"));
        (a.View.Lease(nobodys)!.Value.State, a.View.Lease(nobodys)!.Value.FailureCode).ShouldBe((LeaseState.Failed, "key_revoked"));
        others.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Wait_OfAKeyThatIsRevoked_IsPassedOverBeforeItEnds()
    {
        var a = await StartAsync("a");
        var held = (await AskAsync(a, "other", 2)).Lease!;
        var gone = AskAsync(a, "gone", 2);
        await WaitingAsync(a, 1);
        var next = AskAsync(a, "other", 2);
        await WaitingAsync(a, 2);
        // No time passes: nothing has ended it yet.
        a.Keys.Revoke("gone");

        (await a.Broker.ReleaseAsync(Asker("other"), held.Value.Id, null, null, default)).ShouldBeNull();

        (await next.WaitAsync(TimeSpan.FromSeconds(30))).Lease!.Value.Holdings.Count.ShouldBe(2);
        (await StepUntilAsync(gone)).Error!.Code.ShouldBe("key_revoked");
    }

    [Fact]
    public async Task Lease_OfAKeyThatIsRevoked_IsTakenBackForWhoeverWaits()
    {
        var a = await StartAsync("a");
        var held = (await AskAsync(a, "gone", 1)).Lease!;
        var kept = (await AskAsync(a, "other", 1)).Lease!;
        var next = AskAsync(a, "other", 1);
        await WaitingAsync(a, 1);
        a.Keys.Expire("gone");

        (await StepUntilAsync(next)).Lease!.Value.Holdings[0].Resource.ShouldBe(held.Value.Holdings[0].Resource);

        var ended = a.View.Lease(held.Value.Id)!.Value;
        (ended.State, ended.Reason).ShouldBe((LeaseState.Expired, "Its key was revoked."));
        a.View.Lease(kept.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Leases_OfAKeyThatIsOnlyNotKnownHereYet_GoOn()
    {
        var a = await StartAsync("a");
        var held = (await AskAsync(a, "new", 2)).Lease!;
        var waiting = AskAsync(a, "new", 1);
        await WaitingAsync(a, 1);
        a.Keys.Stored["new"] = true;
        a.Keys.Expire("new");

        for (var i = 0; i < 100; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        a.View.Lease(held.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready);
        waiting.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Leases_AtTwoReplicas_AreEndedByTheirOwn()
    {
        var (a, b) = (await StartAsync("a", new SharedStore(_store)), await StartAsync("b", new SharedStore(_store)));
        await StepUntilAsync(() => a.Replicas.Current.Count == 2 && b.Replicas.Current.Count == 2);
        var held = (await AskAsync(a, "gone", 1)).Lease!;
        var atB = (await AskAsync(b, "gone", 1)).Lease!;
        var waiting = AskAsync(b, "gone", 1);
        await WaitingAsync(a, 1);

        a.Keys.Revoke("gone");
        await StepUntilAsync(() => a.View.Lease(held.Value.Id)!.Value.HasEnded);
        for (var i = 0; i < 40; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        a.View.Lease(atB.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready, "b has not read of it");
        b.Keys.Revoke("gone");
        await StepUntilAsync(() => waiting.IsCompleted && b.View.Leases.All(lease => lease.Value.HasEnded));
    }

    private static LeaseAsker Asker(string key) => new("t", key, IsAdmin: false);

    private static Task<LeaseAnswer> AskAsync(LeaseReplica replica, string key, int count, bool asynchronous = false) => replica.Broker.AllocateAsync(
        Asker(key), new LeaseRequest { WorkerId = "w", Demands = [new LeaseDemand("slot", count, null)], Wait = TimeSpan.FromHours(1), Ttl = TimeSpan.FromHours(2), Asynchronous = asynchronous }, default);

    private static Task WaitingAsync(LeaseReplica replica, int count) =>
        Eventually.TrueAsync(() => replica.View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting) == count);

    private async Task<LeaseReplica> StartAsync(string id, SharedStore? store = null)
    {
        var replica = await LeaseReplica.StartAsync(store ?? (IStateStore)_store, _time, id);
        _replicas.Add(replica);
        return replica;
    }

    private async Task<T> StepUntilAsync<T>(Task<T> task)
    {
        await StepUntilAsync(() => task.IsCompleted);
        return await task;
    }

    private async Task StepUntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }
    }
}
