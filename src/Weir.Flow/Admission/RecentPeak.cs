namespace Weir.Flow.Admission;

/// <summary>
/// The most interactive requests that were in flight at once of late, which is what the background leaves room for: those who come back
/// in the same number find their places free. Forgotten after one to two <see cref="Period"/>s. Not synchronised.
/// </summary>
internal struct RecentPeak
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(15);

    private long _since;
    private int _current;
    private int _previous;

    /// <summary>Interactive requests in flight now.</summary>
    public int InFlight { get; private set; }

    public void Enter(long now)
    {
        Turn(now);
        _current = Math.Max(_current, ++InFlight);
    }

    public void Leave(long now)
    {
        Turn(now);
        InFlight--;
    }

    public int At(long now)
    {
        Turn(now);
        return Math.Max(_current, _previous);
    }

    /// <summary>When time alone next lowers it; <see cref="MonotonicClock.Never"/> while what is in flight holds it up.</summary>
    public long LowerAt(long now) => At(now) > InFlight ? _since + Period.Ticks : MonotonicClock.Never;

    private void Turn(long now)
    {
        var periods = (now - _since) / Period.Ticks;
        if (periods <= 0)
            return;
        _previous = periods == 1 ? _current : InFlight;
        _current = InFlight;
        _since += periods * Period.Ticks;
    }
}
