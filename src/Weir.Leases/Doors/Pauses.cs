namespace Weir.Leases.Doors;

/// <summary>
/// Notices that the process stood still (SIGSTOP, a frozen machine): its beats are missing. It beats only while somebody asks, so an idle server is not woken.
/// </summary>
internal sealed class Pauses : IDisposable
{
    /// <summary>Without a beat for longer counts as a pause. A thread pool that is busy for so long looks the same, and costs its askers one look.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    // Longer than what was seen before may be relied on.
    private static readonly TimeSpan AskedWithin = FeedFreshness.Longest + TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _sync = new();
    private volatile bool _beats;
    private long _beat;
    private long _asked;
    private long _end;

    public Pauses(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static self => ((Pauses)self!).Beat(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <returns>When the last pause was noticed to be over, as a timestamp: what was seen before may be out of date. Before it beats nobody knows, and that is now.</returns>
    public long LastEnd()
    {
        var now = _time.GetTimestamp();
        Volatile.Write(ref _asked, now);
        if (!_beats || _time.GetElapsedTime(Volatile.Read(ref _beat), now) > Shortest)
            Notice();
        return Volatile.Read(ref _end);
    }

    public void Dispose() => _timer.Dispose();

    private void Notice()
    {
        lock (_sync)
        {
            var now = _time.GetTimestamp();
            // Another asker, or the beat itself, was here first.
            if (_beats && _time.GetElapsedTime(_beat, now) <= Shortest)
                return;
            Volatile.Write(ref _end, now);
            Volatile.Write(ref _beat, now);
            if (!_beats)
                _timer.Change(Period, Period);
            _beats = true;
        }
    }

    private void Beat()
    {
        lock (_sync)
        {
            var now = _time.GetTimestamp();
            if (!_beats)
                return;
            // The first beat after a pause may come before the first asker, and must not hide it.
            if (_time.GetElapsedTime(_beat, now) > Shortest)
                Volatile.Write(ref _end, now);
            Volatile.Write(ref _beat, now);
            if (_time.GetElapsedTime(Volatile.Read(ref _asked), now) <= AskedWithin)
                return;
            _beats = false;
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
