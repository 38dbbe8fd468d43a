namespace Weir.Inference.Measuring;

/// <summary>
/// What has happened in each of the last minutes, and outcomes since the start. A minute is of the monotonic clock and the same for all
/// meters of a process. Recording takes no lock and allocates nothing but one <see cref="TrafficMinute"/> when a minute begins;
/// what is recorded late stays in the minute that it was taken for.
/// </summary>
internal sealed class TrafficMeter(int outcomes, TimeProvider time)
{
    /// <summary>Minutes that can be read, the one that runs among them.</summary>
    public const int Minutes = 5;

    private readonly long[] _totals = new long[outcomes];
    private readonly TrafficMinute?[] _ring = new TrafficMinute?[Minutes];

    /// <summary>The minute that runs, counted from when the machine's clock began.</summary>
    public static long MinuteOf(TimeProvider time) => time.GetTimestamp() / (time.TimestampFrequency * 60);

    public void Count(int outcome)
    {
        Interlocked.Increment(ref _totals[outcome]);
        Now().Count(outcome);
    }

    /// <summary>Counts one outcome with what was measured of it.</summary>
    /// <param name="outcome">Its index.</param>
    /// <param name="firstEvent">Null where nothing streamed.</param>
    /// <param name="took">From the sending to the end; null: not to be counted among the durations.</param>
    /// <param name="input">Tokens; 0 where nobody counted.</param>
    /// <param name="output">Tokens; 0 where nobody counted.</param>
    public void Count(int outcome, TimeSpan? firstEvent, TimeSpan? took, long input, long output)
    {
        Interlocked.Increment(ref _totals[outcome]);
        var minute = Now();
        minute.Count(outcome);
        minute.Measure(firstEvent, took, input, output);
    }

    /// <summary>Counts tokens of what is not counted as a request of its own.</summary>
    public void CountTokens(long input, long output) => Now().Measure(null, null, input, output);

    /// <summary>Since the start.</summary>
    public long Total(int outcome) => Volatile.Read(ref _totals[outcome]);

    /// <summary>One minute; null where nothing was recorded in it, or it is too long ago.</summary>
    public TrafficMinute? Minute(long number) =>
        number >= 0 && Volatile.Read(ref _ring[number % Minutes]) is { } minute && minute.Number == number ? minute : null;

    /// <summary>The last minutes, the one that runs among them: between four and five.</summary>
    public IReadOnlyList<TrafficMinute> Recent()
    {
        var now = MinuteOf(time);
        var recent = new List<TrafficMinute>(Minutes);
        for (var number = Math.Max(0, now - Minutes + 1); number <= now; number++)
        {
            if (Minute(number) is { } minute)
            {
                recent.Add(minute);
            }
        }

        return recent;
    }

    private TrafficMinute Now()
    {
        var number = MinuteOf(time);
        ref var slot = ref _ring[number % Minutes];
        while (true)
        {
            var minute = Volatile.Read(ref slot);
            if (minute is not null && minute.Number >= number)
            {
                return minute;
            }

            var next = new TrafficMinute(number, _totals.Length);
            if (Interlocked.CompareExchange(ref slot, next, minute) == minute)
            {
                return next;
            }
        }
    }
}
