namespace Weir.Simulation.Faults;

/// <summary>
/// Requests a minute as a bucket that holds one minute's worth and refills continuously. The limit is given with each take,
/// so that a change of settings needs no new bucket.
/// </summary>
internal sealed class RequestBucket(TimeProvider time)
{
    private readonly Lock _lock = new();
    private double _spent;
    private long _at = time.GetTimestamp();

    /// <param name="perMinute">The limit; above 0.</param>
    public Taken Take(int perMinute)
    {
        var perSecond = perMinute / 60.0;
        lock (_lock)
        {
            var now = time.GetTimestamp();
            _spent = Math.Max(0, _spent - time.GetElapsedTime(_at, now).TotalSeconds * perSecond);
            _at = now;
            var granted = _spent + 1 <= perMinute;
            if (granted)
                _spent++;
            var wait = granted ? TimeSpan.Zero : TimeSpan.FromSeconds((_spent + 1 - perMinute) / perSecond);
            return new(granted, (int)(perMinute - _spent), wait, TimeSpan.FromSeconds(_spent / perSecond));
        }
    }

    /// <param name="Granted">Whether the request may run.</param>
    /// <param name="Remaining">Whole requests left now.</param>
    /// <param name="RetryAfter">Time until one would be granted; zero when this one was.</param>
    /// <param name="FullIn">Time until the bucket is full again.</param>
    public readonly record struct Taken(bool Granted, int Remaining, TimeSpan RetryAfter, TimeSpan FullIn);
}
