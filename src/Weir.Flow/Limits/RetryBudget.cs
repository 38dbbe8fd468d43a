namespace Weir.Flow.Limits;

/// <summary>
/// Keeps retries from multiplying an outage: within a rolling window, at most a share of the requests, plus a floor that lets
/// quiet traffic retry at all. Safe from any thread.
/// </summary>
public sealed class RetryBudget
{
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromSeconds(10);

    private readonly Lock _sync = new();
    private readonly MonotonicClock _clock;
    private readonly RollingCounts _counts;
    private double _ratio;
    private int _floor;

    /// <summary>A budget over the usual window of 10 s.</summary>
    /// <inheritdoc cref="RetryBudget(double, int, TimeSpan, TimeProvider)"/>
    public RetryBudget(double ratio, int floor, TimeProvider time)
        : this(ratio, floor, DefaultWindow, time)
    {
    }

    /// <param name="ratio">Retries per request of the window, at least 0; usually 0.2.</param>
    /// <param name="floor">Retries per window that are allowed however few the requests, at least 0; usually 10.</param>
    /// <param name="window">How long a request or a retry counts.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative ratio or floor, or a window that is not positive.</exception>
    public RetryBudget(double ratio, int floor, TimeSpan window, TimeProvider time)
    {
        _clock = new MonotonicClock(time);
        _counts = new RollingCounts(window);
        Reconfigure(ratio, floor);
    }

    /// <summary>How many retries could be spent now.</summary>
    public int Remaining
    {
        get
        {
            lock (_sync)
            {
                _counts.Roll(_clock.Now);
                return (int)Math.Clamp(Math.Floor(Allowed - _counts.Marked), 0, int.MaxValue);
            }
        }
    }

    /// <summary>Rounded, since 0.29 of 100 is 29 for everybody but a double.</summary>
    private double Allowed => _floor + Math.Round(_ratio * _counts.Total, 6);

    /// <summary>Counts one request (not one attempt): each adds its ratio to what may be spent while it is in the window.</summary>
    public void CountRequest()
    {
        lock (_sync)
            _counts.Add(_clock.Now, total: 1, marked: 0);
    }

    /// <summary>Spends one retry if the window still allows it.</summary>
    public bool TrySpend()
    {
        lock (_sync)
        {
            var now = _clock.Now;
            _counts.Roll(now);
            // A whole retry must fit: 0.2 of one is none.
            if (_counts.Marked + 1 > Allowed)
                return false;
            _counts.Add(now, total: 0, marked: 1);
            return true;
        }
    }

    /// <summary>Takes other figures; what the window holds stays counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative ratio or floor.</exception>
    public void Reconfigure(double ratio, int floor)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ratio);
        ArgumentOutOfRangeException.ThrowIfNegative(floor);
        lock (_sync)
        {
            _ratio = ratio;
            _floor = floor;
        }
    }
}
