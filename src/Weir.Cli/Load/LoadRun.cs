namespace Weir.Cli.Load;

/// <summary>
/// Sends at a rate, not as fast as answers come: arrivals are a Poisson process fixed by time alone, and each request's clock starts when it
/// arrives, so that a server which stalls cannot hide how long everybody behind it would have waited.
/// </summary>
/// <remarks>G. Tene, "How NOT to Measure Latency", on coordinated omission.</remarks>
internal sealed class LoadRun(LoadPlan plan, HttpClient http, TimeProvider time, Random random) : IDisposable
{
    // What cannot even be held any more is not sent, and counts as failed.
    private const int MostHeld = 100_000;

    private readonly LoadRequest _request = new(plan, http, time);
    private readonly SemaphoreSlim _slots = new(plan.Concurrency);
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inFlight;
    private int _mostInFlight;
    private int _pending = 1;

    public LoadTally Tally { get; } = new();

    /// <summary>Sent and not answered yet.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Arrived and not finished.</summary>
    public int Pending => Math.Max(0, Volatile.Read(ref _pending) - 1);

    /// <param name="stop">Ends the run early: what has finished counts, what is under way does not.</param>
    public async Task<LoadResult> RunAsync(CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var cpu = Environment.CpuUsage.TotalTime;
        var next = TimeSpan.Zero;
        try
        {
            while (true)
            {
                next -= TimeSpan.FromSeconds(Math.Log(1 - random.NextDouble()) / plan.Rate);
                if (next >= plan.Duration) break;

                // Several that are due are sent at once: a timer is coarser than a high rate.
                if (next - time.GetElapsedTime(started) is var wait && wait > TimeSpan.FromMilliseconds(1))
                    await Task.Delay(wait, time, stop);
                stop.ThrowIfCancellationRequested();
                var arrived = started + (long)(next.TotalSeconds * time.TimestampFrequency);
                if (Pending >= MostHeld) Tally.Add(new LoadSample("unsent", 0, TimeSpan.Zero, null, TimeSpan.Zero, null, 0), IsLate(next));
                else Start(arrived, IsLate(next), stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What is there is told.
        }

        Finished();
        await _idle.Task;
        var took = time.GetElapsedTime(started);
        return new LoadResult(plan, Tally, took, (Environment.CpuUsage.TotalTime - cpu) / took / Environment.ProcessorCount)
        {
            MostInFlight = _mostInFlight,
        };
    }

    public void Dispose() => _slots.Dispose();

    private bool IsLate(TimeSpan arrival) => arrival > plan.Duration / 2;

    private void Start(long arrived, bool isLate, CancellationToken stop)
    {
        Interlocked.Increment(ref _pending);
        _ = SendAsync(arrived, isLate, stop);
    }

    private async Task SendAsync(long arrived, bool isLate, CancellationToken stop)
    {
        var entered = false;
        try
        {
            await _slots.WaitAsync(stop);
            entered = true;
            InterlockedMax(ref _mostInFlight, Interlocked.Increment(ref _inFlight));
            var sample = await _request.SendAsync(arrived, stop);
            Tally.Add(sample, isLate);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Not counted: nobody knows how it would have ended.
        }
        catch (Exception fault)
        {
            _idle.TrySetException(new InvalidOperationException($"A request could not be made: {fault.Message}", fault));
        }
        finally
        {
            if (entered)
            {
                Interlocked.Decrement(ref _inFlight);
                _slots.Release();
            }

            Finished();
        }
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
            Interlocked.CompareExchange(ref most, value, seen);
    }

    private void Finished()
    {
        if (Interlocked.Decrement(ref _pending) == 0) _idle.TrySetResult();
    }
}

/// <summary>A run that is over.</summary>
/// <param name="Plan">What was to be done.</param>
/// <param name="Tally">What was seen.</param>
/// <param name="Took">From the first arrival to the last answer.</param>
/// <param name="Cpu">The share of this machine's processors that this process used, 0 to 1.</param>
internal sealed record LoadResult(LoadPlan Plan, LoadTally Tally, TimeSpan Took, double Cpu)
{
    /// <summary>The most that were sent and not answered at one moment.</summary>
    public int MostInFlight { get; init; }

    /// <summary>What the thresholds bind: the first token of a stream, else the whole answer.</summary>
    public LatencyHistogram Judged => Plan.Stream ? Tally.FirstToken : Tally.Latency;

    public double Throughput => Took > TimeSpan.Zero ? Tally.Good / Took.TotalSeconds : 0;

    public double TokensPerSecond => Took > TimeSpan.Zero ? Tally.Tokens / Took.TotalSeconds : 0;
}
