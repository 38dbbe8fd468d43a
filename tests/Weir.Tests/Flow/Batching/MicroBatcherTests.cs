using System.Collections.Concurrent;
using Weir.Flow.Batching;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Batching;

public sealed class MicroBatcherTests
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromMinutes(2);
    private static readonly MicroBatcherSettings Settings = new() { Size = 3, Wait = TimeSpan.FromMilliseconds(10) };

    private readonly ManualTimeProvider _time = new();
    private readonly Runner _runner = new();

    [Fact]
    public async Task SubmitAsync_NothingInFlight_SentAtOnce()
    {
        var batcher = Batcher();
        var one = batcher.SubmitAsync("1");
        (await _runner.NextAsync()).Succeed().ShouldBe(["1"]);
        (await Value(one)).ShouldBe("1!");
        _time.ArmedTimers.ShouldBe(0);
    }

    [Fact]
    public async Task SubmitAsync_AnotherInFlight_WaitsUntilTheBatchIsFull()
    {
        var batcher = Batcher();
        var first = batcher.SubmitAsync("1");
        var busy = await _runner.NextAsync();
        var rest = new[] { batcher.SubmitAsync("2"), batcher.SubmitAsync("3") };
        batcher.Snapshot().ShouldBe(new MicroBatcherSnapshot(Pending: 2, InFlight: 1, Batches: 1, Members: 1, Refused: 0));
        var fourth = batcher.SubmitAsync("4");
        (await _runner.NextAsync()).Succeed().ShouldBe(["2", "3", "4"]);
        (await Value(fourth)).ShouldBe("4!");
        busy.Succeed();
        (await Value(first)).ShouldBe("1!");
        (await Value(rest[0]), await Value(rest[1])).ShouldBe(("2!", "3!"));
    }

    [Fact]
    public async Task SubmitAsync_OldestHasWaited_SentThen()
    {
        var batcher = Batcher();
        _ = batcher.SubmitAsync("1");
        await _runner.NextAsync();
        _ = batcher.SubmitAsync("2");
        _time.Advance(TimeSpan.FromMilliseconds(6));
        _ = batcher.SubmitAsync("3");
        _time.Advance(TimeSpan.FromMilliseconds(3));
        batcher.Snapshot().Pending.ShouldBe(2);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        (await _runner.NextAsync()).Items.ShouldBe(["2", "3"]);
    }

    [Fact]
    public async Task SubmitAsync_LastInFlightEnds_SentAtOnce()
    {
        var batcher = Batcher();
        _ = batcher.SubmitAsync("1");
        var busy = await _runner.NextAsync();
        _ = batcher.SubmitAsync("2");
        _ = batcher.SubmitAsync("3");
        busy.Succeed();
        (await _runner.NextAsync()).Items.ShouldBe(["2", "3"]);
    }

    [Fact]
    public async Task SubmitAsync_WeightBound_SplitsThereAndLetsAHeavyOneGoAlone()
    {
        var batcher = Batcher(Settings with { Size = 100, MaxWeight = 10 }, weigh: item => item.Length);
        _ = batcher.SubmitAsync("1");
        var busy = await _runner.NextAsync();
        _ = batcher.SubmitAsync("four");
        _ = batcher.SubmitAsync("five5");
        _ = batcher.SubmitAsync("six666");
        (await _runner.NextAsync()).Items.ShouldBe(["four", "five5"]);
        _ = batcher.SubmitAsync("fifteen letters");
        // Both are ready at once, and which runs first is the thread pool's affair.
        var alone = new[] { await _runner.NextAsync(), await _runner.NextAsync() };
        alone.Select(batch => batch.Items.ShouldHaveSingleItem()).ShouldBe(["six666", "fifteen letters"], ignoreOrder: true);
        busy.Succeed();
    }

    [Fact]
    public async Task SubmitAsync_OneMemberFails_TheOthersDoNot()
    {
        var batcher = Batcher();
        _ = batcher.SubmitAsync("0");
        await _runner.NextAsync();
        var members = new[] { "1", "bad", "3" }.Select(item => batcher.SubmitAsync(item)).ToList();
        (await _runner.NextAsync()).Answer(item => item == "bad"
            ? BatchOutcome.Failure<string>(new FormatException("bad"))
            : BatchOutcome.Success(item + "!"));
        (await Value(members[0]), await Value(members[2])).ShouldBe(("1!", "3!"));
        var failed = await members[1].WaitAsync(Watchdog);
        failed.IsSuccess.ShouldBeFalse();
        failed.Error.ShouldBeOfType<FormatException>();
        Should.Throw<InvalidOperationException>(() => failed.Value);
    }

    [Fact]
    public async Task SubmitAsync_RunThrowsForTheBatch_IsDividedUntilTheCulpritStandsAlone()
    {
        var calls = new ConcurrentQueue<int>();
        var hold = new TaskCompletionSource();
        await using var batcher = new MicroBatcher<int, int>(
            new MicroBatcherSettings { Size = 16, MaxInFlight = 1 },
            async (items, _) =>
            {
                await hold.Task;
                calls.Enqueue(items.Count);
                return items.Contains(13) ? throw new FormatException("13") : [.. items.Select(item => BatchOutcome.Success(item * 2))];
            },
            _time);
        var members = Enumerable.Range(0, 17).Select(i => batcher.SubmitAsync(i)).ToList();
        hold.SetResult();
        for (var i = 0; i < members.Count; i++)
        {
            var outcome = await members[i].WaitAsync(Watchdog);
            if (i == 13)
                outcome.Error.ShouldBeOfType<FormatException>();
            else
                outcome.Value.ShouldBe(i * 2);
        }
        calls.ShouldBe([1, 16, 8, 8, 4, 4, 2, 1, 1, 2]);
    }

    [Fact]
    public async Task SubmitAsync_ErrorThatDoesNotDivide_IsEveryMembers()
    {
        await using var batcher = Batcher(divides: error => error is not HttpRequestException);
        _ = batcher.SubmitAsync("0");
        var busy = await _runner.NextAsync();
        var members = new[] { "1", "2", "3" }.Select(item => batcher.SubmitAsync(item)).ToList();
        (await _runner.NextAsync()).Throw(new HttpRequestException("unreachable"));
        foreach (var member in members)
            (await member.WaitAsync(Watchdog)).Error.ShouldBeOfType<HttpRequestException>();
        busy.Succeed();
        _runner.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task SubmitAsync_RunGivesTooFewOutcomes_IsAnErrorNotAHang()
    {
        await using var batcher = Batcher();
        var member = batcher.SubmitAsync("1");
        (await _runner.NextAsync()).Complete([]);
        (await member.WaitAsync(Watchdog)).Error.ShouldBeOfType<InvalidOperationException>();
    }

    [Fact]
    public async Task SubmitAsync_CancelledBeforeSending_IsNotSent()
    {
        var batcher = Batcher();
        _ = batcher.SubmitAsync("1");
        var busy = await _runner.NextAsync();
        using var leave = new CancellationTokenSource();
        var leaving = batcher.SubmitAsync("2", leave.Token);
        var staying = batcher.SubmitAsync("3");
        leave.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(leaving);
        busy.Succeed();
        (await _runner.NextAsync()).Succeed().ShouldBe(["3"]);
        (await Value(staying)).ShouldBe("3!");
    }

    [Fact]
    public async Task SubmitAsync_OneCancelsInFlight_TheRestGoOnAndOnlyTheLastEndsTheRun()
    {
        var batcher = Batcher(Settings with { MaxInFlight = 1 });
        using var leave = new CancellationTokenSource();
        using var leaveToo = new CancellationTokenSource();
        _ = batcher.SubmitAsync("0");
        var busy = await _runner.NextAsync();
        var first = batcher.SubmitAsync("1", leave.Token);
        var second = batcher.SubmitAsync("2", leaveToo.Token);
        busy.Succeed();
        var batch = await _runner.NextAsync();
        batch.Items.ShouldBe(["1", "2"]);
        leave.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(first);
        batch.Token.IsCancellationRequested.ShouldBeFalse();
        leaveToo.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(second);
        batch.Token.IsCancellationRequested.ShouldBeTrue();
        batch.Throw(new OperationCanceledException(batch.Token));
        var third = batcher.SubmitAsync("3");
        (await _runner.NextAsync()).Succeed();
        (await Value(third)).ShouldBe("3!");
    }

    [Fact]
    public async Task SubmitAsync_QueueFull_IsRefused()
    {
        var batcher = Batcher(Settings with { Size = 10, Queue = 2, MaxInFlight = 1 });
        _ = batcher.SubmitAsync("1");
        await _runner.NextAsync();
        _ = batcher.SubmitAsync("2");
        _ = batcher.SubmitAsync("3");
        (await batcher.SubmitAsync("4").WaitAsync(Watchdog)).Error.ShouldBeOfType<BatchRefusedException>();
        batcher.Snapshot().Refused.ShouldBe(1);
    }

    [Fact]
    public async Task SubmitAsync_AsManyInFlightAsMay_WaitsThoughFull()
    {
        var batcher = Batcher(Settings with { Size = 1, MaxInFlight = 2 });
        for (var i = 1; i <= 3; i++)
            _ = batcher.SubmitAsync($"{i}");
        var first = await _runner.NextAsync();
        await _runner.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        batcher.Snapshot().ShouldBe(new MicroBatcherSnapshot(Pending: 1, InFlight: 2, Batches: 2, Members: 2, Refused: 0));
        first.Succeed();
        (await _runner.NextAsync()).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Reconfigure_SmallerBatch_SendsWhatIsNowFull()
    {
        var batcher = Batcher(Settings with { Size = 10 });
        _ = batcher.SubmitAsync("1");
        await _runner.NextAsync();
        _ = batcher.SubmitAsync("2");
        _ = batcher.SubmitAsync("3");
        batcher.Reconfigure(Settings with { Size = 2 });
        (await _runner.NextAsync()).Items.ShouldBe(["2", "3"]);
    }

    [Fact]
    public async Task DisposeAsync_MembersWait_SendsThemAndEndsWhenAllAreAnswered()
    {
        var batcher = Batcher();
        _ = batcher.SubmitAsync("1");
        var busy = await _runner.NextAsync();
        var waiting = batcher.SubmitAsync("2");
        var closing = batcher.DisposeAsync().AsTask();
        (await batcher.SubmitAsync("3")).Error.ShouldBeOfType<BatchRefusedException>();
        var last = await _runner.NextAsync();
        last.Items.ShouldBe(["2"]);
        busy.Succeed();
        closing.IsCompleted.ShouldBeFalse();
        last.Succeed();
        (await Value(waiting)).ShouldBe("2!");
        await closing.WaitAsync(Watchdog);
        await batcher.DisposeAsync().AsTask().WaitAsync(Watchdog);
    }

    [Fact]
    public async Task SubmitAsync_AmbientOfTheCaller_IsNotTheRuns()
    {
        var ambient = new AsyncLocal<string?> { Value = "the first caller's" };
        await using var batcher = new MicroBatcher<int, string?>(
            Settings, (items, _) => Task.FromResult<IReadOnlyList<BatchOutcome<string?>>>([BatchOutcome.Success<string?>(ambient.Value)]), _time);
        (await batcher.SubmitAsync(1).WaitAsync(Watchdog)).Value.ShouldBeNull();
    }

    [Fact]
    public void Constructor_ImpossibleSettings_Throws()
    {
        MicroBatcherSettings[] impossible =
        [
            Settings with { Size = 0 },
            Settings with { Wait = TimeSpan.FromTicks(-1) },
            Settings with { MaxWeight = 0 },
            Settings with { MaxInFlight = 0 },
            Settings with { Queue = 0 },
        ];
        foreach (var settings in impossible)
            Should.Throw<ArgumentOutOfRangeException>(() => Batcher(settings));
    }

    [Fact]
    public Task SubmitAsync_ManyThreads_EachAnsweredOnceWithItsOwnAndNoBatchOverItsBounds() => RandomSchedule.RunAsync(4, async seeds =>
    {
        var (inFlight, broken, sent) = (0, 0, 0);
        var settings = new MicroBatcherSettings
        {
            Size = seeds.Next(1, 12), Wait = TimeSpan.FromMilliseconds(seeds.Next(3)), MaxWeight = 40, MaxInFlight = seeds.Next(1, 5),
        };
        var batcher = new MicroBatcher<int, int>(
            settings,
            async (items, token) =>
            {
                var alone = items.Count == 1;
                if (Interlocked.Increment(ref inFlight) > settings.MaxInFlight || items.Count > settings.Size || (!alone && items.Sum(Weigh) > 40))
                    Interlocked.Increment(ref broken);
                Interlocked.Add(ref sent, items.Count);
                await Task.Yield();
                Interlocked.Decrement(ref inFlight);
                if (items.Any(item => item % 101 == 0))
                    throw new FormatException("spoiled");
                return [.. items.Select(item => item % 7 == 0 ? BatchOutcome.Failure<int>(new ArithmeticException()) : BatchOutcome.Success(-item))];
            },
            TimeProvider.System,
            weigh: item => Weigh(item));
        var answered = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker =>
        {
            var random = new Random(seeds.Next());
            return Task.Run(async () =>
            {
                for (var i = 0; i < 300; i++)
                {
                    var item = (worker * 300) + i + 1;
                    using var leave = new CancellationTokenSource();
                    var leaves = random.Next(8) == 0;
                    var submitted = batcher.SubmitAsync(item, leave.Token);
                    if (leaves)
                        await leave.CancelAsync();
                    try
                    {
                        var outcome = await submitted;
                        if (item % 101 == 0)
                            outcome.Error.ShouldBeOfType<FormatException>();
                        else if (item % 7 == 0)
                            outcome.Error.ShouldBeOfType<ArithmeticException>();
                        else
                            outcome.Value.ShouldBe(-item);
                    }
                    catch (OperationCanceledException) when (leaves)
                    {
                    }
                    Interlocked.Increment(ref answered);
                }
            });
        })).WaitAsync(Watchdog);
        await batcher.DisposeAsync().AsTask().WaitAsync(Watchdog);
        (answered, broken, inFlight).ShouldBe((4800, 0, 0));
        (batcher.Snapshot().Pending, batcher.Snapshot().InFlight).ShouldBe((0, 0));
    });

    private static int Weigh(int item) => 1 + (item % 60);

    private static async Task<string> Value(Task<BatchOutcome<string>> member) => (await member.WaitAsync(Watchdog)).Value;

    private MicroBatcher<string, string> Batcher(
        MicroBatcherSettings? settings = null, Func<string, long>? weigh = null, Func<Exception, bool>? divides = null) =>
        new(settings ?? Settings, _runner.RunAsync, _time, weigh, divides);

    /// <summary>The other side of the batcher: shows each run to the test, which answers it.</summary>
    private sealed class Runner
    {
        private readonly System.Threading.Channels.Channel<Run> _runs = System.Threading.Channels.Channel.CreateUnbounded<Run>();
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public Task<IReadOnlyList<BatchOutcome<string>>> RunAsync(IReadOnlyList<string> items, CancellationToken token)
        {
            Interlocked.Increment(ref _calls);
            var run = new Run(items, token);
            _runs.Writer.TryWrite(run);
            return run.Task;
        }

        public Task<Run> NextAsync() => _runs.Reader.ReadAsync().AsTask().WaitAsync(Watchdog);
    }

    private sealed class Run(IReadOnlyList<string> items, CancellationToken token)
    {
        private readonly TaskCompletionSource<IReadOnlyList<BatchOutcome<string>>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IReadOnlyList<string> Items => items;

        public CancellationToken Token => token;

        public Task<IReadOnlyList<BatchOutcome<string>>> Task => _done.Task;

        public IReadOnlyList<string> Succeed()
        {
            Answer(item => BatchOutcome.Success(item + "!"));
            return items;
        }

        public void Answer(Func<string, BatchOutcome<string>> outcome) => Complete([.. items.Select(outcome)]);

        public void Complete(IReadOnlyList<BatchOutcome<string>> outcomes) => _done.SetResult(outcomes);

        public void Throw(Exception error) => _done.SetException(error);
    }
}
