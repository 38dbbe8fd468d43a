using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Leases.Upkeep;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Waits that a kind's definition rules out while they last, and those that only look as if.</summary>
public sealed class LeaseCapacityTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly ManualTimeProvider _time = new();
    private readonly List<LeaseReplica> _replicas = [];
    private MemoryStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4 });
        await LeaseReplica.DefineAsync(_store, "desk", new KindOptions { Capacity = 2 });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Wait_CapacityIsLoweredBelowIt_EndsSoonAsANewRequestWould()
    {
        var a = await StartAsync("a");
        await GotAsync(a, ("slot", 4));
        var (much, little) = (Ask(a, ("desk", 1), ("slot", 3)), Ask(a, ("slot", 2)));
        await WaitingAsync(a, 2);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 2 });
        var lowered = _time.Elapsed;

        var error = (await StepUntilAsync(much)).Error!;

        (_time.Elapsed - lowered).ShouldBeLessThan(TimeSpan.FromSeconds(3));
        var asked = (await a.Broker.AllocateAsync(Asker, Request(("desk", 1), ("slot", 3)), default)).Error!;
        (error.Status, error.Code, error.Message, error.Param).ShouldBe((asked.Status, asked.Code, asked.Message, asked.Param));
        (error.Code, error.Message).ShouldBe(("impossible", "3 of 'slot' were asked for, and there are 2 in all, free or not."));
        little.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Wait_ItsKindIsEnded_EndsSoonAlsoWhereNobodyIsConnected()
    {
        var a = await StartAsync("a");
        await GotAsync(a, ("desk", 2));
        var connected = Ask(a, ("desk", 1));
        var nobodys = (await a.Broker.AllocateAsync(Asker, Request(("slot", 1), ("desk", 1)) with { Asynchronous = true }, default)).Lease!.Value.Id;
        await WaitingAsync(a, 2);
        await EndKindAsync("desk");

        var error = (await StepUntilAsync(connected)).Error!;
        await StepUntilAsync(() => a.View.Lease(nobodys)!.Value.HasEnded);

        (error.Status, error.Code, error.Param).ShouldBe((422, "unknown_kind", "resources"));
        (a.View.Lease(nobodys)!.Value.State, a.View.Lease(nobodys)!.Value.FailureCode, a.View.Lease(nobodys)!.Value.Reason).ShouldBe((LeaseState.Failed, "unknown_kind", error.Message));
    }

    [Fact]
    public async Task Wait_ItsQuotaIsLoweredBelowIt_EndsSoonAsANewRequestWould()
    {
        var a = await StartAsync("a");
        await GotAsync(a, ("slot", 4));
        var much = Ask(a, ("slot", 3));
        await WaitingAsync(a, 1);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 2 } });

        (await StepUntilAsync(much)).Error!.Code.ShouldBe("quota_exceeded");
    }

    [Fact]
    public async Task Wait_AtTwoReplicas_EachEndsItsOwn()
    {
        var (a, b) = await TwoAsync();
        await GotAsync(a, ("slot", 4));
        var (atA, atB) = (Ask(a, ("slot", 3)), Ask(b, ("slot", 4)));
        var nobodys = (await b.Broker.AllocateAsync(Asker, Request(("slot", 3)) with { Asynchronous = true }, default)).Lease!.Value.Id;
        await WaitingAsync(a, 3);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 1 });

        (await StepUntilAsync(atA)).Error!.Message.ShouldBe("3 of 'slot' were asked for, and there is 1 in all, free or not.");
        (await StepUntilAsync(atB)).Error!.Message.ShouldBe("4 of 'slot' were asked for, and there is 1 in all, free or not.");
        await StepUntilAsync(() => a.View.Lease(nobodys)!.Value.HasEnded && b.View.Lease(nobodys)!.Value.HasEnded);
        a.View.Lease(nobodys)!.Value.FailureCode.ShouldBe("impossible");
    }

    [Fact]
    public async Task Wait_AllOfItIsAwayForAWhile_GoesOn()
    {
        var a = await StartAsync("a");
        await GotAsync(a, ("slot", 1));
        var waiting = Ask(a, ("slot", 4));
        await WaitingAsync(a, 1);
        await ChangeAsync(resource => resource with { State = ResourceState.Quarantined, Held = resource.Id != "slot.3" });

        for (var i = 0; i < 100; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(1);
        }

        waiting.IsCompleted.ShouldBeFalse();
        await ChangeAsync(resource => resource with { State = ResourceState.Free, Held = false, Lease = null });
        (await StepUntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(4);
    }

    [Fact]
    public async Task Wait_TheDefinitionIsPutBackBeforeAnybodyActs_GoesOn()
    {
        var store = new SharedStore(_store);
        var a = await StartAsync("a", store);
        var held = await GotAsync(a, ("slot", 4));
        var waiting = Ask(a, ("slot", 3));
        await WaitingAsync(a, 1);
        await EndKindAsync("slot");
        await Eventually.TrueAsync(() => a.View.Kind("slot") is null);
        store.IsBehind = true;
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 4 });

        // It acts on what it has seen, and loses against what there is.
        var before = store.Commits;
        await StepUntilAsync(() => store.Commits >= before + 2);
        store.IsBehind = false;
        await Eventually.TrueAsync(() => a.View.Kind("slot") is not null);

        waiting.IsCompleted.ShouldBeFalse();
        (await a.Broker.ReleaseAsync(Asker, held.Value.Id, null, null, default)).ShouldBeNull();
        (await StepUntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Wait_AHomeIsAway_GoesOnUntilTheDefinitionIsTooSmallForAllHomes()
    {
        await using var fleet = new UpkeepFleet();
        var a = await fleet.StartAsync("a");
        var b = await fleet.StartAsync("b");
        await fleet.PutKindAsync("box", new KindOptions { Capacity = 2 });
        await fleet.UntilAsync(() => a.View.Resources("box").Count == 4);
        var got = a.Broker.AllocateAsync(Asker, Request(("box", 2)), default);
        await fleet.UntilAsync(() => got.IsCompleted);
        var waiting = a.Broker.AllocateAsync(Asker, Request(("box", 3)), default);
        await fleet.UntilAsync(() => a.View.Leases.Any(lease => lease.Value.State == LeaseState.Waiting));

        await fleet.StopAsync(b);
        (await a.Broker.AllocateAsync(Asker, Request(("box", 3)), default)).Error!.Code.ShouldBe("impossible");
        for (var i = 0; i < 100; i++)
            await fleet.PassAsync(TimeSpan.FromMilliseconds(200));
        // A definition that is another one, and enough with the home that is away.
        await fleet.PutKindAsync("box", new KindOptions { Capacity = 2, Limits = new KindLimitOptions { PerWorker = 3 } });
        for (var i = 0; i < 100; i++)
            await fleet.PassAsync(TimeSpan.FromMilliseconds(200));
        waiting.IsCompleted.ShouldBeFalse();

        await fleet.PutKindAsync("box", new KindOptions { Capacity = 1 });
        await fleet.UntilAsync(() => waiting.IsCompleted);
        (await waiting).Error!.Code.ShouldBe("impossible");
    }

    private static LeaseRequest Request(params (string Kind, int Count)[] demands) => new()
    {
        WorkerId = "w", Demands = [.. demands.Select(demand => new LeaseDemand(demand.Kind, demand.Count, null))], Wait = TimeSpan.FromHours(1), Ttl = TimeSpan.FromHours(2),
    };

    private static Task<LeaseAnswer> Ask(LeaseReplica replica, params (string Kind, int Count)[] demands) => replica.Broker.AllocateAsync(Asker, Request(demands), default);

    private static async Task<Stored<LeaseRecord>> GotAsync(LeaseReplica replica, params (string Kind, int Count)[] demands)
    {
        var answer = await Ask(replica, demands);
        answer.Error?.Message.ShouldBeNull();
        return answer.Lease!;
    }

    private static Task WaitingAsync(LeaseReplica replica, int count) =>
        Eventually.TrueAsync(() => replica.View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting) == count);

    private async Task EndKindAsync(string name)
    {
        var kind = (await _store.ReadAsync(LeaseReplica.Partition, LeaseDocuments.Kinds + name))!;
        (await _store.CommitAsync(new Commit(LeaseReplica.Partition) { Writes = [new Write(kind.Key, kind.Version, null)] })).ShouldBeOfType<CommitOutcome.Committed>();
    }

    private async Task ChangeAsync(Func<ResourceRecord, ResourceRecord> change)
    {
        foreach (var document in await _store.ListAsync(LeaseReplica.Partition, LeaseDocuments.Resources + "slot", limit: 100))
        {
            var write = new Write(document.Key, document.Version, LeaseDocuments.Write(change(LeaseDocuments.ReadResource(document.Body.Span)!)));
            var outcome = (await _store.CommitAsync(new Commit(LeaseReplica.Partition) { Writes = [write] })).ShouldBeOfType<CommitOutcome.Committed>();
            foreach (var replica in _replicas)
                await replica.View.WhenAsync(outcome.Revision, TimeSpan.FromSeconds(30), default);
        }
    }

    private async Task<(LeaseReplica One, LeaseReplica Other)> TwoAsync()
    {
        var (a, b) = (await StartAsync("a", new SharedStore(_store)), await StartAsync("b", new SharedStore(_store)));
        await StepUntilAsync(() => a.Replicas.Current.Count == 2 && b.Replicas.Current.Count == 2);
        return (a, b);
    }

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
