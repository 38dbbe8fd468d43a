using Microsoft.Extensions.DependencyInjection;
using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;

namespace Weir.Tests.Leases.Upkeep;

public sealed class FirstMakingTests : IAsyncDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly UpkeepFleet _fleet = new();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Made_JustAfterTheStart_WaitsForWhatIsConfigured()
    {
        var replica = await StartAsync(Long);
        replica.Configured.Apply(new Dictionary<string, KindOptions>
        {
            ["seat"] = new() { Capacity = 3 }, ["box"] = new() { Capacity = 2 }, ["cell"] = new() { Capacity = 1 }, ["nope"] = new() { Capacity = 1 },
        });

        var made = replica.Desk.MadeAsync(default).AsTask();
        await _fleet.UntilAsync(() => made.IsCompleted);

        await made;
        replica.Desk.Status().Select(kind => (kind.Name, kind.Total)).ShouldBe([("box", 2), ("cell", 1), ("seat", 3)]);
        replica.Configured.Faults.Keys.ShouldBe(["nope"], "what cannot be made is not waited for");
    }

    [Fact]
    public async Task Made_KindThatThisReplicaCannotHave_IsNotWaitedFor()
    {
        var replica = await StartAsync(Long, new BoxKind { Missing = new LeaseError(503, "unavailable", "no room") });
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["box"] = new() { Capacity = 2 } });

        var made = replica.Desk.MadeAsync(default).AsTask();
        await _fleet.UntilAsync(() => made.IsCompleted);

        await made;
        (replica.Desk.Status().ShouldHaveSingleItem().Total, replica.Desk.Unable("box")!.Code).ShouldBe((0, "unavailable"));
    }

    [Fact]
    public async Task Made_WhatTakesLonger_IsWaitedForOnceForItsTimeAndNeverAfterwards()
    {
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var boxes = new BoxKind { Answering = answer.Task };
        var replica = await StartAsync(new UpkeepLimits().ShownWithin, boxes);
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["box"] = new() { Capacity = 2 } });

        var began = _fleet.Time.Elapsed;
        var made = replica.Desk.MadeAsync(default).AsTask();
        await _fleet.UntilAsync(() => made.IsCompleted);
        await made;
        (_fleet.Time.Elapsed - began).ShouldBeGreaterThanOrEqualTo(TimeSpan.FromMilliseconds(500));
        replica.View.Resources("box").ShouldBeEmpty();

        answer.SetResult();
        await _fleet.UntilAsync(() => replica.View.Resources("box").Count == 2);
        replica.Desk.MadeAsync(default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        boxes.Answering = new TaskCompletionSource().Task;
        await _fleet.PutKindAsync("box:late", new KindOptions { Capacity = 1, Program = "another" });
        replica.Desk.MadeAsync(default).AsTask().IsCompletedSuccessfully.ShouldBeTrue("it is no start any more");
    }

    private Task<UpkeepReplica> StartAsync(TimeSpan shownWithin, BoxKind? boxes = null) =>
        _fleet.StartAsync("a", boxes: boxes, configure: services => services.AddSingleton(new UpkeepLimits { ShownWithin = shownWithin }));
}
