using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

public sealed class LeaseBrokerTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly ManualTimeProvider _time = new();
    private readonly List<LeaseReplica> _replicas = [];
    private MemoryStateStore _store = null!;
    private LeaseReplica _replica = null!;

    private ILeaseBroker Broker => _replica.Broker;

    public async ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4, Aliases = ["seat"] });
        await LeaseReplica.DefineAsync(_store, "desk", new KindOptions { Capacity = 2, InitialiseWithin = TimeSpan.FromSeconds(20) });
        _replica = await StartAsync("a");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Allocate_SlotsAlone_AreOneCommitAndTheirReleaseAnother()
    {
        var steps = 0;
        _replica.View.Changed += () => steps++;
        var lease = await GotAsync(Request(("seat", 2)));

        lease.Value.State.ShouldBe(LeaseState.Ready);
        lease.Value.Holdings.Count.ShouldBe(2);
        lease.Value.Holdings.ShouldAllBe(holding => holding.Kind == "slot" && holding.AskedAs == "seat");
        lease.Value.FenceOf(lease.Version).ShouldBe(lease.Version);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version, null, default)).ShouldBeNull();
        steps.ShouldBe(2);

        (await StateAsync()).Resources.Values.ShouldAllBe(resource => resource.Value.State == ResourceState.Free);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version, null, default)).ShouldBeNull();
        _replica.Metrics.Of("slot").ShouldBe((2, 2));
    }

    [Fact]
    public async Task Allocate_SeveralKinds_AllOrNothingAndResetAfterwards()
    {
        var lease = await GotAsync(Request(("slot", 1), ("desk", 2)));
        var fence = lease.Value.FenceOf(lease.Version);
        fence.ShouldBeLessThan(lease.Version);
        var more = Broker.AllocateAsync(Asker, Request(("slot", 1), ("desk", 1)), default);
        await UntilAsync(() => _replica.View.Leases.Any(other => other.Value.State == LeaseState.Waiting));
        (await StateAsync()).Resources.Values.Count(resource => resource.Value.State == ResourceState.Leased).ShouldBe(3);

        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0", "slot.9"], default))!.Code.ShouldBe("not_found");
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0"], default)).ShouldBeNull();
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, ["desk.0"], default)).ShouldBeNull();
        var state = await StateAsync();
        state.Resources["desk.0"].Value.State.ShouldBe(ResourceState.Resetting);
        state.Resources["desk.0"].Value.Claim!.Replica.ShouldBe("a");
        state.Leases[lease.Value.Id].Value.State.ShouldBe(LeaseState.Ready);
        await UntilAsync(() => _replica.Desk.Forgotten.Contains("desk.0"));
        await LeaseReplica.CleanAsync(_store);

        (await more.WaitAsync(TimeSpan.FromSeconds(30))).Lease!.Value.Holdings.Count.ShouldBe(2);
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, fence, null, default)).ShouldBeNull();
        (await StateAsync()).Leases[lease.Value.Id].Value.State.ShouldBe(LeaseState.Released);
    }

    [Fact]
    public async Task Allocate_OneIsHeldBackByAnOperator_IsWaitedForAndKeepsNothingFromOthers()
    {
        await HoldAsync(true);
        var waiting = Broker.AllocateAsync(Asker, Request(("slot", 4)) with { Wait = TimeSpan.FromHours(1) }, default);
        await UntilAsync(() => _replica.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        var other = await GotAsync(Request(("slot", 3)));
        (await Broker.ReleaseAsync(Asker, other.Value.Id, null, null, default)).ShouldBeNull();
        await HoldAsync(false);
        (await AdvanceUntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(4);

        async Task HoldAsync(bool isHeld)
        {
            var resource = _replica.View.Resource("slot.2")!;
            var record = resource.Value with { Held = isHeld, State = isHeld ? ResourceState.Quarantined : ResourceState.Free };
            var outcome = await _store.CommitAsync(new Commit(LeaseReplica.Partition) { Writes = [new Write(LeaseDocuments.Resources + record.Id, resource.Version, LeaseDocuments.Write(record))] });
            await _replica.View.WhenAsync(outcome.ShouldBeOfType<CommitOutcome.Committed>().Revision, TimeSpan.FromSeconds(30), default);
        }
    }

    [Theory]
    [InlineData("nosuch", 1, 422, "unknown_kind")]
    [InlineData("slot", 0, 422, "invalid_value")]
    [InlineData("slot", -3, 422, "invalid_value")]
    [InlineData("slot", 5, 422, "impossible")]
    [InlineData("slot", 257, 422, "invalid_value")]
    public async Task Allocate_WhatCanNeverBe_IsRefusedAtOnce(string kind, int count, int status, string code)
    {
        var answer = await Broker.AllocateAsync(Asker, Request((kind, count)), default);
        (answer.Error!.Status, answer.Error.Code).ShouldBe((status, code));
        (await StateAsync()).Leases.ShouldBeEmpty();
    }

    [Fact]
    public async Task Allocate_KindNotAllowed_IsRefused()
    {
        var answer = await Broker.AllocateAsync(Asker with { MayUseKind = kind => kind != "slot" }, Request(("seat", 1)), default);
        answer.Error!.Code.ShouldBe("kind_not_allowed");
    }

    [Fact]
    public async Task Allocate_ZeroWait_IsNowOrNever()
    {
        await GotAsync(Request(("slot", 4)));
        var answer = await Broker.AllocateAsync(Asker, Request(("slot", 1)) with { Wait = TimeSpan.Zero }, default);
        (answer.Error!.Status, answer.Error.Code).ShouldBe((504, "wait_expired"));
        (await StateAsync()).Leases.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Allocate_WaitIsOver_IsAFailureAndSaysSo()
    {
        await GotAsync(Request(("slot", 4)) with { Ttl = TimeSpan.FromHours(1) });
        var waiting = Broker.AllocateAsync(Asker, Request(("slot", 1)) with { Wait = TimeSpan.FromSeconds(5) }, default);
        var answer = await AdvanceUntilAsync(waiting);
        (answer.Error!.Status, answer.Error.Code).ShouldBe((504, "wait_expired"));
        answer.Error.Message.ShouldNotContain("quota");
        _time.Elapsed.ShouldBeInRange(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6));
    }

    [Fact]
    public async Task Allocate_InitialisationFails_GivesAllOfItBack()
    {
        var fail = JsonDocument.Parse("""{"fail": "no paper"}""").RootElement;
        var request = Request(("slot", 1)) with { Demands = [new LeaseDemand("slot", 1, null), new LeaseDemand("desk", 1, fail)] };
        var answer = await Broker.AllocateAsync(Asker, request, default);
        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "initialisation_failed"));
        answer.Error.Message.ShouldContain("no paper");
        var state = await StateAsync();
        state.ShouldHold();
        state.Live.ShouldBeEmpty();
        state.Resources.Values.Count(resource => resource.Value.State == ResourceState.Resetting).ShouldBe(1);

        var partial = await Broker.AllocateAsync(Asker, request with { KeepPartial = true }, default);
        partial.Lease!.Value.Holdings.Count(holding => holding.Fault is not null).ShouldBe(1);
        partial.Lease.Value.State.ShouldBe(LeaseState.Ready);
    }

    [Fact]
    public async Task Allocate_SimpleKindRefusesItsConfig_TouchesNothing()
    {
        var before = _replica.View.Revision;
        var fail = JsonDocument.Parse("""{"fail": "unknown collection"}""").RootElement;
        var answer = await Broker.AllocateAsync(Asker, Request() with { Demands = [new LeaseDemand("slot", 2, fail)] }, default);
        answer.Error!.Code.ShouldBe("initialisation_failed");
        _replica.View.Revision.ShouldBe(before);
        await GotAsync(Request(("slot", 4)));
    }

    [Theory]
    [InlineData("""{"wrong": "no such size"}""", "'slot' could not be initialised: no such size")]
    [InlineData("""{"wrong": 3}""", "'slot' could not be initialised: ")]
    public async Task Allocate_ConfigIsWrongByItself_IsRefusedBeforeItWaits(string json, string says)
    {
        await GotAsync(Request(("slot", 3)));
        var before = _replica.View.Revision;
        var wrong = JsonDocument.Parse(json).RootElement;
        var request = Request() with { Demands = [new LeaseDemand("desk", 1, null), new LeaseDemand("seat", 2, wrong)], Wait = TimeSpan.FromMinutes(1) };
        var answer = await Broker.AllocateAsync(Asker, request, default).WaitAsync(TimeSpan.FromSeconds(30));
        (answer.Error!.Status, answer.Error.Code).ShouldBe((422, "initialisation_failed"));
        answer.Error.Message.ShouldStartWith(says);
        _replica.View.Revision.ShouldBe(before);

        var partial = await Broker.AllocateAsync(Asker, request with { KeepPartial = true, Demands = [new LeaseDemand("slot", 1, wrong)] }, default);
        partial.Error.ShouldBeNull("what keeps partial results leaves it to the resource itself");
    }

    [Theory]
    [InlineData(0, "A config, at a, holds half of a surrogate pair")]
    [InlineData(33, "A config is nested too deeply: at most 32 levels are taken.")]
    public async Task Config_ThatCouldNotBeWritten_IsRefusedBeforeAnythingIsDone(int levels, string says)
    {
        var strange = JsonElement.Parse(levels == 0 ? """{"a":"\ud800"}""" : new string('[', levels) + new string(']', levels));
        var lease = await GotAsync(Request(("slot", 1)));
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
        var answer = await AdvanceUntilAsync(Broker.AllocateAsync(Asker, Request(("desk", 1)), default));
        answer.Error!.Code.ShouldBe("initialisation_failed");
        _time.Elapsed.ShouldBeInRange(TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(22));
        (await StateAsync()).Live.ShouldBeEmpty();
    }

    [Fact]
    public async Task Allocate_ClientLeavesWhileWaiting_IsDropped()
    {
        await GotAsync(Request(("slot", 4)));
        using var leaves = new CancellationTokenSource();
        var waiting = Broker.AllocateAsync(Asker, Request(("slot", 1)), leaves.Token);
        await UntilAsync(() => _replica.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        await UntilAsync(() => _replica.View.Leases.Count(lease => !lease.Value.HasEnded) == 1);
    }

    [Fact]
    public async Task Allocate_ClientLeavesWhileInitialising_IsRolledBack()
    {
        var begun = new TaskCompletionSource();
        _replica.Desk.Initialising = async (_, token) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        using var leaves = new CancellationTokenSource();
        var waiting = Broker.AllocateAsync(Asker, Request(("desk", 2)), leaves.Token);
        await begun.Task;
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        // The grant itself may not have been read yet, and then there is none that has not ended.
        await UntilAsync(() => _replica.View.Leases is { Count: > 0 } leases && leases.All(lease => lease.Value.HasEnded));
        (await StateAsync()).Resources.Values.ShouldNotContain(resource => resource.Value.State == ResourceState.Leased);
    }

    [Fact]
    public async Task Allocate_SameKeyTwiceAtOnce_IsOneLease()
    {
        var request = Request(("slot", 2)) with { IdempotencyKey = "x" };
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Broker.AllocateAsync(Asker, request, default))));
        answers.Select(answer => answer.Lease!.Value.Id).Distinct().Count().ShouldBe(1);
        answers.Count(answer => !answer.WasThere).ShouldBe(1);
        (await StateAsync()).Grants.ShouldBe(2);

        var other = await Broker.AllocateAsync(Asker, request with { WorkerId = "another" }, default);
        (other.Error!.Status, other.Error.Code).ShouldBe((409, "idempotency_mismatch"));
        (await Broker.AllocateAsync(Asker with { KeyId = "k2" }, request, default)).WasThere.ShouldBeFalse();
    }

    [Fact]
    public async Task Allocate_KeyedAfterAFailure_IsTriedAgain()
    {
        var held = await GotAsync(Request(("slot", 4)) with { Ttl = TimeSpan.FromHours(1) });
        var request = Request(("slot", 1)) with { IdempotencyKey = "x", Wait = TimeSpan.FromSeconds(2) };
        (await AdvanceUntilAsync(Broker.AllocateAsync(Asker, request, default))).Error!.Code.ShouldBe("wait_expired");
        await Broker.ReleaseAsync(Asker, held.Value.Id, held.Version, null, default);
        (await Broker.AllocateAsync(Asker, request, default)).Lease.ShouldNotBeNull();
    }

    [Fact]
    public async Task Abandon_Keyed_StandsForHalfAMinuteUnlessItIsFoundAgain()
    {
        var request = Request(("slot", 1)) with { IdempotencyKey = "x", Ttl = TimeSpan.FromMinutes(10) };
        var lease = await GotAsync(request);
        await Broker.AbandonAsync(lease.Value.Id, lease.Version);
        await UntilAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.EndsAt <= _store.Clock.Now + TimeSpan.FromSeconds(30));
        _time.Advance(TimeSpan.FromSeconds(20));
        var again = await Broker.AllocateAsync(Asker, request, default);
        (again.WasThere, again.Lease!.Value.EndsAt).ShouldBe((true, _store.Clock.Now + TimeSpan.FromMinutes(10)));

        var plain = await GotAsync(Request(("slot", 1)));
        await Broker.AbandonAsync(plain.Value.Id, plain.Version);
        await UntilAsync(() => _replica.View.Lease(plain.Value.Id)!.Value.HasEnded);
    }

    [Fact]
    public async Task Quota_OfAWorker_WaitsAndKeepsNothingFromOthers()
    {
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 2 } });
        await UntilAsync(() => _replica.View.Kind("slot")!.Value.Options.Limits.PerWorker == 2);
        (await Broker.AllocateAsync(Asker, Request(("slot", 3)), default)).Error!.Code.ShouldBe("quota_exceeded");
        var first = await GotAsync(Request(("slot", 2)));
        (await Broker.AllocateAsync(Asker, Request(("slot", 1)) with { Wait = TimeSpan.Zero }, default)).Error!.Code.ShouldBe("quota_reached");
        var waiting = Broker.AllocateAsync(Asker, Request(("slot", 1)), default);
        await UntilAsync(() => _replica.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));
        await GotAsync(Request(("slot", 2)) with { WorkerId = "other" });
        await Broker.ReleaseAsync(Asker, first.Value.Id, null, null, default);
        (await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Lease.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(2, null, "limits.per_worker")]
    [InlineData(null, 2, "limits.per_key")]
    public async Task Quota_ThatKeptAWaiterToItsEnd_IsNamed(int? perWorker, int? perKey, string setting)
    {
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = perWorker, PerKey = perKey } });
        await UntilAsync(() => _replica.View.Kind("slot")!.Value.Options.Limits is { PerWorker: 2 } or { PerKey: 2 });
        await GotAsync(Request(("slot", 2)) with { Ttl = TimeSpan.FromHours(1) });
        var answer = await AdvanceUntilAsync(Broker.AllocateAsync(Asker, Request(("slot", 1)) with { Wait = TimeSpan.FromSeconds(5) }, default));
        answer.Error!.Code.ShouldBe("wait_expired");
        answer.Error.Message.ShouldContain(setting);
        answer.Error.Message.ShouldContain("may hold 2 of 'slot'");
        answer.Error.Message.ShouldContain("5 s");
    }

    [Fact]
    public async Task Renew_PutsTheEndOff_AndOldFencesAndOthersAreRefused()
    {
        var lease = await GotAsync(Request(("slot", 1)) with { Ttl = TimeSpan.FromSeconds(10) });
        _time.Advance(TimeSpan.FromSeconds(8));
        var renewed = await Broker.RenewAsync(Asker, lease.Value.Id, lease.Version, null, default);
        renewed.Lease!.Value.EndsAt.ShouldBe(_store.Clock.Now + TimeSpan.FromSeconds(10));
        renewed.Lease.Value.FenceOf(renewed.Lease.Version).ShouldBe(lease.Version);
        (await StateAsync()).ShouldHold();

        (await Broker.RenewAsync(Asker, lease.Value.Id, lease.Version - 1, null, default)).Error!.Status.ShouldBe(412);
        (await Broker.RenewAsync(Asker with { KeyId = "other" }, lease.Value.Id, null, null, default)).Error!.Status.ShouldBe(403);
        (await Broker.RenewAsync(Asker with { Tenant = "other" }, lease.Value.Id, null, null, default)).Error!.Status.ShouldBe(404);
        (await Broker.ReleaseAsync(Asker with { KeyId = "other" }, lease.Value.Id, null, null, default))!.Code.ShouldBe("not_holder");
        (await Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Version - 1, null, default))!.Code.ShouldBe("fence_stale");
    }

    [Fact]
    public async Task Expire_NotRenewed_IsTakenBackWithinASecondAndIsOfNoUseFromItsEnd()
    {
        var lease = await GotAsync(Request(("desk", 1)) with { Ttl = TimeSpan.FromSeconds(3) });
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.1", new KindCall("look", null), default)).Error.ShouldBeNull();
        await StepAsync(TimeSpan.FromSeconds(4));
        await UntilAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.State == LeaseState.Expired);
        _replica.View.Lease(lease.Value.Id)!.Value.EndsAt.ShouldBeLessThanOrEqualTo(lease.Value.EndsAt + TimeSpan.FromSeconds(1));
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.1", new KindCall("look", null), default)).Error!.Code.ShouldBe("lease_ended");
        (await Broker.RenewAsync(Asker, lease.Value.Id, null, null, default)).Error!.Code.ShouldBe("lease_ended");
    }

    [Fact]
    public async Task Use_AfterAThirdOfItsTime_Renews()
    {
        var lease = await GotAsync(Request(("desk", 1)) with { Ttl = TimeSpan.FromSeconds(30) });
        var id = lease.Value.Holdings[0].Resource;
        await StepAsync(TimeSpan.FromSeconds(11));
        (await Broker.UseAsync(Asker, lease.Value.Id, id, new KindCall("look", null), default)).Error.ShouldBeNull();
        await UntilAsync(() => _replica.View.Lease(lease.Value.Id)!.Value.EndsAt > lease.Value.EndsAt);
        var seen = await Broker.ObserveAsync(Asker, lease.Value.Id, default);
        seen.ByResource[id].Value!.Text.ShouldBe($"{id} of w");
        (await Broker.UseAsync(Asker, lease.Value.Id, "desk.9", new KindCall("look", null), default)).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Configure_OneFails_KeepsItsOldConfigAndSaysWhy()
    {
        var lease = await GotAsync(Request(("slot", 1), ("desk", 1)));
        var (good, bad) = (JsonDocument.Parse("""{"size": 3}""").RootElement, JsonDocument.Parse("""{"fail": "jam"}""").RootElement);
        var (slot, desk) = (lease.Value.Holdings[0].Resource, lease.Value.Holdings[1].Resource);
        var answer = await Broker.ConfigureAsync(Asker, lease.Value.Id, new Dictionary<string, JsonElement?> { [slot] = good, [desk] = bad }, default);
        answer.Lease!.Value.Holdings[0].Config!.Value.GetRawText().ShouldBe("""{"size": 3}""");
        (answer.Lease.Value.Holdings[1].Config, answer.Lease.Value.Holdings[1].Fault!.Contains("jam", StringComparison.Ordinal)).ShouldBe((null, true));
        (await StateAsync()).ShouldHold();
    }

    [Fact]
    public async Task Start_AfterADeath_DropsConnectionsAndHalfInitialisedOnesAndGrantsTheOthers()
    {
        _replica.Desk.Initialising = (_, _) => new TaskCompletionSource().Task;
        var held = await GotAsync(Request(("slot", 4)) with { Ttl = TimeSpan.FromHours(1) });
        _ = Broker.AllocateAsync(Asker, Request(("desk", 1)), default);
        _ = Broker.AllocateAsync(Asker, Request(("slot", 1)), default);
        var later = (await Broker.AllocateAsync(Asker, Request(("slot", 2)) with { Asynchronous = true }, default)).Lease!;
        later.Value.State.ShouldBe(LeaseState.Waiting);
        await UntilAsync(() => _replica.View.Leases.Count == 4);
        Broker.PositionOf(later.Value.Id).ShouldBe(2);
        await _replica.DisposeAsync();

        _replica = await StartAsync("b");
        await UntilAsync(() => _replica.View.Leases.Count(lease => !lease.Value.HasEnded) == 2);
        Broker.PositionOf(later.Value.Id).ShouldBe(1);
        (await Broker.ReleaseAsync(Asker, held.Value.Id, held.Version, null, default)).ShouldBeNull();
        await UntilAsync(() => _replica.View.Lease(later.Value.Id)!.Value.State == LeaseState.Ready);
        (await StateAsync()).ShouldHold();
    }

    [Fact]
    public async Task StoreAway_RefusesAndNothingExpiresUntilItIsBack()
    {
        await _replica.DisposeAsync();
        var store = new SharedStore(_store);
        _replica = await StartAsync("c", store);
        var lease = await GotAsync(Request(("slot", 1)) with { Ttl = TimeSpan.FromSeconds(2) });
        store.IsAway = true;
        await Should.ThrowAsync<StoreUnavailableException>(Broker.AllocateAsync(Asker, Request(("slot", 1)), default));
        await StepAsync(TimeSpan.FromSeconds(4));
        _replica.View.Lease(lease.Value.Id)!.Value.HasEnded.ShouldBeFalse();
        store.IsAway = false;
        await StepUntilAsync(() => _replica.View.Leases.All(one => one.Value.HasEnded));
        (await StateAsync()).ShouldHold();
    }

    private static LeaseRequest Request(params (string Kind, int Count)[] demands) =>
        new() { WorkerId = "w", Demands = [.. demands.Select(demand => new LeaseDemand(demand.Kind, demand.Count, null))] };

    private async Task<Weir.Leases.Fleet.Stored<LeaseRecord>> GotAsync(LeaseRequest request)
    {
        var answer = await Broker.AllocateAsync(Asker, request, default).WaitAsync(TimeSpan.FromSeconds(30));
        answer.Error?.Message.ShouldBeNull();
        return answer.Lease!;
    }

    private async Task<LeaseReplica> StartAsync(string id, IStateStore? store = null)
    {
        var replica = await LeaseReplica.StartAsync(store ?? _store, _time, id);
        _replicas.Add(replica);
        return replica;
    }

    private Task<FleetState> StateAsync() => LeaseReplica.ReadAsync(_store);

    private static Task UntilAsync(Func<bool> condition) => Eventually.TrueAsync(condition);

    private async Task<T> AdvanceUntilAsync<T>(Task<T> task)
    {
        await StepUntilAsync(() => task.IsCompleted);
        return await task;
    }

    private async Task StepUntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(3000);
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }
    }

    private async Task StepAsync(TimeSpan span)
    {
        for (var end = _time.Elapsed + span; _time.Elapsed < end;)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }
    }
}
