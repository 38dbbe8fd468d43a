using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;
using static Weir.Tests.Leases.Broker.LeaseReplica;

namespace Weir.Tests.Leases.Broker;

public sealed class LeaseBrokerTests : IAsyncLifetime
{
    private readonly BrokerFleet _fleet = new();
    private LeaseReplica _replica = null!;

    private ILeaseBroker Broker => _replica.Broker;

    public async ValueTask InitializeAsync()
    {
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4, Aliases = ["seat"] });
        await _fleet.DefineAsync("desk", new KindOptions { Capacity = 2, InitialiseWithin = TimeSpan.FromSeconds(20) });
        _replica = await _fleet.StartAsync("a");
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Allocate_SlotsAlone_AreOneCommitAndTheirReleaseAnother()
    {
        var before = await _fleet.Store.RevisionAsync(Partition);
        var lease = await _replica.GotAsync(("seat", 2));

        lease.Value.State.ShouldBe(LeaseState.Ready);
        lease.Value.Holdings.Count.ShouldBe(2);
        lease.Value.Holdings.ShouldAllBe(holding => holding.Kind == "slot" && holding.AskedAs == "seat");
        lease.Value.FenceOf(lease.Version).ShouldBe(lease.Version);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version, null, default)).ShouldBeNull();
        (await _fleet.Store.RevisionAsync(Partition)).ShouldBe(before + 2);

        (await _fleet.StateAsync()).Resources.Values.ShouldAllBe(resource => resource.Value.State == ResourceState.Free);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version, null, default)).ShouldBeNull();
        _replica.Metrics.Of("slot").ShouldBe((2, 2));
    }

    [Fact]
    public async Task Allocate_SeveralKinds_AllOrNothingAndResetAfterwards()
    {
        var lease = await _replica.GotAsync(("slot", 1), ("desk", 2));
        var fence = lease.Value.FenceOf(lease.Version);
        fence.ShouldBeLessThan(lease.Version);
        var more = _replica.AskAsync(("slot", 1), ("desk", 1));
        await _replica.WaitingAsync(1);
        (await _fleet.StateAsync()).Resources.Values.Count(resource => resource.Value.State == ResourceState.Leased).ShouldBe(3);

        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0", "slot.9"], default))!.Code.ShouldBe("not_found");
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0"], default)).ShouldBeNull();
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0"], default)).ShouldBeNull();
        var state = await _fleet.StateAsync();
        state.Resources["desk.0"].Value.State.ShouldBe(ResourceState.Resetting);
        state.Resources["desk.0"].Value.Claim!.Replica.ShouldBe("a");
        state.Leases[lease.Value.Id].Value.State.ShouldBe(LeaseState.Ready);
        await Eventually.TrueAsync(() => _replica.Desk.Forgotten.Contains("desk.0"));
        await _fleet.CleanAsync();

        (await more.WaitAsync(TimeSpan.FromSeconds(30))).Lease!.Value.Holdings.Count.ShouldBe(2);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, null, default)).ShouldBeNull();
        (await _fleet.StateAsync()).Leases[lease.Value.Id].Value.State.ShouldBe(LeaseState.Released);
    }

    [Fact]
    public async Task Allocate_OneIsHeldBackByAnOperator_IsWaitedForAndKeepsNothingFromOthers()
    {
        await HoldAsync(true);
        var waiting = _replica.AskAsync(("slot", 4));
        await _replica.WaitingAsync(1);
        var other = await _replica.GotAsync(("slot", 3));
        await _replica.ReleaseAsync(other);
        await HoldAsync(false);
        (await _fleet.Time.UntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(4);

        Task HoldAsync(bool isHeld) => _fleet.ChangeAsync("slot.2", resource => resource with { Held = isHeld, State = isHeld ? ResourceState.Quarantined : ResourceState.Free });
    }

    [Theory]
    [InlineData("nosuch", 1, 422, "unknown_kind")]
    [InlineData("slot", 0, 422, "invalid_value")]
    [InlineData("slot", -3, 422, "invalid_value")]
    [InlineData("slot", 5, 422, "impossible")]
    [InlineData("slot", 257, 422, "invalid_value")]
    public async Task Allocate_WhatCanNeverBe_IsRefusedAtOnce(string kind, int count, int status, string code)
    {
        var answer = await _replica.AskAsync((kind, count));
        (answer.Error!.Status, answer.Error.Code).ShouldBe((status, code));
        (await _fleet.StateAsync()).Leases.ShouldBeEmpty();
    }

    [Fact]
    public async Task Allocate_KindNotAllowed_IsRefused()
    {
        var answer = await _replica.AskAsync(Request(("seat", 1)), Asker with { MayUseKind = kind => kind != "slot" });
        answer.Error!.Code.ShouldBe("kind_not_allowed");
    }

    [Fact]
    public async Task Allocate_ZeroWait_IsNowOrNever()
    {
        await _replica.GotAsync(("slot", 4));
        var answer = await _replica.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.Zero });
        (answer.Error!.Status, answer.Error.Code).ShouldBe((504, "wait_expired"));
        (await _fleet.StateAsync()).Leases.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Allocate_WaitIsOver_IsAFailureAndSaysSo()
    {
        await _replica.GotAsync(("slot", 4));
        var waiting = _replica.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.FromSeconds(5) });
        var answer = await _fleet.Time.UntilAsync(waiting, TimeSpan.FromSeconds(6));
        (answer.Error!.Status, answer.Error.Code).ShouldBe((504, "wait_expired"));
        answer.Error.Message.ShouldNotContain("quota");
        _fleet.Time.Elapsed.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Allocate_InitialisationFails_GivesAllOfItBack()
    {
        var fail = JsonDocument.Parse("""{"fail": "no paper"}""").RootElement;
        var request = Request(("slot", 1)) with { Demands = [new LeaseDemand("slot", 1, null), new LeaseDemand("desk", 1, fail)] };
        var answer = await _replica.AskAsync(request);
        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "initialisation_failed"));
        answer.Error.Message.ShouldContain("no paper");
        var state = await _fleet.StateAsync();
        state.ShouldHold();
        state.Live.ShouldBeEmpty();
        state.Resources.Values.Count(resource => resource.Value.State == ResourceState.Resetting).ShouldBe(1);

        var partial = await _replica.AskAsync(request with { KeepPartial = true });
        partial.Lease!.Value.Holdings.Count(holding => holding.Fault is not null).ShouldBe(1);
        partial.Lease.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Allocate_SimpleKindRefusesItsConfig_TouchesNothing()
    {
        var before = _replica.View.Revision;
        var fail = JsonDocument.Parse("""{"fail": "unknown collection"}""").RootElement;
        var answer = await _replica.AskAsync(Request() with { Demands = [new LeaseDemand("slot", 2, fail)] });
        answer.Error!.Code.ShouldBe("initialisation_failed");
        _replica.View.Revision.ShouldBe(before);
        await _replica.GotAsync(("slot", 4));
    }

    [Theory]
    [InlineData("""{"wrong": "no such size"}""", "'slot' could not be initialised: no such size")]
    [InlineData("""{"wrong": 3}""", "'slot' could not be initialised: ")]
    public async Task Allocate_ConfigIsWrongByItself_IsRefusedBeforeItWaits(string json, string says)
    {
        await _replica.GotAsync(("slot", 3));
        var before = _replica.View.Revision;
        var wrong = JsonDocument.Parse(json).RootElement;
        var request = Request() with { Demands = [new LeaseDemand("desk", 1, null), new LeaseDemand("seat", 2, wrong)], Wait = TimeSpan.FromMinutes(1) };
        var answer = await _replica.AskAsync(request).WaitAsync(TimeSpan.FromSeconds(30));
        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "initialisation_failed"));
        answer.Error.Message.ShouldStartWith(says);
        _replica.View.Revision.ShouldBe(before);

        var partial = await _replica.AskAsync(request with { KeepPartial = true, Demands = [new LeaseDemand("slot", 1, wrong)] });
        partial.Error.ShouldBeNull("what keeps partial results leaves it to the resource itself");
    }

    [Theory]
    [InlineData(0, "A config, at a, holds half of a surrogate pair")]
    [InlineData(33, "A config is nested too deeply: at most 32 levels are taken.")]
    public async Task Config_ThatCouldNotBeWritten_IsRefusedBeforeAnythingIsDone(int levels, string says)
    {
        var strange = JsonElement.Parse(levels == 0 ? """{"a":"\ud800"}""" : new string('[', levels) + new string(']', levels));
        var lease = await _replica.GotAsync(Request(("slot", 1)));
        var before = _replica.View.Revision;

        var asked = await Broker.AllocateAsync(Asker, Request() with { Demands = [new LeaseDemand("slot", 1, strange)], IdempotencyKey = "k", KeepPartial = true }, default);
        var configured = await Broker.ConfigureAsync(Asker, lease.Value.Id, new Dictionary<string, JsonElement?> { [lease.Value.Holdings[0].Resource] = strange }, default);

        foreach (var answer in new[] { asked, configured })
        {
            (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "invalid_value"));
            answer.Error.Message.ShouldStartWith(says);
        }

        _replica.View.Revision.ShouldBe(before);
    }

    [Fact]
    public async Task Allocate_InitialisationHangs_IsRolledBackInTime()
    {
        _replica.Desk.Initialising = (_, _) => new TaskCompletionSource().Task;
        var answer = await _fleet.Time.UntilAsync(_replica.AskAsync(("desk", 1)), TimeSpan.FromSeconds(22));
        answer.Error!.Code.ShouldBe("initialisation_failed");
        _fleet.Time.Elapsed.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(20));
        (await _fleet.StateAsync()).Live.ShouldBeEmpty();
    }

    [Fact]
    public async Task Allocate_ClientLeavesWhileWaiting_IsDropped()
    {
        await _replica.GotAsync(("slot", 4));
        using var leaves = new CancellationTokenSource();
        var waiting = _replica.AskAsync(Request(("slot", 1)), client: leaves.Token);
        await _replica.WaitingAsync(1);
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        await Eventually.TrueAsync(() => _replica.View.Leases.Count(lease => !lease.Value.HasEnded) == 1);
    }

    [Fact]
    public async Task Allocate_ClientLeavesWhileInitialising_IsRolledBack()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _replica.Desk.Initialising = async (_, token) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        using var leaves = new CancellationTokenSource();
        var waiting = _replica.AskAsync(Request(("desk", 2)), client: leaves.Token);
        await begun.Task;
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        // The grant itself may not have been read yet, and then there is none that has not ended.
        await Eventually.TrueAsync(() => _replica.View.Leases is { Count: > 0 } leases && leases.All(lease => lease.Value.HasEnded));
        (await _fleet.StateAsync()).Resources.Values.ShouldNotContain(resource => resource.Value.State == ResourceState.Leased);
    }

    [Fact]
    public async Task Allocate_SameKeyTwiceAtOnce_IsOneLease()
    {
        var request = Request(("slot", 2)) with { IdempotencyKey = "x" };
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => _replica.AskAsync(request))));
        answers.Select(answer => answer.Lease!.Value.Id).Distinct().Count().ShouldBe(1);
        answers.Count(answer => !answer.WasThere).ShouldBe(1);
        (await _fleet.StateAsync()).Grants.ShouldBe(2);

        var other = await _replica.AskAsync(request with { WorkerId = "another" });
        (other.Error!.Status, other.Error.Code).ShouldBe((409, "idempotency_mismatch"));
        other.Error.Message.ShouldContain("another key");
        (await _replica.AskAsync(request, Asker with { KeyId = "k2" })).WasThere.ShouldBeFalse();
    }

    [Fact]
    public async Task Allocate_KeyedAfterAFailure_IsTriedAgain()
    {
        var held = await _replica.GotAsync(("slot", 4));
        var request = Request(("slot", 1)) with { IdempotencyKey = "x", Wait = TimeSpan.FromSeconds(2) };
        (await _fleet.Time.UntilAsync(_replica.AskAsync(request))).Error!.Code.ShouldBe("wait_expired");
        await Broker.ReleaseAsync(Asker, held.Value.Id, held.Version, null, default);
        (await _replica.AskAsync(request)).Lease.ShouldNotBeNull();
    }

    [Fact]
    public async Task Abandon_Keyed_StandsForHalfAMinuteUnlessItIsFoundAgain()
    {
        var request = Request(("slot", 1)) with { IdempotencyKey = "x", Ttl = TimeSpan.FromMinutes(10) };
        var lease = await _replica.GotAsync(request);
        await Broker.AbandonAsync(lease.Value.Id, lease.Version);
        await Eventually.TrueAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.EndsAt <= _fleet.Store.Clock.Now + TimeSpan.FromSeconds(30));
        _fleet.Time.Advance(TimeSpan.FromSeconds(20));
        var again = await _replica.AskAsync(request);
        (again.WasThere, again.Lease!.Value.EndsAt).ShouldBe((true, _fleet.Store.Clock.Now + TimeSpan.FromMinutes(10)));

        var plain = await _replica.GotAsync(("slot", 1));
        await Broker.AbandonAsync(plain.Value.Id, plain.Version);
        await Eventually.TrueAsync(() => _replica.View.Lease(plain.Value.Id)!.Value.HasEnded);
    }

    [Fact]
    public async Task Quota_OfAWorker_WaitsAndKeepsNothingFromOthers()
    {
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 2 } });
        await Eventually.TrueAsync(() => _replica.View.Kind("slot")!.Value.Options.Limits.PerWorker == 2);
        (await _replica.AskAsync(("slot", 3))).Error!.Code.ShouldBe("quota_exceeded");
        var first = await _replica.GotAsync(("slot", 2));
        var atOnce = (await _replica.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.Zero })).Error!;
        atOnce.Code.ShouldBe("quota_reached");
        atOnce.Message.ShouldContain("may hold 2 of 'slot' (limits.per_worker), this one holds 2 and asked for 1 more");
        var waiting = _replica.AskAsync(("slot", 1));
        await _replica.WaitingAsync(1);
        await _replica.GotAsync(Request(("slot", 2)) with { WorkerId = "other" });
        await Broker.ReleaseAsync(Asker, first.Value.Id, null, null, default);
        (await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Lease.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(2, null, "limits.per_worker")]
    [InlineData(null, 2, "limits.per_key")]
    public async Task Quota_ThatKeptAWaiterToItsEnd_IsNamed(int? perWorker, int? perKey, string setting)
    {
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = perWorker, PerKey = perKey } });
        await Eventually.TrueAsync(() => _replica.View.Kind("slot")!.Value.Options.Limits is { PerWorker: 2 } or { PerKey: 2 });
        await _replica.GotAsync(("slot", 2));
        var answer = await _fleet.Time.UntilAsync(_replica.AskAsync(Request(("slot", 1)) with { Wait = TimeSpan.FromSeconds(5) }));
        answer.Error!.Code.ShouldBe("wait_expired");
        answer.Error.Message.ShouldContain(setting);
        answer.Error.Message.ShouldContain("may hold 2 of 'slot'");
        answer.Error.Message.ShouldContain("5 s");
    }

    [Fact]
    public async Task Renew_PutsTheEndOff_AndOldFencesAndOthersAreRefused()
    {
        var lease = await _replica.GotAsync(Request(("slot", 1)) with { Ttl = TimeSpan.FromSeconds(10) });
        _fleet.Time.Advance(TimeSpan.FromSeconds(8));
        var renewed = await Broker.RenewAsync(Asker, lease.Value.Id, lease.Version, null, default);
        renewed.Lease!.Value.EndsAt.ShouldBe(_fleet.Store.Clock.Now + TimeSpan.FromSeconds(10));
        renewed.Lease.Value.FenceOf(renewed.Lease.Version).ShouldBe(lease.Version);
        (await _fleet.StateAsync()).ShouldHold();

        (await Broker.RenewAsync(Asker, lease.Value.Id, lease.Version - 1, null, default)).Error!.Status.ShouldBe(412);
        (await Broker.RenewAsync(Asker with { KeyId = "other" }, lease.Value.Id, null, null, default)).Error!.Status.ShouldBe(403);
        (await Broker.RenewAsync(Asker with { Tenant = "other" }, lease.Value.Id, null, null, default)).Error!.Status.ShouldBe(404);
        (await Broker.ReleaseAsync(Asker with { KeyId = "other" }, lease.Value.Id, null, null, default))!.Code.ShouldBe("not_holder");
        var stale = (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version - 1, null, default))!;
        stale.Code.ShouldBe("fence_stale");
        stale.Message.ShouldContain($"GET /v1/leases/{lease.Value.Id}");
    }

    [Fact]
    public async Task Expire_NotRenewed_IsTakenBackWithinASecondAndIsOfNoUseFromItsEnd()
    {
        var lease = await _replica.GotAsync(Request(("desk", 1)) with { Ttl = TimeSpan.FromSeconds(3) });
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.1", new KindCall("look", null), default)).Error.ShouldBeNull();
        await _fleet.Time.UntilAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.State == LeaseState.Expired, TimeSpan.FromSeconds(4));
        _replica.View.Lease(lease.Value.Id)!.Value.EndsAt.ShouldBeLessThanOrEqualTo(lease.Value.EndsAt + TimeSpan.FromSeconds(1));
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.1", new KindCall("look", null), default)).Error!.Code.ShouldBe("lease_ended");
        (await Broker.RenewAsync(Asker, lease.Value.Id, null, null, default)).Error!.Code.ShouldBe("lease_ended");
    }

    [Fact]
    public async Task Use_AfterAThirdOfItsTime_Renews()
    {
        var lease = await _replica.GotAsync(Request(("desk", 1)) with { Ttl = TimeSpan.FromSeconds(30) });
        var id = lease.Value.Holdings[0].Resource;
        await _fleet.Time.PassAsync(TimeSpan.FromSeconds(11));
        (await Broker.UseAsync(Asker, lease.Value.Id, id, new KindCall("look", null), default)).Error.ShouldBeNull();
        await Eventually.TrueAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.EndsAt > lease.Value.EndsAt);
        var seen = await Broker.ObserveAsync(Asker, lease.Value.Id, default);
        seen.ByResource[id].Value!.Text.ShouldBe($"{id} of w");
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.9", new KindCall("look", null), default)).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Configure_OneFails_KeepsItsOldConfigAndSaysWhy()
    {
        var lease = await _replica.GotAsync(("slot", 1), ("desk", 1));
        var (good, bad) = (JsonDocument.Parse("""{"size": 3}""").RootElement, JsonDocument.Parse("""{"fail": "jam"}""").RootElement);
        var (slot, desk) = (lease.Value.Holdings[0].Resource, lease.Value.Holdings[1].Resource);
        var answer = await Broker.ConfigureAsync(Asker, lease.Value.Id, new Dictionary<string, JsonElement?> { [slot] = good, [desk] = bad }, default);
        answer.Lease!.Value.Holdings[0].Config!.Value.GetRawText().ShouldBe("""{"size": 3}""");
        (answer.Lease.Value.Holdings[1].Config, answer.Lease.Value.Holdings[1].Fault!.Contains("jam", StringComparison.Ordinal)).ShouldBe((null, true));
        (await _fleet.StateAsync()).ShouldHold();
    }

    [Fact]
    public async Task Start_AfterADeath_DropsConnectionsAndHalfInitialisedOnesAndGrantsTheOthers()
    {
        _replica.Desk.Initialising = (_, _) => new TaskCompletionSource().Task;
        var held = await _replica.GotAsync(("slot", 4));
        _ = _replica.AskAsync(("desk", 1));
        _ = _replica.AskAsync(("slot", 1));
        await Eventually.TrueAsync(() => _replica.View.Leases.Count == 3);
        var later = (await _replica.AskAsync(Request(("slot", 2)) with { Asynchronous = true })).Lease!;
        later.Value.State.ShouldBe(LeaseState.Waiting);
        Broker.PositionOf(later.Value.Id).ShouldBe(2);
        await _replica.DisposeAsync();

        _replica = await _fleet.StartAsync("b");
        await Eventually.TrueAsync(() => _replica.View.Leases.Count(lease => !lease.Value.HasEnded) == 2);
        Broker.PositionOf(later.Value.Id).ShouldBe(1);
        (await Broker.ReleaseAsync(Asker, held.Value.Id, held.Version, null, default)).ShouldBeNull();
        await Eventually.TrueAsync(() => _replica.View.Lease(later.Value.Id)!.Value.State == LeaseState.Ready);
        (await _fleet.StateAsync()).ShouldHold();
    }

    [Fact]
    public async Task StoreAway_RefusesAndNothingExpiresUntilItIsBack()
    {
        await _replica.DisposeAsync();
        var store = new SharedStore(_fleet.Store);
        _replica = await _fleet.StartAsync("c", store);
        var lease = await _replica.GotAsync(Request(("slot", 1)) with { Ttl = TimeSpan.FromSeconds(2) });
        store.IsAway = true;
        await Should.ThrowAsync<StoreUnavailableException>(_replica.AskAsync(("slot", 1)));
        await _fleet.Time.PassAsync(TimeSpan.FromSeconds(4));
        _replica.View.Lease(lease.Value.Id)!.Value.HasEnded.ShouldBeFalse();
        store.IsAway = false;
        await _fleet.Time.UntilAsync(() => _replica.View.Leases.All(one => one.Value.HasEnded));
        (await _fleet.StateAsync()).ShouldHold();
    }
}
