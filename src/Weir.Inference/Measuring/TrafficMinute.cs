using Weir.Flow.Measuring;

namespace Weir.Inference.Measuring;

/// <summary>What happened in one minute. Safe from any thread.</summary>
internal sealed class TrafficMinute(long number, int outcomes)
{
    private readonly long[] _counts = new long[outcomes];
    private long _input;
    private long _output;
    private long _measured;
    private long _generating;

    /// <summary>Which minute of the monotonic clock.</summary>
    public long Number { get; } = number;

    public LatencyHistogram FirstEvents { get; } = new();

    public LatencyHistogram Answers { get; } = new();

    public long InputTokens => Volatile.Read(ref _input);

    public long OutputTokens => Volatile.Read(ref _output);

    /// <summary>Output tokens of answers whose duration is known, and those durations together: their quotient is the pace of one stream.</summary>
    public (long Tokens, TimeSpan Duration) Generated => (Volatile.Read(ref _measured), TimeSpan.FromTicks(Volatile.Read(ref _generating)));

    public long CountOf(int outcome) => Volatile.Read(ref _counts[outcome]);

    public void Count(int outcome) => Interlocked.Increment(ref _counts[outcome]);

    public void Measure(TimeSpan? firstEvent, TimeSpan? took, long input, long output)
    {
        if (firstEvent is { } first)
        {
            FirstEvents.Record(first);
        }

        if (took is { } whole)
        {
            Answers.Record(whole);
        }

        if (input > 0)
        {
            Interlocked.Add(ref _input, input);
        }

        if (output <= 0)
        {
            return;
        }

        Interlocked.Add(ref _output, output);
        if (took is { } duration)
        {
            Interlocked.Add(ref _measured, output);
            Interlocked.Add(ref _generating, duration.Ticks);
        }
    }
}
