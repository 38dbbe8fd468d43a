using System.Collections.Concurrent;
using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

/// <summary>Many threads at one gate. What must hold whatever their order: never above a limit, all answered once, all returned.</summary>
public sealed class AdmissionHammerTests
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromMinutes(2);

    [Fact]
    public Task EnterAsync_ManyThreadsOnARealClock_NeverAboveALimitAndBalancesToZero() => RandomSchedule.RunAsync(4, async seeds =>
    {
        const int Workers = 32;
        const int Rounds = 250;
        var gateCap = seeds.Next(2, 8);
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = gateCap, StartConcurrency = 2, Queue = 12 }, TimeProvider.System);
        var lanes = new[]
        {
            new Counted(gate.OpenLane("wide"), gateCap),
            new Counted(gate.OpenLane("narrow", new AdmissionLimits { MaxConcurrency = 2, Queue = 8 }), 2),
            new Counted(gate.OpenLane("single", new AdmissionLimits { MaxConcurrency = 1 }), 1),
        };
        var inGate = 0;
        var above = 0;
        var answered = 0;

        async Task WorkAsync(Random random)
        {
            for (var round = 0; round < Rounds; round++)
            {
                var lane = lanes[random.Next(lanes.Length)];
                var ticket = new AdmissionTicket(random.Next(10), 1, TimeSpan.FromMilliseconds(random.Next(1, 60)), random.Next(10) == 0, IsBackground: random.Next(4) == 0);
                using var cancellation = new CancellationTokenSource();
                if (random.Next(6) == 0)
                    cancellation.CancelAfter(TimeSpan.FromMilliseconds(random.Next(3)));
                if (random.Next(100) == 0)
                    lane.Lane.Pause(TimeSpan.FromMilliseconds(random.Next(5)));
                try
                {
                    var result = await lane.Lane.EnterAsync(ticket, cancellation.Token);
                    Interlocked.Increment(ref answered);
                    if (!result.IsAdmitted)
                        continue;
                    if (Interlocked.Increment(ref inGate) > gateCap || Interlocked.Increment(ref lane.Inside) > lane.Cap)
                        Interlocked.Increment(ref above);
                    await Task.Yield();
                    Interlocked.Decrement(ref lane.Inside);
                    Interlocked.Decrement(ref inGate);
                    result.Permit.Release((AdmissionSignal)random.Next(4), random.Next(2) == 0 ? TimeSpan.Zero : null, random.Next(3));
                    result.Permit.Dispose();
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref answered);
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ =>
        {
            var random = new Random(seeds.Next());
            return Task.Run(() => WorkAsync(random));
        })).WaitAsync(Watchdog);

        above.ShouldBe(0);
        answered.ShouldBe(Workers * Rounds);
        (gate.InFlight, gate.Queued, gate.Snapshot().QueuedInBackground).ShouldBe((0, 0, 0));
        lanes.ShouldAllBe(lane => lane.Lane.InFlight == 0 && lane.Lane.Queued == 0 && lane.Lane.QueuedInBackground == 0);
        var totals = gate.Snapshot().Totals;
        (totals.Admitted + totals.QueueFull + totals.Shed + totals.Deadline + totals.Paused + totals.Closed + totals.Cancelled)
            .ShouldBeLessThanOrEqualTo(Workers * Rounds);
        // Who finds its token cancelled before it asks is not counted by the gate.
        totals.Cancelled.ShouldBeGreaterThanOrEqualTo(0);
    });

    [Fact]
    public Task EnterAsync_ManyPatientWaiters_AllGetInWithoutATimer() => RandomSchedule.RunAsync(3, async seeds =>
    {
        // Nobody has a deadline and time stands still: every wake-up of the others must come from a release.
        var time = new ManualTimeProvider();
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 3, Queue = 100_000 }, time);
        var lanes = Enumerable.Range(0, 6)
            .Select(i => gate.OpenLane($"{i}", i % 2 == 0 ? null : new AdmissionLimits { MaxConcurrency = 1, Queue = 100_000 }))
            .ToList();
        var random = new Random(seeds.Next());
        var entering = Enumerable.Range(0, 5000).Select(_ => (Lane: lanes[random.Next(lanes.Count)], Priority: random.Next(10), Background: random.Next(3) == 0)).ToList();
        var left = entering.Select(async entrant =>
        {
            await Task.Yield();
            var result = await entrant.Lane.EnterAsync(new AdmissionTicket(entrant.Priority, 0, Timeout.InfiniteTimeSpan, IsBackground: entrant.Background));
            await Task.Yield();
            result.Permit!.Release(AdmissionSignal.Success);
        }).ToList();
        await Task.WhenAll(left.Where((_, i) => !entering[i].Background)).WaitAsync(Watchdog);

        // The background takes the places of the others only when these have not come back for a while: two ends of time bring it all in.
        time.Advance(RecentPeak.Period);
        time.Advance(RecentPeak.Period);
        await Task.WhenAll(left).WaitAsync(Watchdog);
        (gate.InFlight, gate.Queued, gate.Snapshot().Totals.Admitted).ShouldBe((0, 0, 5000L));
        time.ArmedTimers.ShouldBe(0);
    });

    [Fact]
    public Task TryEnter_ManyThreadsWhileTimeMoves_NeverMoreInAnyMinuteThanTheLimit() => RandomSchedule.RunAsync(3, async seeds =>
    {
        const int Limit = 50;
        const int NarrowLimit = 20;
        var time = new ManualTimeProvider();
        using var gate = new AdmissionGate(new AdmissionLimits { RequestsPerMinute = Limit }, time);
        var wide = gate.OpenLane("wide");
        var narrow = gate.OpenLane("narrow", new AdmissionLimits { RequestsPerMinute = NarrowLimit });
        var clock = new ReaderWriterLockSlim();
        var entries = new ConcurrentBag<(TimeSpan At, bool Narrow)>();
        var done = false;
        var enter = Enumerable.Range(0, 4).Select(i => Task.Run(() =>
        {
            while (!Volatile.Read(ref done))
            {
                var lane = i % 2 == 0 ? wide : narrow;
                // Time stands still for as long as an entry takes, so that the time noted is the time it was given.
                clock.EnterReadLock();
                if (lane.TryEnter(new AdmissionTicket(5, 0, TimeSpan.Zero), out var permit))
                {
                    entries.Add((time.Elapsed, lane == narrow));
                    permit.Dispose();
                }
                clock.ExitReadLock();
                Thread.Yield();
            }
        })).ToList();
        var random = new Random(seeds.Next());
        for (var step = 0; step < 300 || entries.Count < 4 * Limit; step++)
        {
            clock.EnterWriteLock();
            time.Advance(TimeSpan.FromMilliseconds(random.Next(2000)));
            clock.ExitWriteLock();
            Thread.Yield();
        }
        Volatile.Write(ref done, true);
        await Task.WhenAll(enter).WaitAsync(Watchdog);
        MostInAMinute(entries.Select(e => e.At)).ShouldBeLessThanOrEqualTo(Limit);
        MostInAMinute(entries.Where(e => e.Narrow).Select(e => e.At)).ShouldBeLessThanOrEqualTo(NarrowLimit);
    });

    [Fact]
    public async Task Dispose_WhileManyEnter_AnswersAll()
    {
        for (var round = 0; round < 30; round++)
        {
            var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 2 }, TimeProvider.System);
            var lane = gate.OpenLane("a");
            var entering = Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
            {
                var result = await lane.EnterAsync(new AdmissionTicket(5, 0, Timeout.InfiniteTimeSpan));
                await Task.Yield();
                result.Permit?.Dispose();
            })).ToList();
            gate.Dispose();
            await Task.WhenAll(entering).WaitAsync(Watchdog);
            (gate.InFlight, gate.Queued).ShouldBe((0, 0));
        }
    }

    private static int MostInAMinute(IEnumerable<TimeSpan> entries)
    {
        var times = entries.Order().ToList();
        var (most, first) = (0, 0);
        for (var last = 0; last < times.Count; last++)
        {
            while (times[first] + TimeSpan.FromMinutes(1) <= times[last])
                first++;
            most = Math.Max(most, last - first + 1);
        }
        return most;
    }

    private sealed class Counted(AdmissionLane lane, int cap)
    {
#pragma warning disable CA1051 // counted with Interlocked, by reference
        public int Inside;
#pragma warning restore CA1051

        public AdmissionLane Lane => lane;

        public int Cap => cap;
    }
}
