using System.Numerics;

namespace Weir.Flow.Measuring;

/// <summary>
/// Counts durations in buckets that widen with them: eight for each doubling, from 0.1 ms to 1 h 51 min. A percentile read from it is off by
/// at most a sixteenth (6.25 %) of the true one, or 0.05 ms where that is more; what is longer counts as the longest. Fixed in size
/// (768 bytes), takes no lock and allocates nothing to record. Safe from any thread.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBits = 3;
    private const int SubBuckets = 1 << SubBits;
    private const int Octaves = 24;
    private const int Count = SubBuckets * Octaves;
    private const long UnitTicks = TimeSpan.TicksPerMillisecond / 10;
    private const long Largest = (1L << (SubBits + Octaves - 1)) - 1;

    private readonly int[] _counts = new int[Count];

    public void Record(TimeSpan duration) => Interlocked.Increment(ref _counts[IndexOf(Math.Clamp(duration.Ticks / UnitTicks, 0, Largest))]);

    /// <summary>The percentiles of all that several histograms have counted.</summary>
    public static LatencySummary Summarize(IReadOnlyCollection<LatencyHistogram> histograms)
    {
        ArgumentNullException.ThrowIfNull(histograms);
        Span<long> sums = stackalloc long[Count];
        long total = 0;
        foreach (var histogram in histograms)
        {
            for (var i = 0; i < Count; i++)
            {
                var count = Volatile.Read(ref histogram._counts[i]);
                sums[i] += count;
                total += count;
            }
        }

        return total == 0 ? default : new LatencySummary(total, At(sums, total, 0.50), At(sums, total, 0.95), At(sums, total, 0.99));
    }

    // The nearest rank: the smallest value that at least this share of all do not exceed.
    private static TimeSpan At(ReadOnlySpan<long> sums, long total, double share)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(total * share));
        var index = 0;
        for (long seen = sums[0]; seen < rank; seen += sums[index])
            index++;
        return Middle(index);
    }

    private static int IndexOf(long units)
    {
        if (units < SubBuckets)
            return (int)units;
        var octave = BitOperations.Log2((ulong)units) - SubBits;
        return (octave * SubBuckets) + (int)(units >> octave);
    }

    private static TimeSpan Middle(int index)
    {
        var octave = Math.Max(0, (index / SubBuckets) - 1);
        var low = (long)(index - (octave * SubBuckets)) << octave;
        return TimeSpan.FromTicks((low * UnitTicks) + ((UnitTicks << octave) / 2));
    }
}

/// <summary>What a <see cref="LatencyHistogram"/> has counted. All zero where that is nothing.</summary>
public readonly record struct LatencySummary(long Count, TimeSpan P50, TimeSpan P95, TimeSpan P99);
