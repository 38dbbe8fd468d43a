using System.Collections.Concurrent;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Upkeep.Health;

public sealed class HealthRoundsTests : IAsyncLifetime
{
    private static readonly LeaseError Ill = new(503, "ill", "It does not answer.");

    private readonly UpkeepFleet _fleet = new();
    private UpkeepReplica _replica = null!;

    public async ValueTask InitializeAsync() => _replica = await _fleet.StartAsync("a");

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Check_ThatFailsTwice_QuarantinesAndFreesOnceItIsWell()
    {
        await CellsAsync(1);
        var isIll = true;
        var checkedAs = new ConcurrentQueue<ResourceState>();
        _replica.Cells.Health = (resource, _) =>
        {
            checkedAs.Enqueue(resource.Resource.State);
            return Task.FromResult(Volatile.Read(ref isIll) ? Ill : null);
        };
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Quarantined);
        // Once was not enough. By now it may have been checked again.
        checkedAs.Take(2).ShouldBe([ResourceState.Free, ResourceState.Free]);
        _fleet.View.Resource("cell.0")!.Value.Reason.ShouldBe("It does not answer.");
        Volatile.Write(ref isIll, false);
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Free);
    }

    [Fact]
    public async Task Check_ThatHangs_CountsAsFailedAndHoldsUpNoOtherKind()
    {
        await CellsAsync(1);
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1, ResetWithin = TimeSpan.FromHours(1) });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: not null } });
        var hang = new TaskCompletionSource();
        var boxes = 0;
        _replica.Boxes.Health = (_, _) =>
        {
            Interlocked.Increment(ref boxes);
            return Task.FromResult<LeaseError?>(null);
        };
        _replica.Cells.Health = async (_, _) =>
        {
            await hang.Task;
            return null;
        };
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Quarantined);
        await _fleet.UntilAsync(() => boxes >= 2);
        hang.SetResult();
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Free);
    }

    [Fact]
    public async Task Check_OfALeasedOne_IsOnlyNoted()
    {
        await CellsAsync(1);
        await _fleet.LeaseAsync("cell.0");
        _replica.Cells.Health = (_, _) => Task.FromResult<LeaseError?>(Ill);
        await _fleet.UntilAsync(() => _replica.Logs.Events.Contains("ResourceUnwellLeased"));
        State("cell.0").ShouldBe(ResourceState.Leased);
    }

    [Fact]
    public async Task Check_ThatFindsALeasedInstanceEnded_EndsTheLeaseAndMakesTheResourceAnew()
    {
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1, ResetWithin = TimeSpan.FromHours(1) });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: not null } });
        var old = _replica.Boxes.Standing.Keys.Single();
        var lease = await _fleet.LeaseAsync("box.a.0");
        _replica.Boxes.Health = (resource, _) => Task.FromResult(_replica.Boxes.Standing.ContainsKey(resource.Resource.Instance!.Id) ? null : new LeaseError(503, ResourceKind.InstanceEnded, "It is gone."));
        _replica.Boxes.Standing.TryRemove(old, out _);
        await _fleet.UntilAsync(() => _fleet.View.Lease(lease!.Value.Id)!.Value.State == LeaseState.Failed);
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value: { State: ResourceState.Free, Instance: { } made } } && made.Id != old);
    }

    private async Task CellsAsync(int capacity)
    {
        await _fleet.PutKindAsync("cell", new KindOptions { Capacity = capacity, ResetWithin = TimeSpan.FromHours(1) });
        await _fleet.UntilAsync(() => _fleet.View.Resources("cell").Count(resource => resource.Value.State == ResourceState.Free) == capacity);
    }

    private ResourceState? State(string id) => _fleet.View.Resource(id)?.Value.State;
}
