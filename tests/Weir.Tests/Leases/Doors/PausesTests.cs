using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Doors;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Doors;

public sealed class PausesTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _manual = new();
    private readonly StoppingTime _time;
    private readonly MemoryStateStore _inner;
    private readonly WatchedStore _store;
    private readonly StoredFleet _fleet;
    private readonly Pauses _pauses;
    private readonly FeedFreshness _freshness;

    public PausesTests()
    {
        _time = new StoppingTime(_manual);
        _inner = new MemoryStateStore(new StateOptions(), _manual);
        _store = new WatchedStore(_inner);
        _fleet = new StoredFleet(_inner, _manual);
        _pauses = new Pauses(_time);
        _freshness = new FeedFreshness(_store, StoredFleet.Partition, _fleet, _time, NullLogger<FeedFreshness>.Instance, _pauses);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _pauses.Dispose();
        await _fleet.DisposeAsync();
        await _inner.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IsFresh_AfterAPauseThatIsShorterThanALookIsGood_LooksBeforeItAnswers(bool doesBeatComeFirst)
    {
        await _fleet.GrantAsync("rag.0", "l0");
        await _fleet.ReadAllAsync();
        (await _freshness.IsFreshAsync(default)).ShouldBeTrue();
        _fleet.Hold();
        await _fleet.GrantAsync("rag.3", "l1");

        // Stopped for less than a look is good for; when it goes on, its timers may come before the first request, or after.
        _time.Stop(TimeSpan.FromMilliseconds(800));
        if (doesBeatComeFirst)
            _manual.Advance(TimeSpan.FromMilliseconds(100));
        var asking = _freshness.IsFreshAsync(default);
        asking.IsCompleted.ShouldBeFalse("the feed is behind, and nobody may say before that it is not");
        _fleet.Go();

        (await asking).ShouldBeTrue();
        _fleet.Lease("l1").ShouldNotBeNull();
        _store.Asked.ShouldBe(2);
    }

    [Fact]
    public async Task IsFresh_WhileItBeats_AnswersAtOnceFromOneLook()
    {
        (await _freshness.IsFreshAsync(default)).ShouldBeTrue();
        for (var i = 0; i < 9; i++)
        {
            _manual.Advance(TimeSpan.FromMilliseconds(100));
            var answer = _freshness.IsFreshAsync(default).AsTask();
            answer.IsCompleted.ShouldBeTrue();
            (await answer).ShouldBeTrue();
        }

        _store.Asked.ShouldBe(1);
    }

    [Fact]
    public async Task Beat_NobodyAsks_StopsAndTheNextAskerLooks()
    {
        (await _freshness.IsFreshAsync(default)).ShouldBeTrue();
        // What the look itself waited with is put away behind its answer.
        await Eventually.TrueAsync(() => _manual.ArmedTimers == 1);
        _manual.Advance(TimeSpan.FromSeconds(4));
        _manual.ArmedTimers.ShouldBe(0);

        _pauses.LastEnd().ShouldBe(_time.GetTimestamp());
        _manual.ArmedTimers.ShouldBe(1);
    }

    /// <summary>Time in which the process can stand still: the clock goes on, and no timer fires.</summary>
    private sealed class StoppingTime(ManualTimeProvider manual) : TimeProvider
    {
        private long _stood;

        public override long TimestampFrequency => manual.TimestampFrequency;

        public override long GetTimestamp() => manual.GetTimestamp() + Volatile.Read(ref _stood);

        public override DateTimeOffset GetUtcNow() => manual.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => manual.CreateTimer(callback, state, dueTime, period);

        public void Stop(TimeSpan by) => Interlocked.Add(ref _stood, by.Ticks);
    }
}
