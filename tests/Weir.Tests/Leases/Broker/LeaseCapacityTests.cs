using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Leases.Upkeep;
using Weir.Tests.Support;
using static Weir.Tests.Leases.Broker.LeaseReplica;

namespace Weir.Tests.Leases.Broker;

/// <summary>Waits that a kind's definition rules out while they last, and those that only look as if.</summary>
public sealed class LeaseCapacityTests : IAsyncLifetime
{
    private readonly BrokerFleet _fleet = new();

    public async ValueTask InitializeAsync()
    {
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4 });
        await _fleet.DefineAsync("desk", new KindOptions { Capacity = 2 });
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Wait_CapacityIsLoweredBelowIt_EndsSoonAsANewRequestWould()
    {
        var a = await _fleet.StartAsync("a");
        await a.GotAsync(("slot", 4));
        var (much, little) = (a.AskAsync(("desk", 1), ("slot", 3)), a.AskAsync(("slot", 2)));
        await a.WaitingAsync(2);
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 2 });

        var error = (await _fleet.Time.UntilAsync(much, TimeSpan.FromSeconds(3))).Error!;

        var asked = (await a.AskAsync(("desk", 1), ("slot", 3))).Error!;
        (error.Status, error.Code, error.Message, error.Param).ShouldBe((asked.Status, asked.Code, asked.Message, asked.Param));
        (error.Code, error.Message).ShouldBe(("impossible", "3 of 'slot' were asked for, and there are 2 in all, free or not."));
        little.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Wait_ItsKindIsEnded_EndsSoonAlsoWhereNobodyIsConnected()
    {
        var a = await _fleet.StartAsync("a");
        await a.GotAsync(("desk", 2));
        var connected = a.AskAsync(("desk", 1));
        var nobodys = (await a.AskAsync(Request(("slot", 1), ("desk", 1)) with { Asynchronous = true })).Lease!.Value.Id;
        await a.WaitingAsync(2);
        await _fleet.EndKindAsync("desk");

        var error = (await _fleet.Time.UntilAsync(connected)).Error!;
        await _fleet.Time.UntilAsync(() => a.HasEnded(nobodys));

        (error.Status, error.Code, error.Param).ShouldBe((422, "unknown_kind", "resources"));
        (a.View.Lease(nobodys)!.Value.State, a.View.Lease(nobodys)!.Value.FailureCode, a.View.Lease(nobodys)!.Value.Reason).ShouldBe((LeaseState.Failed, "unknown_kind", error.Message));
    }

    [Fact]
    public async Task Wait_ItsQuotaIsLoweredBelowIt_EndsSoonAsANewRequestWould()
    {
        var a = await _fleet.StartAsync("a");
        await a.GotAsync(("slot", 4));
        var much = a.AskAsync(("slot", 3));
        await a.WaitingAsync(1);
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4, Limits = new KindLimitOptions { PerWorker = 2 } });

        (await _fleet.Time.UntilAsync(much)).Error!.Code.ShouldBe("quota_exceeded");
    }

    [Fact]
    public async Task Wait_AtTwoReplicas_EachEndsItsOwn()
    {
        var (a, b) = await _fleet.StartTwoAsync();
        await a.GotAsync(("slot", 4));
        var (atA, atB) = (a.AskAsync(("slot", 3)), b.AskAsync(("slot", 4)));
        var nobodys = (await b.AskAsync(Request(("slot", 3)) with { Asynchronous = true })).Lease!.Value.Id;
        await a.WaitingAsync(3);
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 1 });

        (await _fleet.Time.UntilAsync(atA)).Error!.Message.ShouldBe("3 of 'slot' were asked for, and there is 1 in all, free or not.");
        (await _fleet.Time.UntilAsync(atB)).Error!.Message.ShouldBe("4 of 'slot' were asked for, and there is 1 in all, free or not.");
        await _fleet.Time.UntilAsync(() => a.HasEnded(nobodys) && b.HasEnded(nobodys));
        a.View.Lease(nobodys)!.Value.FailureCode.ShouldBe("impossible");
    }

    [Fact]
    public async Task Wait_AllOfItIsAwayForAWhile_GoesOn()
    {
        var a = await _fleet.StartAsync("a");
        await a.GotAsync(("slot", 1));
        var waiting = a.AskAsync(("slot", 4));
        await a.WaitingAsync(1);
        await _fleet.ChangeAsync("slot", resource => resource with { State = ResourceState.Quarantined, Held = resource.Id != "slot.3" });

        await _fleet.Time.PassAsync(TimeSpan.FromSeconds(20));

        waiting.IsCompleted.ShouldBeFalse();
        await _fleet.ChangeAsync("slot", resource => resource with { State = ResourceState.Free, Held = false, Lease = null });
        (await _fleet.Time.UntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(4);
    }

    [Fact]
    public async Task Wait_TheDefinitionIsPutBackBeforeAnybodyActs_GoesOn()
    {
        var store = new SharedStore(_fleet.Store);
        var a = await _fleet.StartAsync("a", store);
        var held = await a.GotAsync(("slot", 4));
        var waiting = a.AskAsync(("slot", 3));
        await a.WaitingAsync(1);
        await _fleet.EndKindAsync("slot");
        await Eventually.TrueAsync(() => a.View.Kind("slot") is null);
        store.IsBehind = true;
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 4 });

        // It acts on what it has seen, and loses against what there is.
        var before = store.Commits;
        await _fleet.Time.UntilAsync(() => store.Commits >= before + 2);
        store.IsBehind = false;
        await Eventually.TrueAsync(() => a.View.Kind("slot") is not null);

        waiting.IsCompleted.ShouldBeFalse();
        await a.ReleaseAsync(held);
        (await _fleet.Time.UntilAsync(waiting)).Lease!.Value.Holdings.Count.ShouldBe(3);
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
}
