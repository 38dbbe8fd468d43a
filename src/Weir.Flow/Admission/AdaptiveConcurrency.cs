namespace Weir.Flow.Admission;

/// <summary>
/// A working limit between a floor and a hard cap: additive increase, multiplicative decrease. Not synchronised: its gate's lock
/// guards it.
/// </summary>
/// <remarks>
/// A round is as many successes as the limit. Only requests admitted under the present limit count, in either direction: one
/// overload answers many requests of one round trip with 429, and is one decrease.
/// </remarks>
internal sealed class AdaptiveConcurrency
{
    private const int LeastWindow = 20;

    private int _cap;
    private int _start;
    private int _floor;
    private long _target;
    private int _limit;
    private int _successes;
    private int _firstEvents;
    private int _slowEvents;

    public AdaptiveConcurrency(AdmissionLimits limits)
    {
        Bound(limits);
        _limit = _start;
    }

    /// <summary>What may be in flight now. Readable without the lock.</summary>
    public int Limit => Volatile.Read(ref _limit);

    /// <summary>Counts the decreases. A permit carries the epoch it was admitted in.</summary>
    public int Epoch { get; private set; }

    /// <summary>
    /// Takes other bounds. The working limit stays where experience put it, within the new bounds; one that was never lowered
    /// below its start follows a start that rises.
    /// </summary>
    public void Reconfigure(AdmissionLimits limits)
    {
        var untroubled = _limit >= _start;
        Bound(limits);
        var wanted = untroubled ? Math.Max(_limit, _start) : _limit;
        Volatile.Write(ref _limit, Math.Clamp(wanted, _floor, _cap));
    }

    /// <summary>Learns from the end of a request that was admitted in <paramref name="epoch"/>.</summary>
    public void Observe(int epoch, AdmissionSignal signal, TimeSpan? firstEvent)
    {
        // Without a cap there is nothing to work within.
        if (epoch != Epoch || _limit == int.MaxValue)
            return;
        if (signal == AdmissionSignal.Throttled)
        {
            Decrease();
            return;
        }
        if (firstEvent is { } latency && _target > 0 && IsSlow(latency))
        {
            Decrease();
            return;
        }
        if (signal == AdmissionSignal.Success && ++_successes >= _limit)
        {
            _successes = 0;
            Volatile.Write(ref _limit, Math.Min(_cap, _limit + 1));
        }
    }

    /// <summary>Judges once per window, at least a round long, so that a decrease shows before the next is decided.</summary>
    private bool IsSlow(TimeSpan latency)
    {
        _firstEvents++;
        if (latency.Ticks > _target)
            _slowEvents++;
        if (_firstEvents < Math.Max(LeastWindow, _limit))
            return false;
        // The 95th percentile by nearest rank is above the target exactly when more than a 20th of the window is.
        var slow = _slowEvents > _firstEvents - (int)Math.Ceiling(_firstEvents * 0.95);
        _firstEvents = 0;
        _slowEvents = 0;
        return slow;
    }

    private void Decrease()
    {
        Volatile.Write(ref _limit, Math.Max(_floor, _limit / 2));
        Epoch++;
        _successes = 0;
        _firstEvents = 0;
        _slowEvents = 0;
    }

    private void Bound(AdmissionLimits limits)
    {
        _cap = limits.MaxConcurrency;
        _start = Math.Min(limits.StartConcurrency ?? _cap, _cap);
        _floor = Math.Max(1, (int)Math.Ceiling(_start / 4.0));
        _target = limits.LatencyTarget?.Ticks ?? 0;
    }
}
