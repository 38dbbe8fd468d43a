using System.Numerics;

namespace Weir.Cli.Load;

/// <summary>
/// Counts durations in buckets that are at most a 64th wide, from 1 µs to an hour and beyond: 4 kB, whatever is counted. One writer at a time.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 6;
    private const int Sub = 1 << SubBits;
    private const int Octaves = 27;

    private readonly int[] _counts = new int[Sub * Octaves];
    private long _longest;

    public long Count { get; private set; }

    public TimeSpan Longest => Micros(_longest);

    public void Add(TimeSpan duration)
    {
        var micros = Math.Max(0, (long)duration.TotalMicroseconds);
        _counts[IndexOf(micros)]++;
        _longest = Math.Max(_longest, micros);
        Count++;
    }

    /// <summary>By nearest rank: the upper end of the bucket that holds it. Zero where nothing was counted.</summary>
    /// <param name="share">From 0 to 1.</param>
    public TimeSpan Percentile(double share)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= rank) return Micros(Math.Min(_longest, UpperEnd(i)));
        }

        return Longest;
    }

    // Exact below 64 µs; above, the six bits after the highest.
    private static int IndexOf(long micros)
    {
        if (micros < Sub) return (int)micros;
        var shift = BitOperations.Log2((ulong)micros) - SubBits;
        return Math.Min(((shift + 1) << SubBits) + (int)((micros >> shift) - Sub), (Sub * Octaves) - 1);
    }

    private static long UpperEnd(int index)
    {
        if (index < Sub) return index;
        var shift = (index >> SubBits) - 1;
        return (((long)(index & (Sub - 1)) + Sub + 1) << shift) - 1;
    }

    private static TimeSpan Micros(long micros) => TimeSpan.FromMicroseconds(micros);
}
