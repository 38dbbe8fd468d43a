using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

/// <summary>
/// What a batch costs those who wait for an answer, event by event in a time of its own: the same requests come at the same moments to
/// the same gate, with a batch of 2,000 lines at its back and without.
/// </summary>
public sealed class BackgroundDelayTests
{
    private static readonly TimeSpan Service = TimeSpan.FromMilliseconds(400);

    [Theory]
    [InlineData(2, 0)]
    [InlineData(8, 0)]
    [InlineData(2, 1200)]
    [InlineData(8, 1200)]
    public void EnterAsync_BatchOfTwoThousandLinesBehind_DelaysNobodyByMoreThanOneLine(int requestsPerSecond, int? requestsPerMinute) =>
        RandomSchedule.Run(3, random =>
        {
            var seed = random.Next();
            var (alone, _) = Simulate(seed, requestsPerSecond, requestsPerMinute is 0 ? null : requestsPerMinute, lines: 0);
            var (withBatch, batchEnded) = Simulate(seed, requestsPerSecond, requestsPerMinute is 0 ? null : requestsPerMinute, lines: 2000);

            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{requestsPerSecond}/s, {requestsPerMinute}/min: alone p50 {At(alone, 0.5)} p99 {At(alone, 0.99)} ms, with the batch p50 {At(withBatch, 0.5)} p99 {At(withBatch, 0.99)} ms; its 2,000 lines took {batchEnded.TotalSeconds:0} s");
            // What waits has the next place that becomes free, and one is always about to: never a whole line's time, and for most none.
            for (var i = 0; i < alone.Length; i++)
                withBatch[i].ShouldBeLessThanOrEqualTo(alone[i] + Service.TotalMilliseconds);
            At(withBatch, 0.5).ShouldBe(0);
            batchEnded.ShouldBeGreaterThan(TimeSpan.FromSeconds(90), "the batch was there all the time");
        });

    private static double At(double[] waits, double quantile) => waits.Order().ElementAt((int)((waits.Length - 1) * quantile));

    /// <returns>How long each request waited, in milliseconds, and when the last line ended.</returns>
    private static (double[] Waits, TimeSpan BatchEnded) Simulate(int seed, int requestsPerSecond, int? requestsPerMinute, int lines)
    {
        var random = new Random(seed);
        var time = new ManualTimeProvider();
        using var gate = new AdmissionGate(new AdmissionLimits { MaxConcurrency = 8, RequestsPerMinute = requestsPerMinute, Queue = 5000 }, time);
        var lane = gate.OpenLane("a");
        var events = new PriorityQueue<Action, TimeSpan>();
        var waiting = new List<(ValueTask<AdmissionResult> Entering, Action<AdmissionPermit> Entered)>();
        var waits = new double[requestsPerSecond * 60];
        var (now, linesEnded, batchEnded) = (TimeSpan.Zero, 0, TimeSpan.Zero);

        var at = TimeSpan.Zero;
        for (var i = 0; i < waits.Length; i++)
        {
            at += TimeSpan.FromSeconds(-Math.Log(1 - random.NextDouble()) / requestsPerSecond);
            var (number, came) = (i, at);
            events.Enqueue(() => Enter(isBackground: false, () => waits[number] = (now - came).TotalMilliseconds, () => { }), at);
        }

        // As many lines at once as a batch may have under way; each that ends makes room for the next.
        var sent = 0;
        for (; sent < Math.Min(64, lines); sent++)
            events.Enqueue(SendLine, TimeSpan.Zero);

        while (events.Count > 0 || waiting.Count > 0)
        {
            var next = events.TryPeek(out _, out var due) ? due - now : TimeSpan.MaxValue;
            if (time.NextTimer is { } timer && timer < next)
                next = timer;
            time.Advance(next);
            now += next;
            while (events.TryPeek(out var happens, out var moment) && moment <= now)
            {
                events.Dequeue();
                happens();
                Settle();
            }

            Settle();
        }

        return (waits, batchEnded);

        void SendLine() => Enter(isBackground: true, () => { }, () =>
        {
            (linesEnded, batchEnded) = (linesEnded + 1, now);
            if (sent++ < lines)
                SendLine();
        });

        // Kept and looked at, each taken once: a task of it would be told later, by another thread.
#pragma warning disable CA2012
        void Enter(bool isBackground, Action entered, Action left) => waiting.Add((
            lane.EnterAsync(new AdmissionTicket(isBackground ? 0 : 5, 0, Timeout.InfiniteTimeSpan, IsBackground: isBackground)),
            permit =>
            {
                entered();
                events.Enqueue(() =>
                {
                    permit.Dispose();
                    left();
                }, now + Service);
            }));
#pragma warning restore CA2012

        void Settle()
        {
            for (var i = 0; i < waiting.Count;)
            {
                var (entering, entered) = waiting[i];
                if (!entering.IsCompleted)
                {
                    i++;
                    continue;
                }

                waiting.RemoveAt(i);
                entered(entering.Result.Permit!);
            }
        }
    }
}
