using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Doors;

public sealed class DoorTrafficTests : IAsyncDisposable
{
    private readonly DoorFixture _it = new();

    public ValueTask DisposeAsync() => _it.DisposeAsync();

    [Fact]
    public async Task Pass_UntilTheEnd_IsCutThenAndNotBefore()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromSeconds(10));

        await _it.Time.PassAsync(TimeSpan.FromMilliseconds(9_900));
        passage.Cut.IsCancellationRequested.ShouldBeFalse();
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested, TimeSpan.FromMilliseconds(1_100));

        passage.Error!.Code.ShouldBe("lease_ended");
        _it.Time.Elapsed.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Renew_BeforeTheEnd_PutsTheCutOff()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromSeconds(10));
        await _it.Time.PassAsync(TimeSpan.FromSeconds(9));
        await _it.Fleet.RenewAsync("l1", _it.Inner.Clock.Now + TimeSpan.FromSeconds(10));
        await _it.Fleet.ReadAllAsync();

        await _it.Time.PassAsync(TimeSpan.FromSeconds(9));
        passage.Cut.IsCancellationRequested.ShouldBeFalse();
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested, TimeSpan.FromSeconds(2));
        _it.Time.Elapsed.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(19));
    }

    [Theory]
    [InlineData(false, "lease_ended")]
    [InlineData(true, "resource_quarantined")]
    public async Task End_WhileRequestsAreUnderWay_CutsThoseOfThatResourceAlone(bool isTaken, string code)
    {
        using var first = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1));
        using var second = await _it.PassAsync("rag.1", "l2", TimeSpan.FromHours(1));

        await (isTaken ? _it.Fleet.TakeAsync("rag.0", "l1", isLast: true, "rag.0 was taken out of use", "smells") : _it.Fleet.EndAsync("rag.0", "l1"));
        await WhenCutAsync(first);

        first.Error!.Code.ShouldBe(code);
        second.Cut.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task Pass_OfWhatHasEndedSinceTheCheck_IsCutAtOnce()
    {
        var fence = await _it.Fleet.GrantAsync("rag.0", "l1");
        var entry = await _it.EnterAsync("rag.0", _it.Doors.TokenOf("rag.0", "l1", fence));
        await _it.Fleet.EndAsync("rag.0", "l1");
        await _it.Fleet.ReadAllAsync();

        using var passage = _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use)!;

        await WhenCutAsync(passage);
    }

    [Fact]
    public async Task KeyRevoked_WhileRequestsAreUnderWay_CutsThoseOfItsLeasesAtOnceAndNoOthers()
    {
        using var first = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1), "gone");
        using var second = await _it.PassAsync("rag.1", "l2", TimeSpan.FromHours(1), "gone");
        using var other = await _it.PassAsync("rag.2", "l3", TimeSpan.FromHours(1), "stays");

        // Time stands: what has changed is looked at because it has changed.
        _it.Keys.Revoke("gone");
        await WhenCutAsync(first);
        await WhenCutAsync(second);

        (first.Error!.Code, second.Error!.Code).ShouldBe(("key_revoked", "key_revoked"));
        await _it.Time.PassAsync(TimeSpan.FromSeconds(3));
        other.Cut.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task KeyExpired_WhichNothingTells_IsSeenWithinASecond()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1), "gone");
        await _it.Time.PassAsync(TimeSpan.FromSeconds(3));
        passage.Cut.IsCancellationRequested.ShouldBeFalse();

        _it.Keys.Expire("gone");

        // What a clock moved by hand does to the watch takes a turn or two to come about.
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested, TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task KeyRevoked_SinceTheCheckOfTheDoor_IsCutAtOnce()
    {
        var fence = await _it.Fleet.GrantAsync("rag.0", "l1", key: "gone");
        var entry = await _it.EnterAsync("rag.0", _it.Doors.TokenOf("rag.0", "l1", fence));
        _it.Keys.Expire("gone");

        using var passage = _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use)!;

        await WhenCutAsync(passage);
    }

    [Fact]
    public async Task KeyRevoked_WhileReplicasPrepareForEachOther_CutsNothingOfThat()
    {
        using var use = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1), "gone");
        var entry = await _it.EnterAsync("rag.0", _it.Doors.TokenOf("rag.0", "l1", _it.Fleet.Resource("rag.0")!.Version));
        using var preparing = _it.Traffic.Pass(entry.Resource!, DoorPurpose.Prepare)!;

        _it.Keys.Revoke("gone");
        await WhenCutAsync(use);
        await _it.Time.PassAsync(TimeSpan.FromSeconds(3));
        preparing.Cut.IsCancellationRequested.ShouldBeFalse();

        await _it.Fleet.EndAsync("rag.0", "l1");
        await WhenCutAsync(preparing);
    }

    [Fact]
    public async Task End_AfterWaitsThatWereGivenUp_IsSeenWithoutAnyMoreTime()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1));
        // Each second a wait is given up. None of them may take the change that comes afterwards from the wait that stands then.
        for (var i = 0; i < 5; i++)
        {
            await Eventually.TrueAsync(() => _it.Time.NextTimer == TimeSpan.FromSeconds(1));
            _it.Time.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.TrueAsync(() => _it.Time.NextTimer == TimeSpan.FromSeconds(1));
        await _it.Fleet.EndAsync("rag.0", "l1");
        await WhenCutAsync(passage);
        _it.Time.Elapsed.ShouldBe(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task FeedBehind_WhileRequestsAreUnderWay_CutsThemAll()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1));
        await _it.Time.PassAsync(TimeSpan.FromSeconds(10));
        passage.Cut.IsCancellationRequested.ShouldBeFalse();

        _it.Fleet.Hold();
        await _it.Fleet.EndAsync("rag.0", "l1");
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested, TimeSpan.FromSeconds(6));

        passage.Error!.Code.ShouldBe("feed_behind");
        _it.Fleet.Go();
    }

    [Fact]
    public async Task StoreAway_WhileRequestsAreUnderWay_CutsNothingBeforeTheEnd()
    {
        using var passage = await _it.PassAsync("rag.0", "l1", TimeSpan.FromSeconds(30));
        _it.Store.IsAway = true;

        await _it.Time.PassAsync(TimeSpan.FromSeconds(29));
        passage.Cut.IsCancellationRequested.ShouldBeFalse();
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested);
    }

    [Fact]
    public async Task Pass_MoreThanTheBound_IsRefusedUntilOneLeaves()
    {
        var first = await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1));
        var entry = await _it.EnterAsync("rag.0", _it.Doors.TokenOf("rag.0", "l1", _it.Fleet.Resource("rag.0")!.Version));
        var others = Enumerable.Range(1, DoorTraffic.MostAtOnce - 1).Select(_ => _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use)!).ToList();

        _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use).ShouldBeNull();
        first.Dispose();
        first.Dispose();
        using var again = _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use).ShouldNotBeNull();
        _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use).ShouldBeNull();
        others.ForEach(passage => passage.Dispose());
        _it.Traffic.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Watch_WhenAllHaveLeft_StopsAndBeginsAgain()
    {
        (await _it.PassAsync("rag.0", "l1", TimeSpan.FromHours(1))).Dispose();
        await _it.Time.UntilAsync(() => _it.Time.ArmedTimers == 0);
        var asked = _it.Store.Asked;
        await _it.Time.PassAsync(TimeSpan.FromSeconds(10));
        _it.Store.Asked.ShouldBe(asked);

        using var passage = await _it.PassAsync("rag.1", "l2", TimeSpan.FromSeconds(5));
        await _it.Time.UntilAsync(() => passage.Cut.IsCancellationRequested);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20261121)]
    [InlineData(77)]
    public async Task Schedule_OfGrantsReleasesAndRequests_NeverLeavesOneBehindOpen(int seed)
    {
        var random = new Random(seed);
        var open = new List<(string Resource, string Lease, DoorPassage Passage)>();
        var held = new Dictionary<string, (string Lease, long Fence)>();
        for (var step = 0; step < 300; step++)
        {
            var resource = $"rag.{random.Next(4)}";
            switch (random.Next(4))
            {
                case 0 when !held.ContainsKey(resource):
                    held[resource] = ($"l{step}", await _it.Fleet.GrantAsync(resource, $"l{step}", TimeSpan.FromHours(1)));
                    break;
                case 1 when held.Remove(resource, out var given):
                    await _it.Fleet.EndAsync(resource, given.Lease);
                    break;
                case 2 when open.Count > 0:
                    var leaving = open[random.Next(open.Count)];
                    open.Remove(leaving);
                    leaving.Passage.Dispose();
                    break;
                case 3 when held.TryGetValue(resource, out var mine):
                    var entry = await _it.EnterAsync(resource, _it.Doors.TokenOf(resource, mine.Lease, mine.Fence));
                    entry.Error.ShouldBeNull($"seed {seed}, step {step}");
                    open.Add((resource, mine.Lease, _it.Traffic.Pass(entry.Resource!, DoorPurpose.Use)!));
                    break;
            }
        }

        await _it.Fleet.ReadAllAsync();
        foreach (var (resource, lease, passage) in open)
        {
            if (held.TryGetValue(resource, out var now) && now.Lease == lease)
                passage.Cut.IsCancellationRequested.ShouldBeFalse($"seed {seed}");
            else
                await WhenCutAsync(passage);
        }

        foreach (var (_, _, passage) in open)
            passage.Dispose();
        _it.Traffic.Count.ShouldBe(0);
    }

    private static async Task WhenCutAsync(DoorPassage passage)
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = passage.Cut.Register(() => cut.TrySetResult());
        await cut.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }
}
