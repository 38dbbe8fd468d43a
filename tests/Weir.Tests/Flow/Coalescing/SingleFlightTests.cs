using Weir.Flow.Coalescing;

namespace Weir.Tests.Flow.Coalescing;

public sealed class SingleFlightTests
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromMinutes(2);

    private readonly SingleFlight<string, int> _flights = new();

    [Fact]
    public async Task RunAsync_SameKeyAtOnce_WorksOnce()
    {
        var gate = new TaskCompletionSource<int>();
        var calls = 0;
        Task<int> Work(CancellationToken token)
        {
            calls++;
            return gate.Task;
        }
        var first = _flights.RunAsync("a", Work, out var joinedFirst);
        var second = _flights.RunAsync("a", Work, out var joinedSecond);
        var other = _flights.RunAsync("b", _ => Task.FromResult(7), out var joinedOther);
        (joinedFirst, joinedSecond, joinedOther).ShouldBe((false, true, false));
        (await other.WaitAsync(Watchdog)).ShouldBe(7);
        _flights.Count.ShouldBe(1);
        gate.SetResult(42);
        (await first.WaitAsync(Watchdog), await second.WaitAsync(Watchdog)).ShouldBe((42, 42));
        calls.ShouldBe(1);
        _flights.Count.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_AfterItEnded_WorksAgain()
    {
        (await _flights.RunAsync("a", _ => Task.FromResult(1))).ShouldBe(1);
        (await _flights.RunAsync("a", _ => Task.FromResult(2))).ShouldBe(2);
    }

    [Fact]
    public async Task RunAsync_FirstCancels_TheRestGetTheValue()
    {
        var gate = new TaskCompletionSource<int>();
        CancellationToken seen = default;
        using var impatient = new CancellationTokenSource();
        using var patient = new CancellationTokenSource();
        var first = _flights.RunAsync(
            "a",
            token =>
            {
                seen = token;
                return gate.Task;
            },
            impatient.Token);
        var second = _flights.RunAsync("a", _ => throw new InvalidOperationException("one is under way"), patient.Token);
        impatient.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(first);
        seen.IsCancellationRequested.ShouldBeFalse();
        gate.SetResult(5);
        (await second.WaitAsync(Watchdog)).ShouldBe(5);
    }

    [Fact]
    public async Task RunAsync_AllCancel_WorkIsCancelledAndTheNextStartsAfresh()
    {
        var cancelled = new TaskCompletionSource();
        using var leave = new CancellationTokenSource();
        async Task<int> WorkAsync(CancellationToken token)
        {
            await using var registration = token.Register(() => cancelled.TrySetResult());
            await Task.Delay(Timeout.Infinite, token);
            return 0;
        }
        var first = _flights.RunAsync("a", WorkAsync, leave.Token);
        var second = _flights.RunAsync("a", WorkAsync, leave.Token);
        leave.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(first);
        await Should.ThrowAsync<OperationCanceledException>(second);
        await cancelled.Task.WaitAsync(Watchdog);
        (await _flights.RunAsync("a", _ => Task.FromResult(9)).WaitAsync(Watchdog)).ShouldBe(9);
        _flights.Count.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_AbandonedWorkEndsLate_DoesNotDisturbItsSuccessor()
    {
        var old = new TaskCompletionSource<int>();
        var young = new TaskCompletionSource<int>();
        using var leave = new CancellationTokenSource();
        var first = _flights.RunAsync("a", _ => old.Task, leave.Token);
        leave.Cancel();
        await Should.ThrowAsync<OperationCanceledException>(first);
        var second = _flights.RunAsync("a", _ => young.Task, out var joined);
        joined.ShouldBeFalse();
        old.SetResult(1);
        _flights.Count.ShouldBe(1);
        var third = _flights.RunAsync("a", _ => old.Task, out joined);
        joined.ShouldBeTrue();
        young.SetResult(2);
        (await second.WaitAsync(Watchdog), await third.WaitAsync(Watchdog)).ShouldBe((2, 2));
    }

    [Fact]
    public async Task RunAsync_WorkFails_AllSeeItAndItIsNotKept()
    {
        var gate = new TaskCompletionSource<int>();
        var first = _flights.RunAsync("a", _ => gate.Task);
        var second = _flights.RunAsync("a", _ => gate.Task);
        gate.SetException(new InvalidOperationException("broken"));
        (await Should.ThrowAsync<InvalidOperationException>(first)).Message.ShouldBe("broken");
        (await Should.ThrowAsync<InvalidOperationException>(second)).Message.ShouldBe("broken");
        (await _flights.RunAsync("a", _ => Task.FromResult(3))).ShouldBe(3);
    }

    [Fact]
    public async Task RunAsync_WorkThrowsBeforeItsFirstAwait_IsTheTasksError()
    {
        var running = _flights.RunAsync("a", _ => throw new InvalidOperationException("at once"));
        (await Should.ThrowAsync<InvalidOperationException>(running)).Message.ShouldBe("at once");
        _flights.Count.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_WorkTimesOutByItself_IsCancelledForAllWithoutBeingKept()
    {
        var running = _flights.RunAsync("a", _ => Task.FromCanceled<int>(new CancellationToken(true)));
        await Should.ThrowAsync<OperationCanceledException>(running);
        _flights.Count.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_TokenAlreadyCancelled_StartsNothing()
    {
        var running = _flights.RunAsync("a", _ => throw new InvalidOperationException("not wanted"), new CancellationToken(true));
        await Should.ThrowAsync<OperationCanceledException>(running);
        _flights.Count.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_Comparer_DecidesWhatIsTheSame()
    {
        var flights = new SingleFlight<string, int>(StringComparer.OrdinalIgnoreCase);
        var gate = new TaskCompletionSource<int>();
        var first = flights.RunAsync("a", _ => gate.Task);
        var second = flights.RunAsync("A", _ => gate.Task, out var joined);
        joined.ShouldBeTrue();
        gate.SetResult(1);
        await Task.WhenAll(first, second).WaitAsync(Watchdog);
    }

    [Fact]
    public async Task RunAsync_ThousandAtOnce_ExactlyOneCall()
    {
        var calls = 0;
        var arrived = 0;
        var all = new TaskCompletionSource();
        async Task<int> WorkAsync(CancellationToken token)
        {
            Interlocked.Increment(ref calls);
            await all.Task;
            return 11;
        }
        var running = Enumerable.Range(0, 1000).Select(_ => Task.Run(() =>
        {
            var task = _flights.RunAsync("a", WorkAsync);
            if (Interlocked.Increment(ref arrived) == 1000)
                all.SetResult();
            return task;
        })).ToList();
        (await Task.WhenAll(running).WaitAsync(Watchdog)).ShouldAllBe(value => value == 11);
        calls.ShouldBe(1);
    }

    [Fact]
    public Task RunAsync_RandomCallersLeaveAndFail_AllAreAnsweredAndNothingIsLeft() => RandomSchedule.RunAsync(5, async seeds =>
    {
        var flights = new SingleFlight<int, int>();
        var answered = 0;
        static async Task<int> WorkAsync(int key, int roll, CancellationToken token)
        {
            for (var i = 0; i < roll; i++)
            {
                await Task.Yield();
                token.ThrowIfCancellationRequested();
            }
            return roll % 5 == 0 ? throw new InvalidOperationException("rolled") : key;
        }
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ =>
        {
            var random = new Random(seeds.Next());
            return Task.Run(async () =>
            {
                for (var i = 0; i < 300; i++)
                {
                    using var leave = new CancellationTokenSource();
                    var (key, roll, leaves) = (random.Next(3), random.Next(12), random.Next(3) == 0);
                    var running = flights.RunAsync(key, token => WorkAsync(key, roll, token), leave.Token);
                    if (leaves)
                        await leave.CancelAsync();
                    try
                    {
                        (await running).ShouldBe(key);
                    }
                    catch (OperationCanceledException) when (leaves)
                    {
                        // Only who left himself may see a cancellation, never who joined the work of another that left.
                    }
                    catch (InvalidOperationException error) when (error.Message == "rolled")
                    {
                    }
                    Interlocked.Increment(ref answered);
                }
            });
        })).WaitAsync(Watchdog);
        answered.ShouldBe(16 * 300);
        flights.Count.ShouldBe(0);
    });
}
