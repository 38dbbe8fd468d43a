using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Upkeep;

public sealed class FleetUpkeepTests : IAsyncLifetime
{
    private static readonly KindOptions Plain = new() { ResetWithin = TimeSpan.FromHours(1) };

    private readonly UpkeepFleet _fleet = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Capacity_GrownAndShrunkWhileSomeAreLeased_LeavesThoseUntilTheyAreGivenBack()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("seat", Plain with { Capacity = 3 });
        await _fleet.UntilAsync(() => Ids("seat").SequenceEqual(["seat.0", "seat.1", "seat.2"]));
        var lease = await _fleet.LeaseAsync("seat.2");

        await _fleet.PutKindAsync("seat", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => Ids("seat").SequenceEqual(["seat.0", "seat.2"]));
        (await _fleet.ReadAsync("seat.2"))!.Value.State.ShouldBe(ResourceState.Leased);

        await _fleet.ReleaseAsync(lease!.Value.Id, replica);
        await _fleet.UntilAsync(() => Ids("seat").SequenceEqual(["seat.0"]));
        await _fleet.PutKindAsync("seat", Plain with { Capacity = 1200 });
        await _fleet.UntilAsync(() => Ids("seat").Count == 1200);
    }

    [Fact]
    public async Task Capacity_CutAndRaisedWhileOneIsUnclean_ResetsItBeforeItIsGivenOut()
    {
        var replica = await _fleet.StartAsync("a");
        var isDirty = true;
        replica.Cells.Cleaning = (_, _) => Task.FromResult<LeaseError?>(Volatile.Read(ref isDirty) ? new LeaseError(502, "dirty", "It is dirty.") : null);
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Quarantined);
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 0 });
        await _fleet.UntilAsync(() => Ids("cell").Count == 0);
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Quarantined);
        Volatile.Write(ref isDirty, false);
        await _fleet.UntilAsync(() => Free("cell") == 1);
    }

    [Fact]
    public async Task Delete_KindWithInstances_EndsThemAndThenItsResources()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 2, Warm = 2 });
        await _fleet.UntilAsync(() => replica.Boxes.Standing.Count == 2 && Free("box") == 2);

        (await replica.Desk.DeleteAsync("box", default)).ShouldBeNull();
        await _fleet.UntilAsync(() => Ids("box").Count == 0);
        replica.Boxes.Standing.ShouldBeEmpty();
    }

    [Fact]
    public async Task Reset_OfAnInstance_NamesTheNewOneBeforeItIsMadeAndEndsTheOldOne()
    {
        var replica = await _fleet.StartAsync("a");
        var named = new List<string?>();
        replica.Boxes.Making = async (resource, _) =>
        {
            named.Add((await _fleet.ReadAsync(resource.Resource.Id))!.Value.Instance?.Id);
            named[^1].ShouldBe(resource.Resource.Instance!.Id);
            return null;
        };
        await _fleet.PutKindAsync("box", Plain with { Capacity = 1, Warm = 1 });
        await _fleet.UntilAsync(() => Free("box") == 1 && replica.Boxes.Standing.Count == 1);
        var first = replica.Boxes.Standing.Keys.Single();

        var lease = await _fleet.LeaseAsync("box.a.0");
        await _fleet.ReleaseAsync(lease!.Value.Id, replica);
        await _fleet.UntilAsync(() => Free("box") == 1 && replica.Boxes.Standing.Keys.Any(id => id != first));
        replica.Boxes.Standing.ShouldHaveSingleItem();
        replica.Boxes.Destroyed.ShouldContain(first);
        named.Count.ShouldBe(2);
        var record = (await _fleet.ReadAsync("box.a.0"))!.Value;
        record.Instance!.Data!.Value.GetString().ShouldBe(record.Instance.Id);
    }

    [Fact]
    public async Task Reset_WhereNoneIsKeptWarm_EndsTheOldOneAndLeavesItCold()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => Free("box") == 1);
        var lease = await _fleet.LeaseAsync("box.a.0");
        var granted = await _fleet.ReadAsync("box.a.0");
        var made = await replica.Instances.EnsureAsync(granted!, lease!.Value.Id, default);
        made.Error.ShouldBeNull();
        made.Value.Id.ShouldBe(ResourceInstance.IdOf("box.a.0", granted!.Version));
        replica.Boxes.Standing.Keys.ShouldBe([made.Value.Id]);

        await _fleet.ReleaseAsync(lease.Value.Id, replica, _ => made.Value);
        await _fleet.UntilAsync(() => Free("box") == 1);
        (await _fleet.ReadAsync("box.a.0"))!.Value.Instance.ShouldBeNull();
        replica.Boxes.Standing.ShouldBeEmpty();
    }

    [Fact]
    public async Task Ensure_SameGrantTwiceAtOnce_MakesOne()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => Free("box") == 1);
        var lease = await _fleet.LeaseAsync("box.a.0");
        var granted = await _fleet.ReadAsync("box.a.0");
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => replica.Instances.EnsureAsync(granted!, lease!.Value.Id, default).AsTask()));
        both[0].Value.ShouldBe(both[1].Value);
        replica.Boxes.Standing.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Ensure_GrantThatIsRolledBackWhileItIsMade_LeavesNothing()
    {
        var replica = await _fleet.StartAsync("a");
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource();
        replica.Boxes.Making = async (_, _) =>
        {
            begun.TrySetResult();
            await go.Task;
            return null;
        };
        await _fleet.PutKindAsync("box", Plain with { Capacity = 1, InitialiseWithin = TimeSpan.FromHours(1) });
        await _fleet.UntilAsync(() => Free("box") == 1);
        var lease = await _fleet.LeaseAsync("box.a.0");
        var granted = await _fleet.ReadAsync("box.a.0");
        var making = replica.Instances.EnsureAsync(granted!, lease!.Value.Id, default).AsTask();
        await begun.Task;

        // The lease never learned of it.
        await _fleet.ReleaseAsync(lease.Value.Id, replica);
        await _fleet.UntilAsync(() => Free("box") == 1);
        go.SetResult();
        await making;
        await _fleet.UntilAsync(() => replica.Boxes.Destroyed.Contains(ResourceInstance.IdOf("box.a.0", granted!.Version)));
        replica.Boxes.Standing.ShouldBeEmpty();
    }

    [Fact]
    public async Task Reset_ThatFails_IsQuarantinedAndTriedAgainEachTimeLater()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => Free("cell") == 1);
        var tries = new List<TimeSpan>();
        replica.Cells.Cleaning = (_, _) =>
        {
            lock (tries)
                tries.Add(_fleet.Time.Elapsed);
            return Task.FromResult<LeaseError?>(tries.Count < 5 ? new LeaseError(502, "dirty", "It is still dirty.") : null);
        };
        var lease = await _fleet.LeaseAsync("cell.0");
        await _fleet.ReleaseAsync(lease!.Value.Id, replica);

        await _fleet.UntilAsync(() => _fleet.View.Resource("cell.0") is { Value: { State: ResourceState.Quarantined, Failures: 1 } });
        _fleet.View.Resource("cell.0")!.Value.Reason.ShouldBe("It is still dirty.");
        await _fleet.UntilAsync(() => Free("cell") == 1);
        tries.Count.ShouldBe(5);
        var gaps = tries.Zip(tries.Skip(1), (one, next) => (next - one).TotalSeconds).ToList();
        for (var i = 0; i < gaps.Count; i++)
            gaps[i].ShouldBeInRange(0.75 * Math.Pow(2, i), (1.25 * Math.Pow(2, i)) + 1.5);
        (await _fleet.ReadAsync("cell.0"))!.Value.Failures.ShouldBe(0);
    }

    [Fact]
    public async Task Reset_ThatHangs_IsQuarantinedAndLeftAloneUntilItEnds()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 1, ResetWithin = TimeSpan.FromSeconds(5) });
        await _fleet.UntilAsync(() => Free("cell") == 1);
        var (calls, hang) = (0, new TaskCompletionSource());
        replica.Cells.Cleaning = async (_, _) =>
        {
            if (Interlocked.Increment(ref calls) == 1)
                await hang.Task;
            return null;
        };
        var lease = await _fleet.LeaseAsync("cell.0");
        await _fleet.ReleaseAsync(lease!.Value.Id, replica);

        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Quarantined);
        _fleet.View.Resource("cell.0")!.Value.Reason.ShouldBe("It did not end within 5 s.");
        for (var i = 0; i < 100; i++)
            await _fleet.PassAsync(TimeSpan.FromSeconds(1));
        calls.ShouldBe(1);
        State("cell.0").ShouldBe(ResourceState.Quarantined);

        hang.SetResult();
        await _fleet.UntilAsync(() => Free("cell") == 1);
        calls.ShouldBe(2);
    }

    [Fact]
    public async Task Reset_OfOneThatIsSlow_DelaysNoOther()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("cell", Plain with { Capacity = 6 });
        await _fleet.UntilAsync(() => Free("cell") == 6);
        var slow = new TaskCompletionSource();
        replica.Cells.Cleaning = async (resource, _) =>
        {
            if (resource.Resource.Slot == "0")
                await slow.Task;
            return null;
        };
        var lease = await _fleet.LeaseAsync([.. Ids("cell")]);
        await _fleet.ReleaseAsync(lease!.Value.Id, replica);
        await _fleet.UntilAsync(() => Free("cell") == 5);
        State("cell.0").ShouldBe(ResourceState.Resetting);
        slow.SetResult();
        await _fleet.UntilAsync(() => Free("cell") == 6);
    }

    [Fact]
    public async Task Create_ThatIsFinishedLate_TouchesNothingNewAndIsEnded()
    {
        var replica = await _fleet.StartAsync("a");
        var (ids, late) = (new List<string>(), new TaskCompletionSource());
        replica.Boxes.Making = async (resource, _) =>
        {
            ids.Add(resource.Resource.Instance!.Id);
            if (ids.Count == 1)
                await late.Task;
            return null;
        };
        await _fleet.PutKindAsync("box", Plain with { Capacity = 1, Warm = 1, ResetWithin = TimeSpan.FromSeconds(5) });
        await _fleet.UntilAsync(() => _fleet.View.Resource("box.a.0") is { Value.State: ResourceState.Quarantined });

        late.SetResult();
        await _fleet.UntilAsync(() => Free("box") == 1);
        ids.Count.ShouldBe(2);
        replica.Boxes.Destroyed.ShouldContain(ids[0]);
        replica.Boxes.Standing.Keys.ShouldBe([ids[1]]);
    }

    [Fact]
    public async Task Warm_Raised_MakesSoManyAndKeepsThemFullAsTheyAreLeased()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 6, Warm = 2 });
        await _fleet.UntilAsync(() => Warm("box") == 2);
        await _fleet.LeaseAsync(_fleet.View.Resources("box").First(resource => resource.Value.Instance is not null).Value.Id);
        await _fleet.UntilAsync(() => Warm("box") == 2);
        await _fleet.PutKindAsync("box", Plain with { Capacity = 6, Warm = 4 });
        await _fleet.UntilAsync(() => Warm("box") == 4);
        await _fleet.PassAsync(TimeSpan.FromSeconds(30));
        Warm("box").ShouldBe(4);
        replica.Boxes.Standing.Count.ShouldBe(5);
    }

    [Fact]
    public async Task Definition_Changed_ReplacesFreeInstancesOfTheOldOne()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 3, Warm = 2, Size = "800x600" });
        await _fleet.UntilAsync(() => Warm("box") == 2);
        var old = replica.Boxes.Standing.Keys.ToList();

        await _fleet.PutKindAsync("box", Plain with { Capacity = 3, Warm = 2, Size = "1024x768" });
        // What is shown may be older than what stands.
        await _fleet.UntilAsync(() => Warm("box") == 2 && replica.Boxes.Standing.Count == 2 && !replica.Boxes.Standing.Keys.Intersect(old).Any());
        var now = replica.Boxes.Standing.Keys.Order().ToList();

        // How many there are does not change what they are.
        await _fleet.PutKindAsync("box", Plain with { Capacity = 4, Warm = 2, Size = "1024x768" });
        await _fleet.UntilAsync(() => Ids("box").Count == 4);
        await _fleet.PassAsync(TimeSpan.FromSeconds(30));
        replica.Boxes.Standing.Keys.Order().ShouldBe(now);
    }

    [Fact]
    public async Task Restart_WhereInstancesHaveEnded_TakesThemFromTheirLeasesAndMakesFreeOnesAnew()
    {
        var boxes = new BoxKind();
        var first = await _fleet.StartAsync("a", boxes: boxes);
        await _fleet.PutKindAsync("box", Plain with { Capacity = 4, Warm = 2 });
        await _fleet.PutKindAsync("seat", Plain with { Capacity = 1 });
        await _fleet.UntilAsync(() => Warm("box") == 2 && Ids("seat").Count == 1);
        var warm = _fleet.View.Resources("box").Where(resource => resource.Value.Instance is not null).Select(resource => resource.Value).ToList();
        var shrunk = await _fleet.LeaseAsync(warm[0].Id, "seat.0");
        await _fleet.UntilAsync(() => Warm("box") == 2);
        var ended = await _fleet.LeaseAsync(warm[1].Id);
        await _fleet.UntilAsync(() => Warm("box") == 2);
        var kept = _fleet.View.Resources("box").First(resource => resource.Value is { State: ResourceState.Free, Instance: not null }).Value;
        await _fleet.StopAsync(first);
        foreach (var id in boxes.Standing.Keys.Where(id => id != kept.Instance!.Id))
            boxes.Standing.TryRemove(id, out _);
        boxes.Standing["left over"] = "nobody's";

        await _fleet.StartAsync("a", boxes: boxes);
        await _fleet.UntilAsync(() => Free("box") == 4 && Warm("box") == 2);
        boxes.Standing.ShouldNotContainKey("left over");
        boxes.Standing.ShouldContainKey(kept.Instance!.Id);
        var one = _fleet.View.Lease(shrunk!.Value.Id)!;
        one.Value.HasEnded.ShouldBeFalse();
        one.Value.Holdings.ShouldHaveSingleItem().Resource.ShouldBe("seat.0");
        one.Value.FenceOf(one.Version).ShouldBe(shrunk.Version);
        one.Value.Reason!.ShouldContain(warm[0].Id);
        var other = _fleet.View.Lease(ended!.Value.Id)!.Value;
        other.State.ShouldBe(LeaseState.Failed);
        other.Reason!.ShouldContain("ended");
    }

    [Fact]
    public async Task Home_GoneForTenMinutes_IsForgottenAndTakenFromItsLeases()
    {
        var gone = await _fleet.StartAsync("b");
        await _fleet.PutKindAsync("box", Plain with { Capacity = 2 });
        await _fleet.UntilAsync(() => Ids("box").Count == 2);
        await _fleet.StartAsync("a");
        await _fleet.UntilAsync(() => Ids("box").Count == 4);
        var lost = await _fleet.LeaseAsync("box.b.1");
        var shrunk = await _fleet.LeaseAsync("box.b.0", "box.a.0");
        await _fleet.StopAsync(gone);
        for (var i = 0; i < 9 * 60; i++)
            await _fleet.PassAsync(TimeSpan.FromSeconds(1));
        Ids("box").Count.ShouldBe(4);
        await _fleet.UntilAsync(() => Ids("box").SequenceEqual(["box.a.0", "box.a.1"]));
        _fleet.Time.Elapsed.ShouldBeGreaterThan(TimeSpan.FromMinutes(10));
        var ended = _fleet.View.Lease(lost!.Value.Id)!.Value;
        (ended.State, ended.FailureCode, ended.Reason).ShouldBe((LeaseState.Failed, "resource_lost", "the replica where box.b.1 lived is gone"));
        _fleet.View.Lease(shrunk!.Value.Id)!.Value.Holdings.ShouldHaveSingleItem().Resource.ShouldBe("box.a.0");
    }

    [Fact]
    public async Task Unable_Here_HasNoResourcesAndSaysWhy()
    {
        var replica = await _fleet.StartAsync("a", boxes: new BoxKind { Missing = new LeaseError(503, "unavailable", "No room for boxes: make some.") });
        await _fleet.PutKindAsync("box", Plain with { Capacity = 2 });
        await _fleet.PutKindAsync("seat", Plain with { Capacity = 2 });
        await _fleet.UntilAsync(() => Ids("seat").Count == 2 && replica.Desk.Unable("box") is not null);
        Ids("box").ShouldBeEmpty();
        replica.Desk.Unable("box")!.Message.ShouldBe("No room for boxes: make some.");
        replica.Desk.Unable("seat").ShouldBeNull();
    }

    private List<string> Ids(string kind) => [.. _fleet.View.Resources(kind).Select(resource => resource.Value.Id)];

    private ResourceState? State(string id) => _fleet.View.Resource(id)?.Value.State;

    private int Free(string kind) => _fleet.View.Resources(kind).Count(resource => resource.Value.State == ResourceState.Free);

    private int Warm(string kind) => _fleet.View.Resources(kind).Count(resource => resource.Value is { State: ResourceState.Free, Instance: not null });
}
