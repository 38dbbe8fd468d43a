namespace Weir.Server.Observability.Metrics;

/// <summary>One number, or one histogram.</summary>
internal sealed class Series(int bounds)
{
    private readonly long[] _buckets = bounds == 0 ? [] : new long[bounds + 1];
    private double _value;
    private long _generation;

    /// <summary>The number; a histogram's sum.</summary>
    public double Value => Volatile.Read(ref _value);

    public long Generation
    {
        get => Volatile.Read(ref _generation);
        set => Volatile.Write(ref _generation, value);
    }

    /// <summary>Values in each bucket alone; the last one takes what exceeds every bound.</summary>
    public long[] Buckets()
    {
        var copy = new long[_buckets.Length];
        for (var i = 0; i < copy.Length; i++) copy[i] = Volatile.Read(ref _buckets[i]);
        return copy;
    }

    public void Record(SeriesKind kind, double value, double[] bounds)
    {
        switch (kind)
        {
            case SeriesKind.Gauge or SeriesKind.ObservedCounter:
                Volatile.Write(ref _value, value);
                return;

            case SeriesKind.Histogram:
                if (double.IsNaN(value)) return;
                var index = Array.BinarySearch(bounds, value);
                Interlocked.Increment(ref _buckets[index < 0 ? ~index : index]);
                break;
        }

        var seen = Volatile.Read(ref _value);
        while (true)
        {
            var before = Interlocked.CompareExchange(ref _value, seen + value, seen);
            if (before.Equals(seen)) return;
            seen = before;
        }
    }
}
