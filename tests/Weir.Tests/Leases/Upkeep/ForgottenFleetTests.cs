using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>The store comes back without what it held.</summary>
public sealed class ForgottenFleetTests : IAsyncDisposable
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly UpkeepFleet _fleet = new();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Kinds_ForgottenByTheStore_AreMadeAgainWhereTheConfigurationHasThemAndNobodyEndedThem()
    {
        await using var store = new ForgetfulStore(_fleet.Time);
        var replica = await _fleet.StartAsync("a", store: store);
        replica.Configured.Apply(new Dictionary<string, KindOptions>
        {
            ["seat"] = new() { Capacity = 2, Aliases = ["chair"] }, ["box"] = new() { Capacity = 2, Warm = 1 }, ["cell"] = new() { Capacity = 1 },
        });
        await _fleet.PutKindAsync("seat:own", new KindOptions { Capacity = 1 });
        await _fleet.UntilAsync(() => Free("seat") == 2 && Free("box") == 2 && Free("cell") == 1 && Free("seat:own") == 1 && replica.Boxes.Standing.Count == 1);
        (await replica.Desk.DeleteAsync("cell", default)).ShouldBeNull();
        await _fleet.UntilAsync(() => _fleet.View.Kind("cell") is null);
        var before = replica.Boxes.Standing.Keys.Single();

        for (var times = 0; times < 2; times++)
        {
            await store.ForgetAsync();
            await _fleet.UntilAsync(() => Free("seat") == 2 && Free("box") == 2 && replica.Boxes.Standing.Count == 1 && !replica.Boxes.Standing.ContainsKey(before));
            replica.Boxes.Destroyed.ShouldContain(before, "no document names it, and nobody else would end it");
            before = replica.Boxes.Standing.Keys.Single();
        }

        _fleet.View.Kind("chair").ShouldNotBeNull();
        _fleet.View.Kind("cell").ShouldBeNull("an operator has ended it");
        _fleet.View.Kind("seat:own").ShouldBeNull("it was never configured");
        replica.Logs.Lines.Count(line => line.Text.Contains("has come back without what it held", StringComparison.Ordinal)).ShouldBe(2);
    }

    [Fact]
    public async Task Kind_EndedByAnOperatorAndReadFromASnapshot_StaysEnded()
    {
        var replica = await _fleet.StartAsync("a");
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 2 } });
        await _fleet.UntilAsync(() => Free("seat") == 2);
        (await replica.Desk.DeleteAsync("seat", default)).ShouldBeNull();

        await _fleet.UntilAsync(() => _fleet.View.Kind("seat") is null && _fleet.View.Resources().Count == 0);
        for (var i = 0; i < 50; i++)
            await _fleet.PassAsync(TimeSpan.FromSeconds(1));
        _fleet.View.Kind("seat").ShouldBeNull();
    }

    [Fact]
    public async Task Instance_MadeWhileTheStoreForgetsIt_IsEndedWhenItStands()
    {
        await using var store = new ForgetfulStore(_fleet.Time);
        var boxes = new BoxKind();
        var (began, goes) = (Signal(), Signal());
        var replica = await _fleet.StartAsync("a", boxes: boxes, store: store);
        string? first = null;
        boxes.Making = async (resource, _) =>
        {
            if (Interlocked.CompareExchange(ref first, resource.Resource.Instance!.Id, null) is null)
            {
                began.SetResult();
                await goes.Task;
            }

            return null;
        };
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["box"] = new() { Capacity = 1, Warm = 1 } });
        await _fleet.UntilAsync(() => began.Task.IsCompleted);

        await store.ForgetAsync();
        await _fleet.UntilAsync(() => _fleet.View.Kind("box") is not null && _fleet.View.Resources("box").Count == 1);
        boxes.Destroyed.ShouldBeEmpty();
        goes.SetResult();

        await _fleet.UntilAsync(() => boxes.Destroyed.Contains(first!) && boxes.Standing.Count == 1 && Free("box") == 1);
        boxes.Standing.Keys.ShouldNotContain(first!);
    }

    [Fact]
    public async Task Instance_OfAGrantThatIsForgotten_IsEndedAndItsWorkerFindsNothing()
    {
        await using var store = new ForgetfulStore(_fleet.Time);
        var replica = await _fleet.StartAsync("a", store: store);
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["box"] = new() { Capacity = 1 } });
        await _fleet.UntilAsync(() => Free("box") == 1);
        var lease = (await AllocateAsync(replica, "box", TimeSpan.FromSeconds(30))).Lease.ShouldNotBeNull();
        var instance = replica.Boxes.Standing.Keys.Single();

        await store.ForgetAsync();
        await _fleet.UntilAsync(() => Free("box") == 1 && replica.Boxes.Standing.IsEmpty);
        replica.Boxes.Destroyed.ShouldContain(instance);
        (await DoneAsync(replica.Broker.RenewAsync(Asker, lease.Value.Id, lease.Value.FenceOf(lease.Version), null, default))).Error!.Status.ShouldBe(404);
        (await DoneAsync(replica.Broker.ReleaseAsync(Asker, lease.Value.Id, lease.Value.FenceOf(lease.Version), null, default)))!.Status.ShouldBe(404);
        (await AllocateAsync(replica, "box", TimeSpan.FromSeconds(30))).Lease.ShouldNotBeNull();
    }

    [Fact]
    public async Task Allocate_WaitingWhileTheStoreForgets_IsServedByWhatIsMadeAgain()
    {
        await using var store = new ForgetfulStore(_fleet.Time);
        var replica = await _fleet.StartAsync("a", store: store);
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 1, Aliases = ["chair"] } });
        await _fleet.UntilAsync(() => Free("seat") == 1);
        (await AllocateAsync(replica, "seat", TimeSpan.Zero)).Lease.ShouldNotBeNull();
        var waiting = Enumerable.Range(0, 3).Select(i => AskAsync(replica, "chair", TimeSpan.FromMinutes(30), $"w{i}")).ToList();
        await _fleet.UntilAsync(() => _fleet.View.Leases.Count(lease => lease.Value.State == LeaseState.Waiting) == 3);

        await store.ForgetAsync();
        // Nothing of that is a matter of time, and they are told that there is no such kind when too much of it has gone by.
        await Eventually.TrueAsync(() => _fleet.View.Kind("seat") is not null);

        for (var served = 0; served < 3; served++)
        {
            await _fleet.UntilAsync(() => waiting.Any(one => one.IsCompleted));
            var done = waiting.First(one => one.IsCompleted);
            waiting.Remove(done);
            var answer = await done;
            var lease = answer.Lease.ShouldNotBeNull(answer.Error?.Message);
            (await DoneAsync(replica.Broker.ReleaseAsync(Asker, lease.Value.Id, null, null, default))).ShouldBeNull();
        }
    }

    [Fact]
    public async Task Allocate_OfAForgottenKindThatIsNotMadeAgain_IsToldSoAfterAMoment()
    {
        await using var store = new ForgetfulStore(_fleet.Time);
        var replica = await _fleet.StartAsync("a", store: store);
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 1 });
        await _fleet.UntilAsync(() => Free("seat") == 1);
        await store.ForgetAsync();
        await _fleet.UntilAsync(() => _fleet.View.Kind("seat") is null);

        (await AllocateAsync(replica, "seat", TimeSpan.FromMinutes(1))).Error!.Code.ShouldBe("unknown_kind");
    }

    [Fact]
    public async Task Instance_WhoseDocumentOthersRemoved_IsEnded()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("box", new KindOptions { Capacity = 1, Warm = 1 });
        await _fleet.UntilAsync(() => Free("box") == 1 && replica.Boxes.Standing.Count == 1);
        var before = (await _fleet.ReadAsync("box.a.0"))!;

        (await _fleet.CommitAsync([new Write(LeaseDocuments.Resources + "box.a.0", before.Version, null)])).ShouldNotBeNull();

        await _fleet.UntilAsync(() => Free("box") == 1 && replica.Boxes.Standing.Count == 1 && !replica.Boxes.Standing.ContainsKey(before.Value.Instance!.Id));
        replica.Boxes.Destroyed.ShouldBe([before.Value.Instance!.Id]);
    }

    [Fact]
    public async Task Redis_ThatComesBackEmpty_HasItsKindsAgainAndNothingLeaks()
    {
        await using var redis = await RedisServer.StartAsync("--appendonly", "no");
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        var replica = await _fleet.StartAsync("a", store: store);
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 2 }, ["box"] = new() { Capacity = 2, Warm = 1 } });
        foreach (var flush in (bool[])[true, false])
        {
            await MovingAsync(() => Free("seat") == 2 && Free("box") == 2 && replica.Boxes.Standing.Count == 1);
            var before = replica.Boxes.Standing.Keys.Single();
            if (flush)
            {
                await redis.SayAsync("FLUSHALL");
            }
            else
            {
                await redis.KillAsync();
                await redis.StartAsync();
            }

            await MovingAsync(() => replica.Boxes.Standing.Count == 1 && !replica.Boxes.Standing.ContainsKey(before) && Free("seat") == 2 && Free("box") == 2);
            replica.Boxes.Destroyed.ShouldContain(before);
        }
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static Task<LeaseAnswer> AskAsync(UpkeepReplica replica, string kind, TimeSpan wait, string worker = "w") =>
        replica.Broker.AllocateAsync(Asker, new LeaseRequest { WorkerId = worker, Wait = wait, Asynchronous = false, Demands = [new LeaseDemand(kind, 1, null)] }, default);

    private Task<LeaseAnswer> AllocateAsync(UpkeepReplica replica, string kind, TimeSpan wait) => DoneAsync(AskAsync(replica, kind, wait));

    private async Task<T> DoneAsync<T>(Task<T> task)
    {
        await _fleet.UntilAsync(() => task.IsCompleted);
        return await task;
    }

    // A real server takes real time.
    private Task MovingAsync(Func<bool> condition) => Eventually.TrueAsync(async () =>
    {
        await _fleet.PassAsync(TimeSpan.FromMilliseconds(50));
        return condition();
    });

    private int Free(string kind) => _fleet.View.Resources(kind).Count(resource => resource.Value.State == ResourceState.Free);
}
