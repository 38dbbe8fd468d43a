namespace Weir.Flow;

/// <summary>Time since construction, in ticks of 100 ns: small numbers that are compared and added without regard to the provider's own unit.</summary>
internal readonly struct MonotonicClock(TimeProvider time)
{
    /// <summary>A moment that never comes.</summary>
    public const long Never = long.MaxValue;

    private readonly TimeProvider _time = time;
    private readonly long _origin = time.GetTimestamp();

    public TimeProvider Time => _time;

    public long Now => _time.GetElapsedTime(_origin).Ticks;

    /// <summary>The moment <paramref name="duration"/> after <paramref name="now"/>; infinite and overflowing durations give <see cref="Never"/>.</summary>
    public static long After(long now, TimeSpan duration) =>
        duration == Timeout.InfiniteTimeSpan || duration.Ticks > Never - now ? Never : now + Math.Max(0, duration.Ticks);
}
