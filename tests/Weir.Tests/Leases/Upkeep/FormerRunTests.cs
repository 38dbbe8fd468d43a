using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>What a former run of a replica has left, until somebody has looked whether it still stands; and what is taken from leases.</summary>
public sealed class FormerRunTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly UpkeepFleet _fleet = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Allocate_BeforeItIsKnownWhatStands_IsGrantedNothingOfIt()
    {
        var first = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1 });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: not null } });
        var dead = _fleet.View.Resource("box.a.0")!.Value.Instance!.Id;
        await _fleet.StopAsync(first);
        var looked = new TaskCompletionSource();
        var second = await _fleet.StartAsync("a", boxes: new BoxKind { Looking = looked.Task });

        var soon = await second.Broker.AllocateAsync(Asker, Request(TimeSpan.Zero), default);
        var later = second.Broker.AllocateAsync(Asker, Request(TimeSpan.FromHours(1)), default);
        soon.Error!.Code.ShouldBe("wait_expired");
        await _fleet.PassAsync(TimeSpan.FromSeconds(2));
        later.IsCompleted.ShouldBeFalse();
        looked.SetResult();
        await _fleet.UntilAsync(() => later.IsCompleted);

        var held = (await later).Lease!.Value.Holdings.ShouldHaveSingleItem();
        second.Boxes.Standing.ShouldNotContainKey(dead);
        second.Boxes.Standing.ShouldContainKey((held.Instance ?? (await _fleet.ReadAsync("box.a.0"))!.Value.Instance!).Id);
    }

    [Fact]
    public async Task Start_WhatHasEndedWasChangedAndTheFeedIsLate_IsNotTriedRoundAndRound()
    {
        var first = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1 });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: not null } });
        // The feed has shown more than the last change of the box.
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 1 });
        await _fleet.StopAsync(first);
        var (looked, isLooking, store) = (new TaskCompletionSource(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new SharedStore(_fleet.Store));
        var boxes = new BoxKind { Looking = looked.Task, OnLook = () => isLooking.TrySetResult() };
        await _fleet.StartAsync("a", boxes: boxes, store: store);
        await _fleet.UntilAsync(() => isLooking.Task.IsCompleted && _fleet.View.Resource("seat.0") is not null);
        store.IsBehind = true;
        var box = (await _fleet.ReadAsync("box.a.0"))!;
        await ChangeAsync(box, box.Value with { Failures = 1 });
        var before = store.Commits;

        looked.SetResult();
        await Eventually.TrueAsync(() => store.Commits > before);
        await Task.Delay(20);
        (store.Commits - before).ShouldBeLessThan(5);

        store.IsBehind = false;
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0")!.Value is { State: ResourceState.Free, Instance: { } made } && boxes.Standing.ContainsKey(made.Id));
    }

    [Fact]
    public async Task Reset_SomebodyWasFirstAndTheFeedIsLate_IsNotTriedRoundAndRound()
    {
        var store = new SharedStore(_fleet.Store);
        var replica = await _fleet.StartAsync("a", store: store);
        replica.Cells.Cleaning = (_, _) => Task.FromResult<LeaseError?>(new LeaseError(500, "dirty", "It is dirty."));
        await _fleet.PutKindAsync("cell", new KindOptions { Capacity = 1 });
        await _fleet.UntilAsync(() => _fleet.View.Resource("cell.0") is { Value.State: ResourceState.Quarantined });
        replica.Cells.Cleaning = (_, _) => Task.FromResult<LeaseError?>(null);
        store.IsBehind = true;
        var cell = (await _fleet.ReadAsync("cell.0"))!;
        await ChangeAsync(cell, cell.Value with { Reason = "It is very dirty." });
        var before = store.Commits;

        // Its next try comes due, and loses.
        await _fleet.UntilAsync(() => store.Commits > before);
        for (var i = 0; i < 200; i++)
            await _fleet.PassAsync(TimeSpan.FromMilliseconds(5));
        (store.Commits - before).ShouldBeLessThan(5);

        store.IsBehind = false;
        await _fleet.UntilAsync(() => _fleet.View.Resource("cell.0")!.Value.State == ResourceState.Free);
    }

    [Fact]
    public async Task Quarantine_ItsLeaseWasRenewedAndTheFeedIsLate_WaitsForTheFeed()
    {
        var store = new SharedStore(_fleet.Store);
        var replica = await _fleet.StartAsync("a", store: store);
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 2 });
        await _fleet.UntilAsync(() => _fleet.View.Resource("seat.1") is not null);
        var lease = (await _fleet.LeaseAsync("seat.0"))!;
        await _fleet.LeaseAsync("seat.1");
        store.IsBehind = true;
        var renewed = lease.Value with { EndsAt = lease.Value.EndsAt + TimeSpan.FromHours(1), Fence = lease.Version };
        await CommitAsync(new Write(LeaseDocuments.Leases + lease.Value.Id, lease.Version, LeaseDocuments.Write(renewed)));

        var quarantining = replica.Desk.QuarantineAsync("seat.0", "smells", default);

        quarantining.IsCompleted.ShouldBeFalse();
        store.IsBehind = false;
        await _fleet.UntilAsync(() => quarantining.IsCompleted);
        (await quarantining).ShouldBeNull();
        (await _fleet.ReadAsync("seat.0"))!.Value.State.ShouldBe(ResourceState.Quarantined);
    }

    [Fact]
    public async Task Quarantine_OfALeasedOne_IsCountedAndForgotten()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1 });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: not null } });
        var asked = replica.Broker.AllocateAsync(Asker, Request(TimeSpan.FromMinutes(1)), default);
        await _fleet.UntilAsync(() => asked.IsCompleted);
        (await asked).Lease.ShouldNotBeNull();

        (await replica.Desk.QuarantineAsync("box.a.0", "smells", default)).ShouldBeNull();

        replica.Boxes.Forgotten.ShouldBe(["box.a.0"]);
        var status = replica.Desk.Status().Single();
        (status.Allocations, status.Releases).ShouldBe((1, 1));
    }

    private Task ChangeAsync(Stored<ResourceRecord> from, ResourceRecord to) => CommitAsync(UpkeepFleet.Put(to, from.Version));

    // As another replica would: nobody here has seen it.
    private async Task CommitAsync(Write write) =>
        (await _fleet.Store.CommitAsync(new Commit(LeaseDocuments.PartitionOf(UpkeepFleet.Name)) { Writes = [write] })).ShouldBeOfType<CommitOutcome.Committed>();

    private static LeaseRequest Request(TimeSpan wait) => new() { WorkerId = "w", Demands = [new LeaseDemand("box", 1, null)], Wait = wait };
}
