namespace Weir.Flow.Limits;

/// <summary>
/// Two counts over a rolling window of ten buckets: all that happened, and the marked part of it. What is read covers between
/// nine and ten tenths of the window. Not synchronised: its owner's lock guards it.
/// </summary>
internal sealed class RollingCounts
{
    private const int Buckets = 10;

    private readonly long _bucketTicks;
    private readonly long[] _totals = new long[Buckets];
    private readonly long[] _marked = new long[Buckets];
    private long _newest;

    public RollingCounts(TimeSpan window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(window, TimeSpan.Zero);
        _bucketTicks = Math.Max(1, window.Ticks / Buckets);
    }

    /// <summary>Valid after <see cref="Roll"/>.</summary>
    public long Total { get; private set; }

    /// <summary>Valid after <see cref="Roll"/>.</summary>
    public long Marked { get; private set; }

    /// <summary>Drops what has left the window at <paramref name="now"/>.</summary>
    public void Roll(long now)
    {
        var current = now / _bucketTicks;
        if (current <= _newest)
            return;
        var stale = Math.Min(Buckets, current - _newest);
        for (var i = 1; i <= stale; i++)
        {
            var slot = (int)((_newest + i) % Buckets);
            Total -= _totals[slot];
            Marked -= _marked[slot];
            _totals[slot] = 0;
            _marked[slot] = 0;
        }
        _newest = current;
    }

    public void Add(long now, int total, int marked)
    {
        Roll(now);
        var slot = (int)(_newest % Buckets);
        _totals[slot] += total;
        _marked[slot] += marked;
        Total += total;
        Marked += marked;
    }

    public void Clear()
    {
        Array.Clear(_totals);
        Array.Clear(_marked);
        Total = 0;
        Marked = 0;
    }
}
