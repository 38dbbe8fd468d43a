using System.Buffers;
using System.IO.Pipelines;
using Weir.Inference.Requests;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Requests;

public sealed class PooledBodyTests
{
    private const int MaxBytes = 4 << 20;

    private readonly ManualTimeProvider _time = new();
    private readonly BodyBudget _budget = new(64 << 20);
    private readonly Pipe _pipe = new(new PipeOptions(readerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

    // A client that begins fast has a good average for hours.
    [Theory]
    [InlineData(1)]
    [InlineData(2_000_000)]
    public async Task ReadAsync_SilentAfterABeginning_IsTooSlow(int beginning)
    {
        await SendAsync(beginning);
        var reading = ReadAsync(MaxBytes).AsTask();
        await _time.WhenArmedAsync();

        _time.Advance(BodyPace.Window);
        _time.Advance(BodyPace.Window);

        (await EndAsync(reading)).ShouldBe(new BodyRead(null, BodyRefusal.TooSlow));
        NothingIsLeft();
    }

    [Theory]
    [InlineData(2399, false)]
    [InlineData(2400, true)]
    public async Task ReadAsync_SteadyTrickle_IsJudgedByItsWindows(int bytesInAWindow, bool good)
    {
        await SendAsync(1);
        var reading = ReadAsync(null).AsTask();
        await _time.WhenArmedAsync();
        for (var i = 0; i < 100 && !reading.IsCompleted; i++)
        {
            await SendAsync(bytesInAWindow);
            _time.Advance(BodyPace.Window);
        }

        await _pipe.Writer.CompleteAsync();

        using var body = (await EndAsync(reading)).Body;
        (body is not null).ShouldBe(good);
        if (good)
        {
            body!.Memory.Length.ShouldBe(1 + (100 * bytesInAWindow));
        }
    }

    [Fact]
    public async Task ReadAsync_EndsBeforeTheWindowDoes_IsWhole()
    {
        await SendAsync(10);
        var reading = ReadAsync(20).AsTask();
        await _time.WhenArmedAsync();
        _time.Advance(BodyPace.Window - TimeSpan.FromTicks(1));
        await SendAsync(10);
        await _pipe.Writer.CompleteAsync();

        using var body = (await EndAsync(reading)).Body.ShouldNotBeNull();

        body.Memory.Length.ShouldBe(20);
        _time.ArmedTimers.ShouldBe(0);
    }

    [Fact]
    public async Task ReadAsync_WholeAtOnce_ArmsNoTimer()
    {
        var clock = new JumpingClock();
        var reading = PooledBody.ReadAsync(_pipe.Reader, 100, new BodyLimits(MaxBytes, _budget, clock), CancellationToken.None).AsTask();
        _pipe.Writer.Write(new byte[100]);
        await _pipe.Writer.CompleteAsync();

        using var body = (await EndAsync(reading)).Body.ShouldNotBeNull();

        clock.Look.ShouldBeNull();
        _budget.Held.ShouldBe(128);
    }

    [Fact]
    public async Task ReadAsync_ProcessStoodStill_JudgesAfresh()
    {
        await SendAsync(1);
        var clock = new JumpingClock();
        var reading = PooledBody.ReadAsync(_pipe.Reader, null, new BodyLimits(MaxBytes, _budget, clock), CancellationToken.None).AsTask();
        await Eventually.TrueAsync(() => clock.Look is not null);

        clock.Now += TimeSpan.FromMinutes(1);
        clock.Look!();
        reading.IsCompleted.ShouldBeFalse();
        clock.Now += BodyPace.Window;
        clock.Look!();

        (await EndAsync(reading)).Refusal.ShouldBe(BodyRefusal.TooSlow);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReadAsync_BudgetSpent_HasNoRoomUntilItIsGivenBack(bool announced)
    {
        var budget = new BodyBudget(3 << 20);
        var first = (await ReadWholeAsync(1 << 20, announced, budget)).Body.ShouldNotBeNull();

        (await ReadWholeAsync(2 << 20, announced, budget)).ShouldBe(new BodyRead(null, BodyRefusal.NoRoom));
        budget.Held.ShouldBe(1 << 20);

        first.TryHold().ShouldBeTrue();
        first.Dispose();
        budget.Held.ShouldBe(1 << 20, "whoever holds it still reads it");
        first.Release();
        budget.Held.ShouldBe(0);
        (await ReadWholeAsync(1 << 20, announced, budget)).Body.ShouldNotBeNull().Dispose();
        budget.Held.ShouldBe(0);
    }

    [Fact]
    public async Task ReadAsync_AnnouncedAndNeverSent_ReservesWhatCameAlone()
    {
        await SendAsync(1);
        using var gone = new CancellationTokenSource();
        var reading = ReadAsync(MaxBytes, gone.Token).AsTask();
        await _time.WhenArmedAsync();
        _budget.Held.ShouldBe(64 * 1024);

        await gone.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => reading);
        NothingIsLeft();
    }

    [Fact]
    public async Task ReadAsync_TooLarge_GivesBackWhatItHeld()
    {
        (await ReadWholeAsync(MaxBytes + 1, announced: false, _budget)).Refusal.ShouldBe(BodyRefusal.TooLarge);
        (await ReadWholeAsync(MaxBytes + 1, announced: true, _budget)).Refusal.ShouldBe(BodyRefusal.TooLarge);
        NothingIsLeft();
    }

    // Bytes, window ends and the body's end in any order: a body is either whole or refused, and nothing is left of it.
    [Fact]
    public async Task ReadAsync_AnySchedule_LeavesNothingBehind()
    {
        var seed = Random.Shared.Next();
        for (var round = 0; round < 300; round++)
        {
            var random = new Random(seed + round);
            var time = new ManualTimeProvider();
            var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
            var reading = PooledBody.ReadAsync(pipe.Reader, null, new BodyLimits(MaxBytes, _budget, time), CancellationToken.None).AsTask();
            var passing = Task.Run(() =>
            {
                for (var i = 0; i < 20; i++)
                {
                    time.Advance(BodyPace.Window / 2);
                }
            });
            var sent = 0;
            for (var i = random.Next(40); i > 0; i--)
            {
                var bytes = random.Next(1, 20_000);
                sent += bytes;
                await pipe.Writer.WriteAsync(new byte[bytes]);
            }

            await pipe.Writer.CompleteAsync();
            await passing;
            var (body, refusal) = await EndAsync(reading);
            (body is null).ShouldBe(refusal == BodyRefusal.TooSlow, $"seed {seed}, round {round}");
            body?.Memory.Length.ShouldBe(sent, $"seed {seed}, round {round}");
            body?.Dispose();
            time.ArmedTimers.ShouldBe(0);
            _budget.Held.ShouldBe(0, $"seed {seed}, round {round}");
        }
    }

    private static Task<BodyRead> EndAsync(Task<BodyRead> reading) => reading.WaitAsync(TimeSpan.FromSeconds(30));

    private static async Task<BodyRead> ReadWholeAsync(int length, bool announced, BodyBudget budget) => await PooledBody.ReadAsync(
        PipeReader.Create(new ReadOnlySequence<byte>(new byte[length])), announced ? length : null, new BodyLimits(MaxBytes, budget, TimeProvider.System), CancellationToken.None);

    private ValueTask<BodyRead> ReadAsync(long? announced, CancellationToken cancellationToken = default) =>
        PooledBody.ReadAsync(_pipe.Reader, announced, new BodyLimits(MaxBytes, _budget, _time), cancellationToken);

    private async Task SendAsync(int bytes) => await _pipe.Writer.WriteAsync(new byte[bytes]);

    private void NothingIsLeft()
    {
        _time.ArmedTimers.ShouldBe(0);
        _budget.Held.ShouldBe(0);
    }

    /// <summary>One timer, fired by hand, late or not.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public Action? Look { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Look = () => callback(state);
            return new Idle();
        }

        private sealed class Idle : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
