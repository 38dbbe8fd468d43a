using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

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

    private static LeaseRequest Request(TimeSpan wait) => new() { WorkerId = "w", Demands = [new LeaseDemand("box", 1, null)], Wait = wait };
}
