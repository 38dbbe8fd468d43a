using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

public sealed class BackgroundAdmissionTests
{
    private static readonly AdmissionTicket Batch = new(5, 0, Timeout.InfiniteTimeSpan, IsBackground: true);
    private static readonly AdmissionTicket Person = new(0, 0, Timeout.InfiniteTimeSpan);
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(8, 7)]
    [InlineData(16, 14)]
    [InlineData(80, 70)]
    public void TryEnter_InTheBackground_LeavesAnEighthFree(int limit, int background)
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = limit }, _time);
        var lane = gate.OpenLane("a");

        Enumerable.Range(0, limit + 1).Count(n => lane.TryEnter(Batch, out _)).ShouldBe(background);
        Enumerable.Range(0, limit + 1).Count(n => lane.TryEnter(Person, out _)).ShouldBe(limit - background);
    }

    [Fact]
    public void TryEnter_InTheBackground_LeavesATenthOfEachMinuteFree()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { RequestsPerMinute = 20, TokensPerMinute = 1000 }, _time);
        var lane = gate.OpenLane("a");

        Enumerable.Range(0, 30).Count(n => lane.TryEnter(Batch, out _)).ShouldBe(18);
        lane.TryEnter(Person with { Tokens = 900 }, out _).ShouldBeTrue();
        lane.TryEnter(Person with { Tokens = 100 }, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task EnterAsync_InTheBackground_WaitsWhileAnybodyElseDoes()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 4 }, _time, TimeSpan.FromSeconds(1));
        var free = gate.OpenLane("free");
        var paused = gate.OpenLane("paused");
        paused.Pause(TimeSpan.FromMinutes(5));
        var person = paused.EnterAsync(Person);
        var batch = free.EnterAsync(Batch with { Priority = 9 });

        // Neither its priority nor its age makes it overtake.
        _time.Advance(TimeSpan.FromMinutes(4));
        batch.IsCompleted.ShouldBeFalse();
        free.TryEnter(Person, out _).ShouldBeTrue();

        _time.Advance(TimeSpan.FromMinutes(1));
        (await person).IsAdmitted.ShouldBeTrue();
        (await batch).IsAdmitted.ShouldBeTrue();
    }

    [Fact]
    public async Task EnterAsync_QueueOfTheBackgroundIsFull_ShedsNobodyElseAndTakesNoneOfTheirPlaces()
    {
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 1, Queue = 2 }, _time);
        var lane = gate.OpenLane("a");
        lane.TryEnter(Person, out _).ShouldBeTrue();
        var waiting = Enumerable.Range(0, 2).Select(_ => lane.EnterAsync(Batch).AsTask()).ToList();

        var refused = await lane.EnterAsync(Batch);
        refused.Refusal?.Reason.ShouldBe(RefusalReason.QueueFull);
        waiting.AddRange(Enumerable.Range(0, 2).Select(_ => lane.EnterAsync(Person).AsTask()));
        (await lane.EnterAsync(Person)).Refusal?.Reason.ShouldBe(RefusalReason.QueueFull);
        var above = await lane.EnterAsync(Batch with { Priority = 9, Timeout = TimeSpan.Zero });
        above.Refusal?.Reason.ShouldBe(RefusalReason.Deadline);

        waiting.ShouldAllBe(task => !task.IsCompleted);
        (gate.Queued, gate.Snapshot().QueuedInBackground).ShouldBe((2, 2));
    }

    [Fact]
    public async Task Dispose_SomeWaitInTheBackground_AnswersThem()
    {
        var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 1 }, _time);
        var lane = gate.OpenLane("a");
        lane.TryEnter(Batch, out _).ShouldBeTrue();
        var waiting = lane.EnterAsync(Batch);
        gate.Dispose();

        (await waiting).Refusal?.Reason.ShouldBe(RefusalReason.Closed);
    }
}
