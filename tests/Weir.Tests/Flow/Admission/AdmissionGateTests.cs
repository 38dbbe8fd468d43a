using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

public sealed class AdmissionGateTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Watchdog = TimeSpan.FromMinutes(2);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TryEnter_RoomForOne_SecondOnlyAfterRelease()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        lane.TryEnter(Ticket(), out var permit).ShouldBeTrue();
        (lane.InFlight, gate.InFlight, lane.HasRoom).ShouldBe((1, 1, false));
        lane.TryEnter(Ticket(), out _).ShouldBeFalse();
        permit!.Release(AdmissionSignal.Success);
        lane.TryEnter(Ticket(), out _).ShouldBeTrue();
    }

    [Fact]
    public void Release_Twice_CountsOnce()
    {
        using var gate = Gate(2);
        var lane = gate.OpenLane("a");
        lane.TryEnter(Ticket(), out var first);
        lane.TryEnter(Ticket(), out _);
        first!.Release(AdmissionSignal.Success);
        first.Dispose();
        first.Release(AdmissionSignal.Throttled);
        gate.InFlight.ShouldBe(1);
    }

    [Fact]
    public async Task EnterAsync_NoRoom_WaitsAndSaysHowLong()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        var permit = Take(lane);
        var waiting = lane.EnterAsync(Ticket()).AsTask();
        waiting.IsCompleted.ShouldBeFalse();
        lane.Queued.ShouldBe(1);
        lane.Load.ShouldBe(2);
        _time.Advance(TimeSpan.FromSeconds(3));
        permit.Release(AdmissionSignal.Success);
        (await Admitted(waiting)).Waited.ShouldBe(TimeSpan.FromSeconds(3));
        (lane.Queued, lane.InFlight).ShouldBe((0, 1));
    }

    [Fact]
    public async Task EnterAsync_SeveralWait_HighestPriorityThenArrival()
    {
        using var gate = Gate(1);
        var (one, other) = (gate.OpenLane("one"), gate.OpenLane("other"));
        var order = await OrderOf(
            Take(one),
            ("low", one, Ticket(1)),
            ("middle", other, Ticket(5)),
            ("high", one, Ticket(9)),
            ("middle, later", one, Ticket(5)),
            ("middle, latest", other, Ticket(5)));
        order.ShouldBe(["high", "middle", "middle, later", "middle, latest", "low"]);
    }

    [Fact]
    public async Task EnterAsync_WaitedLongEnough_CountsAsPriority()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 1 }, _time, ageing: TimeSpan.FromSeconds(5));
        var lane = gate.OpenLane("a");
        var permit = Take(lane);
        var old = lane.EnterAsync(Ticket(3)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(10.1));
        var young = lane.EnterAsync(Ticket(5)).AsTask();
        var urgent = lane.EnterAsync(Ticket(6)).AsTask();
        permit.Dispose();
        (await Admitted(urgent)).Dispose();
        (await Admitted(old)).Dispose();
        (await Admitted(young)).Dispose();
    }

    [Fact]
    public async Task EnterAsync_NoAgeing_PriorityAloneDecides()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 1 }, _time, Timeout.InfiniteTimeSpan);
        var lane = gate.OpenLane("a");
        var permit = Take(lane);
        var old = lane.EnterAsync(Ticket(3) with { Timeout = Timeout.InfiniteTimeSpan }).AsTask();
        _time.Advance(TimeSpan.FromDays(100));
        var young = lane.EnterAsync(Ticket(4)).AsTask();
        permit.Dispose();
        (await Admitted(young)).Dispose();
        (await Admitted(old)).Dispose();
    }

    [Fact]
    public async Task EnterAsync_AtHead_BeforeItsPriorityBehindHigherAndAmongItselfByArrival()
    {
        using var gate = Gate(1);
        var (one, other) = (gate.OpenLane("one"), gate.OpenLane("other"));
        var order = await OrderOf(
            Take(one),
            ("new", one, Ticket()),
            ("high", one, Ticket(9)),
            ("back", other, Ticket() with { AtHead = true }),
            ("back, later", one, Ticket() with { AtHead = true }));
        order.ShouldBe(["high", "back", "back, later", "new"]);
    }

    [Fact]
    public async Task EnterAsync_LaneWithoutRoom_DoesNotHoldUpOthers()
    {
        using var gate = Gate(2);
        var narrow = gate.OpenLane("narrow", new AdmissionLimits { MaxConcurrency = 1 });
        var wide = gate.OpenLane("wide");
        using var taken = Take(narrow);
        var blocked = narrow.EnterAsync(Ticket(9)).AsTask();
        narrow.HasRoom.ShouldBeFalse();
        wide.HasRoom.ShouldBeTrue();
        wide.TryEnter(Ticket(0), out var permit).ShouldBeTrue();
        var queued = wide.EnterAsync(Ticket(0)).AsTask();
        permit!.Dispose();
        await Admitted(queued);
        blocked.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public void TryEnter_OthersWaitForTheGate_DoesNotOvertakeUnlessItRanksBefore()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var (one, other) = (gate.OpenLane("one"), gate.OpenLane("other"));
        Take(one, tokens: 80);
        var big = one.EnterAsync(Ticket(5, tokens: 50)).AsTask();
        other.TryEnter(Ticket(5, tokens: 10), out _).ShouldBeFalse();
        one.TryEnter(Ticket(5, tokens: 10), out _).ShouldBeFalse();
        other.TryEnter(Ticket(6, tokens: 10), out _).ShouldBeTrue();
        big.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task TryEnter_NewcomerFillsTheLaneOfTheFirst_LetsOtherLanesPass()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var (narrow, wide) = (gate.OpenLane("narrow", new AdmissionLimits { MaxConcurrency = 1 }), gate.OpenLane("wide"));
        Take(wide, tokens: 100);
        var first = narrow.EnterAsync(Ticket(8, tokens: 10)).AsTask();
        var behind = wide.EnterAsync(Ticket(5)).AsTask();
        narrow.TryEnter(Ticket(9), out _).ShouldBeTrue();
        await Admitted(behind);
        first.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task EnterAsync_NewcomerBecomesAFirstThatItsLaneCannotTake_LetsOtherLanesPass()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var (narrow, wide) = (gate.OpenLane("narrow", new AdmissionLimits { TokensPerMinute = 20 }), gate.OpenLane("wide"));
        Take(wide, tokens: 90);
        Take(narrow, tokens: 5);
        var first = narrow.EnterAsync(Ticket(8, tokens: 10)).AsTask();
        var behind = wide.EnterAsync(Ticket(5)).AsTask();
        behind.IsCompleted.ShouldBeFalse();
        var newcomer = narrow.EnterAsync(Ticket(9, tokens: 19)).AsTask();
        await Admitted(behind);
        (first.IsCompleted, newcomer.IsCompleted).ShouldBe((false, false));
    }

    [Fact]
    public async Task EnterAsync_QueueFull_RefusesEqualsAndShedsTheYoungestOfTheLowest()
    {
        using var gate = Gate(1, queue: 3);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var oldest = lane.EnterAsync(Ticket(2)).AsTask();
        var youngest = lane.EnterAsync(Ticket(2)).AsTask();
        var higher = lane.EnterAsync(Ticket(4)).AsTask();
        (await Refused(lane.EnterAsync(Ticket(2)).AsTask())).Reason.ShouldBe(RefusalReason.QueueFull);
        var newcomer = lane.EnterAsync(Ticket(9)).AsTask();
        var refusal = await Refused(youngest);
        refusal.Reason.ShouldBe(RefusalReason.Shed);
        refusal.RetryAfter.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
        gate.Queued.ShouldBe(3);
        (oldest.IsCompleted, higher.IsCompleted, newcomer.IsCompleted).ShouldBe((false, false, false));
    }

    [Fact]
    public async Task EnterAsync_QueueFullAtHead_ShedsANewOneOfItsPriority()
    {
        using var gate = Gate(1, queue: 1);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var young = lane.EnterAsync(Ticket()).AsTask();
        var back = lane.EnterAsync(Ticket() with { AtHead = true }).AsTask();
        (await Refused(young)).Reason.ShouldBe(RefusalReason.Shed);
        (await Refused(lane.EnterAsync(Ticket() with { AtHead = true }).AsTask())).Reason.ShouldBe(RefusalReason.QueueFull);
        back.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task EnterAsync_LaneQueueFull_ShedsOnlyWithinTheLane()
    {
        using var gate = Gate(1);
        var narrow = gate.OpenLane("narrow", new AdmissionLimits { Queue = 1 });
        var wide = gate.OpenLane("wide");
        using var taken = Take(wide);
        var inWide = wide.EnterAsync(Ticket(0)).AsTask();
        var inNarrow = narrow.EnterAsync(Ticket(3)).AsTask();
        (await Refused(narrow.EnterAsync(Ticket(3)).AsTask())).Reason.ShouldBe(RefusalReason.QueueFull);
        var higher = narrow.EnterAsync(Ticket(4)).AsTask();
        (await Refused(inNarrow)).Reason.ShouldBe(RefusalReason.Shed);
        (inWide.IsCompleted, higher.IsCompleted).ShouldBe((false, false));
    }

    [Fact]
    public async Task EnterAsync_QueueOfZero_RefusesAtOnce()
    {
        using var gate = Gate(1, queue: 0);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var refusal = await Refused(lane.EnterAsync(Ticket(9)).AsTask());
        refusal.ShouldBe(new AdmissionRefusal(RefusalReason.QueueFull, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task EnterAsync_DeadlinePasses_RefusedAtThatMoment()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var waiting = lane.EnterAsync(Ticket() with { Timeout = TimeSpan.FromSeconds(2) }).AsTask();
        var patient = lane.EnterAsync(Ticket()).AsTask();
        _time.NextTimer.ShouldBe(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        (await Refused(waiting)).Reason.ShouldBe(RefusalReason.Deadline);
        (gate.Queued, patient.IsCompleted).ShouldBe((1, false));
    }

    [Fact]
    public async Task EnterAsync_NoTimeLeft_EntersNowOrNotAtAll()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        var ticket = Ticket() with { Timeout = TimeSpan.Zero };
        (await lane.EnterAsync(ticket)).IsAdmitted.ShouldBeTrue();
        (await Refused(lane.EnterAsync(ticket).AsTask())).Reason.ShouldBe(RefusalReason.Deadline);
        gate.Queued.ShouldBe(0);
    }

    [Fact]
    public async Task EnterAsync_Cancelled_LeavesAtOnce()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        using var cancellation = new CancellationTokenSource();
        var waiting = lane.EnterAsync(Ticket(), cancellation.Token).AsTask();
        cancellation.Cancel();
        gate.Queued.ShouldBe(0);
        (await Should.ThrowAsync<OperationCanceledException>(waiting)).CancellationToken.ShouldBe(cancellation.Token);
        await Should.ThrowAsync<OperationCanceledException>(lane.EnterAsync(Ticket(), cancellation.Token).AsTask());
        gate.Snapshot().Totals.Cancelled.ShouldBe(1);
    }

    [Fact]
    public async Task EnterAsync_TheOneInFrontCancels_LetsTheNextIn()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var lane = gate.OpenLane("a");
        Take(lane, tokens: 50);
        using var cancellation = new CancellationTokenSource();
        var big = lane.EnterAsync(Ticket(tokens: 60), cancellation.Token).AsTask();
        var small = lane.EnterAsync(Ticket(tokens: 50)).AsTask();
        small.IsCompleted.ShouldBeFalse();
        cancellation.Cancel();
        await Admitted(small);
        await Should.ThrowAsync<OperationCanceledException>(big);
    }

    [Fact]
    public async Task EnterAsync_RequestsPerMinuteUsedUp_WaitsForTheMinute()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { RequestsPerMinute = 2 }, _time);
        var lane = gate.OpenLane("a");
        Take(lane).Dispose();
        _time.Advance(TimeSpan.FromSeconds(20));
        Take(lane).Dispose();
        lane.HasRoom.ShouldBeFalse();
        var third = lane.EnterAsync(Ticket()).AsTask();
        _time.Advance(TimeSpan.FromSeconds(39));
        third.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        (await Admitted(third)).Waited.ShouldBe(TimeSpan.FromSeconds(40));
    }

    [Fact]
    public async Task EnterAsync_LaneTokensUsedUp_OthersGoOn()
    {
        using var gate = Gate(10);
        var narrow = gate.OpenLane("narrow", new AdmissionLimits { TokensPerMinute = 100 });
        var wide = gate.OpenLane("wide");
        Take(narrow, tokens: 100).Dispose();
        narrow.HasRoom.ShouldBeFalse();
        var waiting = narrow.EnterAsync(Ticket(9, tokens: 1)).AsTask();
        Take(wide, tokens: 1000).Dispose();
        _time.Advance(TimeSpan.FromSeconds(60));
        await Admitted(waiting);
    }

    [Fact]
    public async Task Release_FewerTokensThanEstimated_LetsTheNextIn()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var lane = gate.OpenLane("a");
        var permit = Take(lane, tokens: 90);
        var waiting = lane.EnterAsync(Ticket(tokens: 60)).AsTask();
        permit.Release(AdmissionSignal.Success, actualTokens: 30);
        (await Admitted(waiting)).Release(AdmissionSignal.Success, actualTokens: 200);
        gate.Snapshot().TokensLastMinute.ShouldBe(230);
        lane.TryEnter(Ticket(tokens: 1), out _).ShouldBeFalse();
    }

    [Fact]
    public async Task EnterAsync_MoreTokensThanTheLimit_AdmittedOnceTheWindowIsEmpty()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { TokensPerMinute = 100 }, _time);
        var lane = gate.OpenLane("a");
        Take(lane, tokens: 1).Dispose();
        var huge = lane.EnterAsync(Ticket(tokens: 5000)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(59));
        huge.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        await Admitted(huge);
    }

    [Fact]
    public async Task Pause_Lane_NobodyEntersUntilItsEndAndOthersDo()
    {
        using var gate = Gate(10);
        var (paused, other) = (gate.OpenLane("paused"), gate.OpenLane("other"));
        paused.Pause(TimeSpan.FromSeconds(5));
        paused.PausedFor.ShouldBe(TimeSpan.FromSeconds(5));
        paused.HasRoom.ShouldBeFalse();
        paused.TryEnter(Ticket(), out _).ShouldBeFalse();
        Take(other).Dispose();
        var waiting = paused.EnterAsync(Ticket()).AsTask();
        paused.Pause(TimeSpan.FromSeconds(3));
        paused.PausedFor.ShouldBe(TimeSpan.FromSeconds(5));
        paused.Pause(TimeSpan.FromSeconds(8));
        _time.Advance(TimeSpan.FromSeconds(7));
        waiting.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        await Admitted(waiting);
        paused.PausedFor.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Pause_PastADeadline_RefusesAtOnceWhoWaitsAndWhoComes()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var hasty = lane.EnterAsync(Ticket() with { Timeout = TimeSpan.FromSeconds(10) }).AsTask();
        var patient = lane.EnterAsync(Ticket()).AsTask();
        lane.Pause(TimeSpan.FromSeconds(90));
        (await Refused(hasty)).ShouldBe(new AdmissionRefusal(RefusalReason.Paused, TimeSpan.FromSeconds(90)));
        patient.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(30));
        var late = await Refused(lane.EnterAsync(Ticket() with { Timeout = TimeSpan.FromSeconds(59) }).AsTask());
        late.ShouldBe(new AdmissionRefusal(RefusalReason.Paused, TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Resume_Paused_LetsWaitersInAtOnce()
    {
        using var gate = Gate(10);
        var lane = gate.OpenLane("a");
        lane.Pause(TimeSpan.FromSeconds(60));
        var waiting = lane.EnterAsync(Ticket()).AsTask();
        lane.Resume();
        await Admitted(waiting);
    }

    [Fact]
    public async Task Reconfigure_HigherCap_LetsWaitersInAtOnce()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a", new AdmissionLimits { MaxConcurrency = 2 });
        using var taken = Take(lane);
        var waiting = Enumerable.Range(0, 3).Select(_ => lane.EnterAsync(Ticket()).AsTask()).ToList();
        gate.Reconfigure(new AdmissionLimits { MaxConcurrency = 3 });
        await Admitted(waiting[0]);
        waiting[1].IsCompleted.ShouldBeFalse();
        lane.Reconfigure(null);
        await Admitted(waiting[1]);
        waiting[2].IsCompleted.ShouldBeFalse();
        (gate.InFlight, lane.Limit).ShouldBe((3, 3));
    }

    [Fact]
    public void Reconfigure_LowerCap_KeepsWhatIsInFlight()
    {
        using var gate = Gate(3);
        var lane = gate.OpenLane("a");
        var permits = Enumerable.Range(0, 3).Select(_ => Take(lane)).ToList();
        gate.Reconfigure(new AdmissionLimits { MaxConcurrency = 1 });
        gate.InFlight.ShouldBe(3);
        permits[0].Dispose();
        permits[1].Dispose();
        lane.TryEnter(Ticket(), out _).ShouldBeFalse();
        permits[2].Dispose();
        lane.TryEnter(Ticket(), out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Dispose_Lane_RefusesItsWaitersAndLetsOthersPass()
    {
        using var gate = Gate(1);
        var (closing, open) = (gate.OpenLane("closing"), gate.OpenLane("open"));
        var permit = Take(closing);
        var inClosing = closing.EnterAsync(Ticket(9)).AsTask();
        var inOpen = open.EnterAsync(Ticket()).AsTask();
        closing.Dispose();
        (await Refused(inClosing)).Reason.ShouldBe(RefusalReason.Closed);
        (await Refused(closing.EnterAsync(Ticket()).AsTask())).Reason.ShouldBe(RefusalReason.Closed);
        closing.TryEnter(Ticket(), out _).ShouldBeFalse();
        gate.InFlight.ShouldBe(1);
        permit.Dispose();
        await Admitted(inOpen);
        gate.Snapshot().Lanes.Select(lane => lane.Name).ShouldBe(["open"]);
    }

    [Fact]
    public async Task Dispose_Gate_RefusesAllAndPermitsStillReturn()
    {
        var gate = Gate(1);
        var lane = gate.OpenLane("a");
        var permit = Take(lane);
        var waiting = lane.EnterAsync(Ticket()).AsTask();
        gate.Dispose();
        gate.Dispose();
        (await Refused(waiting)).Reason.ShouldBe(RefusalReason.Closed);
        (await Refused(gate.OpenLane("late").EnterAsync(Ticket()).AsTask())).Reason.ShouldBe(RefusalReason.Closed);
        permit.Dispose();
        gate.InFlight.ShouldBe(0);
        _time.ArmedTimers.ShouldBe(0);
    }

    [Fact]
    public async Task RetryAfter_KnownRateOfCompletion_IsTheTimeThatTheQueueWillTake()
    {
        using var gate = Gate(1, queue: 19);
        var lane = gate.OpenLane("a");
        for (var i = 0; i < 50; i++)
        {
            var permit = Take(lane);
            _time.Advance(TimeSpan.FromSeconds(0.5));
            permit.Dispose();
        }
        using var taken = Take(lane);
        for (var i = 0; i < 19; i++)
            _ = lane.EnterAsync(Ticket()).AsTask();
        var refusal = await Refused(lane.EnterAsync(Ticket()).AsTask());
        refusal.RetryAfter.ShouldBeInRange(TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(12));
    }

    [Fact]
    public async Task RetryAfter_NothingCompletes_GrowsWithTheSilenceUpToAMinute()
    {
        using var gate = Gate(1, queue: 0);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        _time.Advance(TimeSpan.FromSeconds(20));
        (await Refused(lane.EnterAsync(Ticket()).AsTask())).RetryAfter.ShouldBe(TimeSpan.FromSeconds(20));
        _time.Advance(TimeSpan.FromHours(1));
        (await Refused(lane.EnterAsync(Ticket()).AsTask())).RetryAfter.ShouldBe(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task RetryAfter_MinuteUsedUp_IsUntilThereIsRoomInIt()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { RequestsPerMinute = 2, Queue = 0 }, _time);
        var lane = gate.OpenLane("a");
        Take(lane).Dispose();
        _time.Advance(TimeSpan.FromSeconds(5));
        Take(lane).Dispose();
        (await Refused(lane.EnterAsync(Ticket()).AsTask())).ShouldBe(new AdmissionRefusal(RefusalReason.QueueFull, TimeSpan.FromSeconds(55)));
    }

    [Fact]
    public async Task Throttled_ManyWait_TheWorkingLimitFallsAndNobodyEntersAboveIt()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 80, StartConcurrency = 8 }, _time);
        var lane = gate.OpenLane("a");
        var permits = Enumerable.Range(0, 8).Select(_ => Take(lane)).ToList();
        var waiting = lane.EnterAsync(Ticket()).AsTask();
        foreach (var permit in permits.Take(4))
            permit.Release(AdmissionSignal.Throttled);
        (gate.Limit, gate.InFlight).ShouldBe((4, 4));
        waiting.IsCompleted.ShouldBeFalse();
        permits[4].Release(AdmissionSignal.Success);
        await Admitted(waiting);
    }

    [Fact]
    public void Snapshot_Traffic_ShowsIt()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 5, RequestsPerMinute = 50, TokensPerMinute = 500 }, _time);
        var lane = gate.OpenLane("a", new AdmissionLimits { MaxConcurrency = 1 });
        Take(lane, tokens: 70);
        _ = lane.EnterAsync(Ticket()).AsTask();
        lane.Pause(TimeSpan.FromSeconds(4));
        var snapshot = gate.Snapshot();
        (snapshot.InFlight, snapshot.Queued, snapshot.Limit, snapshot.RequestsLastMinute, snapshot.TokensLastMinute).ShouldBe((1, 1, 5, 1L, 70L));
        snapshot.Lanes.ShouldBe([new AdmissionLaneSnapshot("a", 1, 1, 1, 0, 0, TimeSpan.FromSeconds(4))]);
        snapshot.Totals.Admitted.ShouldBe(1);
    }

    [Fact]
    public async Task EnterAsync_PriorityAndTokensOutOfRange_AreClamped()
    {
        using var gate = Gate(1);
        var lane = gate.OpenLane("a");
        using var taken = Take(lane);
        var low = lane.EnterAsync(Ticket(-7, tokens: -3)).AsTask();
        var high = lane.EnterAsync(Ticket(99)).AsTask();
        taken.Dispose();
        (await Admitted(high)).Dispose();
        (await Admitted(low)).Dispose();
    }

    [Fact]
    public void Constructor_ImpossibleLimits_Throws()
    {
        AdmissionLimits[] impossible =
        [
            new() { MaxConcurrency = 0 },
            new() { StartConcurrency = 0 },
            new() { RequestsPerMinute = 0 },
            new() { TokensPerMinute = -1 },
            new() { Queue = -1 },
            new() { LatencyTarget = TimeSpan.Zero },
        ];
        foreach (var limits in impossible)
            Should.Throw<ArgumentOutOfRangeException>(() => new AdmissionGate(limits, _time));
        Should.Throw<ArgumentOutOfRangeException>(() => new AdmissionGate(new AdmissionLimits(), _time, TimeSpan.Zero));
    }

    private static AdmissionTicket Ticket(int priority = 5, int tokens = 0) => new(priority, tokens, Long);

    private static AdmissionPermit Take(AdmissionLane lane, int tokens = 0)
    {
        lane.TryEnter(Ticket(tokens: tokens), out var permit).ShouldBeTrue();
        return permit!;
    }

    private static async Task<AdmissionPermit> Admitted(Task<AdmissionResult> entering)
    {
        var result = await entering.WaitAsync(Watchdog);
        result.Refusal.ShouldBeNull();
        return result.Permit!;
    }

    private static async Task<AdmissionRefusal> Refused(Task<AdmissionResult> entering)
    {
        var result = await entering.WaitAsync(Watchdog);
        result.Permit.ShouldBeNull();
        return result.Refusal!.Value;
    }

    /// <summary>Queues all behind a permit, then lets them through one at a time.</summary>
    private static async Task<List<string>> OrderOf(AdmissionPermit first, params (string Name, AdmissionLane Lane, AdmissionTicket Ticket)[] entrants)
    {
        var waiting = entrants.Select(e => (e.Name, Entering: e.Lane.EnterAsync(e.Ticket).AsTask())).ToList();
        var order = new List<string>();
        var permit = first;
        while (waiting.Count > 0)
        {
            permit.Dispose();
            var entered = await Task.WhenAny(waiting.Select(w => w.Entering)).WaitAsync(Watchdog);
            var next = waiting.Single(w => w.Entering == entered);
            waiting.Remove(next);
            order.Add(next.Name);
            permit = await Admitted(next.Entering);
        }
        permit.Dispose();
        return order;
    }

    private AdmissionGate Gate(int concurrency, int queue = 1000) =>
        new(new AdmissionLimits { MaxConcurrency = concurrency, Queue = queue }, _time);
}
