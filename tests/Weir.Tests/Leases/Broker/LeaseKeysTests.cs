using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>What waits, and what is leased, by keys that are revoked meanwhile.</summary>
public sealed class LeaseKeysTests : IAsyncLifetime
{
    private readonly BrokerFleet _fleet = new();

    public async ValueTask InitializeAsync() => await _fleet.DefineAsync("slot", new KindOptions { Capacity = 2 });

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Waits_OfAKeyThatIsRevoked_EndSoonSayingSo()
    {
        var a = await _fleet.StartAsync("a");
        await AskAsync(a, "other", 2);
        var connected = AskAsync(a, "gone", 1);
        var nobodys = (await AskAsync(a, "gone", 1, asynchronous: true)).Lease!.Value.Id;
        var others = AskAsync(a, "other", 1);
        await a.WaitingAsync(3);
        a.Keys.Revoke("gone");

        await _fleet.Time.UntilAsync(() => connected.IsCompleted && a.HasEnded(nobodys), TimeSpan.FromSeconds(3));

        var error = (await connected).Error!;
        (error.Status, error.Code, error.Message).ShouldBe((403, "key_revoked", "gone"));
        (a.View.Lease(nobodys)!.Value.State, a.View.Lease(nobodys)!.Value.FailureCode).ShouldBe((LeaseState.Failed, "key_revoked"));
        others.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Wait_OfAKeyThatIsRevoked_IsPassedOverBeforeItEnds()
    {
        var a = await _fleet.StartAsync("a");
        var held = (await AskAsync(a, "other", 2)).Lease!;
        var gone = AskAsync(a, "gone", 2);
        await a.WaitingAsync(1);
        var next = AskAsync(a, "other", 2);
        await a.WaitingAsync(2);
        // No time passes: nothing has ended it yet.
        a.Keys.Revoke("gone");

        await a.ReleaseAsync(held, Asker("other"));

        (await next.WaitAsync(TimeSpan.FromSeconds(30))).Lease!.Value.Holdings.Count.ShouldBe(2);
        (await _fleet.Time.UntilAsync(gone)).Error!.Code.ShouldBe("key_revoked");
    }

    [Fact]
    public async Task Lease_OfAKeyThatIsRevoked_IsTakenBackForWhoeverWaits()
    {
        var a = await _fleet.StartAsync("a");
        var held = (await AskAsync(a, "gone", 1)).Lease!;
        var kept = (await AskAsync(a, "other", 1)).Lease!;
        var next = AskAsync(a, "other", 1);
        await a.WaitingAsync(1);
        a.Keys.Expire("gone");

        (await _fleet.Time.UntilAsync(next)).Lease!.Value.Holdings[0].Resource.ShouldBe(held.Value.Holdings[0].Resource);

        var ended = a.View.Lease(held.Value.Id)!.Value;
        (ended.State, ended.Reason).ShouldBe((LeaseState.Expired, "Its key was revoked."));
        a.View.Lease(kept.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Leases_OfAKeyThatIsOnlyNotKnownHereYet_GoOn()
    {
        var a = await _fleet.StartAsync("a");
        var held = (await AskAsync(a, "new", 2)).Lease!;
        var waiting = AskAsync(a, "new", 1);
        await a.WaitingAsync(1);
        a.Keys.Stored["new"] = true;
        a.Keys.Expire("new");

        await _fleet.Time.PassAsync(TimeSpan.FromSeconds(10));

        a.View.Lease(held.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready);
        waiting.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Leases_AtTwoReplicas_AreEndedByTheirOwn()
    {
        var (a, b) = await _fleet.StartTwoAsync();
        var held = (await AskAsync(a, "gone", 1)).Lease!;
        var atB = (await AskAsync(b, "gone", 1)).Lease!;
        var waiting = AskAsync(b, "gone", 1);
        await a.WaitingAsync(1);

        a.Keys.Revoke("gone");
        await _fleet.Time.UntilAsync(() => a.HasEnded(held.Value.Id));
        await _fleet.Time.PassAsync(TimeSpan.FromSeconds(4));

        a.View.Lease(atB.Value.Id)!.Value.State.ShouldBe(LeaseState.Ready, "b has not read of it");
        b.Keys.Revoke("gone");
        await _fleet.Time.UntilAsync(() => waiting.IsCompleted && b.View.Leases.All(lease => lease.Value.HasEnded));
    }

    private static LeaseAsker Asker(string key) => new("t", key, IsAdmin: false);

    private static Task<LeaseAnswer> AskAsync(LeaseReplica replica, string key, int count, bool asynchronous = false) =>
        replica.AskAsync(LeaseReplica.Request(("slot", count)) with { Asynchronous = asynchronous }, Asker(key));
}
