namespace Weir.Flow;

/// <summary>Time since construction, in ticks of 100 ns: small numbers that are compared and added without regard to the provider's own unit.</summary>
internal readonly struct MonotonicClock(TimeProvider time)
{
    /// <summary>A moment that never comes.</summary>
    public const long Never = long.MaxValue;

    private readonly TimeProvider _time = time;
    private readonly long _origin = time.GetTimestamp();

    public long Now => _time.GetElapsedTime(_origin).Ticks;

    /// <summary>The moment <paramref name="duration"/> after <paramref name="now"/>; infinite and overflowing durations give <see cref="Never"/>.</summary>
    public static long After(long now, TimeSpan duration) =>
        duration == Timeout.InfiniteTimeSpan || duration.Ticks > Never - now ? Never : now + Math.Max(0, duration.Ticks);

    /// <summary>
    /// A timer that is not armed yet. It does not keep what happens to be ambient here (the trace of the request that came first)
    /// for as long as it lives.
    /// </summary>
    public ITimer CreateTimer(TimerCallback callback, object state)
    {
        if (ExecutionContext.IsFlowSuppressed())
            return _time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        using (ExecutionContext.SuppressFlow())
            return _time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whole milliseconds, rounded up: timers count in them, and one that fires early by a fraction would only be set again.</summary>
    public static TimeSpan Due(long ticks) =>
        TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(ticks / (double)TimeSpan.TicksPerMillisecond), 0, int.MaxValue));
}
