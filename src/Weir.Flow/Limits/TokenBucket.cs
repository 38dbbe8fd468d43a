namespace Weir.Flow.Limits;

/// <summary>
/// Allows bursts and then a steady rate: starts full, refills continuously. For limits that must hold in every window use
/// <see cref="SlidingWindow"/>, since a bucket lets a burst and a refill meet in one. Safe from any thread.
/// </summary>
public sealed class TokenBucket
{
    private readonly Lock _sync = new();
    private readonly MonotonicClock _clock;
    private readonly double _perTick;
    private double _level;
    private long _filledAt;

    /// <param name="rate">Tokens a second, above 0.</param>
    /// <param name="burst">What the bucket holds at most, at least 1; no single take can exceed it.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate that is not above 0, or a burst under 1.</exception>
    public TokenBucket(double rate, double burst, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        _clock = new MonotonicClock(time);
        _perTick = rate / TimeSpan.TicksPerSecond;
        _level = burst;
        Rate = rate;
        Burst = burst;
    }

    /// <summary>Tokens a second.</summary>
    public double Rate { get; }

    public double Burst { get; }

    /// <summary>Takes all of <paramref name="tokens"/> or nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of tokens.</exception>
    public bool TryTake(double tokens = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        lock (_sync)
        {
            Fill();
            if (tokens > _level)
                return false;
            _level -= tokens;
            return true;
        }
    }

    /// <summary>
    /// How long until <paramref name="tokens"/> are there if nobody else takes any: zero when they are, infinite when the bucket
    /// never holds as many.
    /// </summary>
    public TimeSpan WaitFor(double tokens = 1)
    {
        lock (_sync)
        {
            Fill();
            if (tokens <= _level)
                return TimeSpan.Zero;
            return tokens > Burst ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks((long)Math.Ceiling((tokens - _level) / _perTick));
        }
    }

    private void Fill()
    {
        var now = _clock.Now;
        _level = Math.Min(Burst, _level + ((now - _filledAt) * _perTick));
        _filledAt = now;
    }
}
