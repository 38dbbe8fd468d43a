using Weir.Inference.Status;

namespace Weir.Server.Observability.History;

/// <summary>
/// Makes points of closed minutes. Not synchronised: <see cref="Alerts.Watchman"/> is the one who calls it.
/// </summary>
internal sealed class HistoryCollector(GatewayMinutes minutes, HistoryRing ring, IProcessMeter process, TimeProvider time)
{
    // The gateway remembers four closed minutes: what is older, as after the machine slept, is left out.
    private const int MostBehind = 4;

    private long _next = minutes.Current;
    private int _queue;
    private ProcessReading _before = process.Read();
    private long _beforeAt = time.GetTimestamp();

    /// <summary>Looks once; to be called several times a minute.</summary>
    /// <returns>The points that were made, oldest first; usually none.</returns>
    public IReadOnlyList<HistoryPoint> Collect(GatewayPulse pulse)
    {
        _queue = Math.Max(_queue, pulse.Queued);
        var current = minutes.Current;
        if (current <= _next) return [];

        var now = process.Read();
        var elapsed = time.GetElapsedTime(_beforeAt);
        var cpu = elapsed > TimeSpan.Zero ? Math.Clamp((now.Cpu - _before.Cpu) / elapsed / now.Cores, 0, 1) : 0;
        var endOfLast = time.GetUtcNow() - (TimeSpan.FromMinutes(1) - minutes.Left);
        var points = new List<HistoryPoint>();
        for (var number = Math.Max(_next, current - MostBehind); number < current; number++)
        {
            var at = endOfLast - TimeSpan.FromMinutes(current - 1 - number);
            points.Add(HistoryPoint.Of(minutes.Read(number), at, cpu, now, pulse.InFlight, _queue));
        }

        foreach (var point in points) ring.Add(point);
        (_next, _queue, _before, _beforeAt) = (current, pulse.Queued, now, time.GetTimestamp());
        return points;
    }
}
