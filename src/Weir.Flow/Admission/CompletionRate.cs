using Weir.Flow.Limits;

namespace Weir.Flow.Admission;

/// <summary>How fast requests complete, to tell a refused one when to try again. Not synchronised: the gate's lock guards it.</summary>
internal sealed class CompletionRate
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60);

    private readonly RollingCounts _completed = new(Window);
    private long _silentSince;

    /// <summary>A request begins where none was in flight: silence before it says nothing.</summary>
    public void Wake(long now) => _silentSince = now;

    public void Count(long now)
    {
        _completed.Add(now, total: 1, marked: 0);
        _silentSince = now;
    }

    /// <summary>
    /// How long <paramref name="ahead"/> requests will take, from 1 s to 60 s: at the rate of the last 10 s, or where nothing
    /// completed in them, one for each time that the silence has already lasted.
    /// </summary>
    public TimeSpan Estimate(long now, int ahead)
    {
        _completed.Roll(now);
        var each = _completed.Total > 0 ? (double)Window.Ticks / _completed.Total : now - _silentSince;
        var ticks = Math.Clamp(each * Math.Max(1, ahead), Least.Ticks, Most.Ticks);
        return TimeSpan.FromSeconds(Math.Ceiling(ticks / TimeSpan.TicksPerSecond));
    }
}
