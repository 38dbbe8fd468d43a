using Weir.Flow.Limits;

namespace Weir.Flow.Breaking;

/// <summary>
/// Stops sending to what fails: opens when the share of failures in a rolling window reaches a ratio, lets probes through after a
/// while, closes when they succeed. Safe from any thread; calls nobody back.
/// </summary>
/// <remarks>
/// Every change of state starts a new generation, and a pass reports only to the generation it was taken in: an attempt that was
/// under way when the breaker opened cannot reopen it, close it, or count in the window after it has closed.
/// </remarks>
public sealed class CircuitBreaker
{
    private readonly Lock _sync = new();
    private readonly MonotonicClock _clock;
    private CircuitBreakerSettings _settings;
    private RollingCounts _counts;
    private BreakerState _state;
    private long _generation;
    private long _opened;
    private long _openUntil;
    private int _probes;
    private int _probesSucceeded;
    private long _lastProbeAt;

    /// <exception cref="ArgumentOutOfRangeException">A setting out of its range.</exception>
    public CircuitBreaker(CircuitBreakerSettings settings, TimeProvider time)
    {
        settings.Validate();
        _settings = settings;
        _clock = new MonotonicClock(time);
        _counts = new RollingCounts(settings.Window);
    }

    internal enum Result
    {
        None,
        Success,
        Failure,
    }

    /// <summary>The state now: half-open as soon as the open period is over, whether or not anybody has probed.</summary>
    public BreakerState State
    {
        get
        {
            lock (_sync)
                return _state == BreakerState.Open && _clock.Now >= _openUntil ? BreakerState.HalfOpen : _state;
        }
    }

    /// <summary>How long nobody will pass; zero unless open.</summary>
    public TimeSpan OpenFor
    {
        get
        {
            lock (_sync)
                return _state == BreakerState.Open ? TimeSpan.FromTicks(Math.Max(0, _openUntil - _clock.Now)) : TimeSpan.Zero;
        }
    }

    /// <summary>How often it has opened since it was made.</summary>
    public long Opened => Volatile.Read(ref _opened);

    /// <summary>Whether <see cref="TryPass"/> would succeed now, without taking a probe's place: for picking among several.</summary>
    public bool WouldPass
    {
        get
        {
            lock (_sync)
                return Passable(_clock.Now);
        }
    }

    /// <summary>Takes the right to one attempt. False while open, and while the probes of a half-open breaker are under way.</summary>
    public bool TryPass(out BreakerPass pass)
    {
        lock (_sync)
        {
            if (_state != BreakerState.Closed)
            {
                var now = _clock.Now;
                if (!Passable(now))
                {
                    pass = default;
                    return false;
                }
                if (_state == BreakerState.Open)
                    Enter(BreakerState.HalfOpen);
                _probes++;
                _lastProbeAt = now;
            }
            pass = new BreakerPass(this, _generation);
            return true;
        }
    }

    /// <summary>Closes it and forgets what was counted; results of attempts under way no longer matter.</summary>
    public void Reset()
    {
        lock (_sync)
            Enter(BreakerState.Closed);
    }

    /// <summary>Takes other settings. The state stays; counts stay unless the window's length changes; a running open period keeps its end.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting out of its range.</exception>
    public void Reconfigure(CircuitBreakerSettings settings)
    {
        settings.Validate();
        lock (_sync)
        {
            if (settings.Window != _settings.Window)
                _counts = new RollingCounts(settings.Window);
            _settings = settings;
        }
    }

    internal void Report(long generation, Result result)
    {
        lock (_sync)
        {
            if (generation != _generation)
                return;
            if (_state == BreakerState.HalfOpen)
                ReportProbe(result);
            else if (_state == BreakerState.Closed && result != Result.None)
                Count(result == Result.Failure);
        }
    }

    private bool Passable(long now) => _state switch
    {
        BreakerState.Closed => true,
        BreakerState.Open => now >= _openUntil,
        // A probe that hangs for another open period no longer keeps its place: one lost report must not shut the door for ever.
        _ => _probes + _probesSucceeded < _settings.HalfOpenRequests || now - _lastProbeAt >= _settings.Open.Ticks,
    };

    private void ReportProbe(Result result)
    {
        _probes = Math.Max(0, _probes - 1);
        if (result == Result.Failure)
            Enter(BreakerState.Open);
        else if (result == Result.Success && ++_probesSucceeded >= _settings.HalfOpenRequests)
            Enter(BreakerState.Closed);
    }

    private void Count(bool failed)
    {
        _counts.Add(_clock.Now, total: 1, marked: failed ? 1 : 0);
        if (failed && _counts.Total >= _settings.MinimumRequests && (double)_counts.Marked / _counts.Total >= _settings.FailureRatio)
            Enter(BreakerState.Open);
    }

    private void Enter(BreakerState state)
    {
        _generation++;
        _state = state;
        _probes = 0;
        _probesSucceeded = 0;
        _counts.Clear();
        if (state != BreakerState.Open)
            return;
        _openUntil = MonotonicClock.After(_clock.Now, _settings.Open);
        Volatile.Write(ref _opened, _opened + 1);
    }
}
