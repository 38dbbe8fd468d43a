namespace Weir.Inference.Providers;

/// <summary>
/// Remembers that a key, or a deployment under it, was refused: it is left alone for a minute, and then one request at a
/// time tries whether it is accepted again.
/// </summary>
internal sealed class RefusalMark(TimeProvider time)
{
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ProbeTime = TimeSpan.FromSeconds(10);

    // 0: not marked. Else the timestamp until which nobody but the probe may pass.
    private long _until;

    public bool IsMarked => Volatile.Read(ref _until) != 0;

    /// <summary>What is left of the rest; zero where there is none, or a probe may pass.</summary>
    public TimeSpan RestsFor => Volatile.Read(ref _until) is var until and not 0
        ? TimeSpan.FromSeconds(Math.Max(0, (until - time.GetTimestamp()) / (double)time.TimestampFrequency))
        : TimeSpan.Zero;

    /// <summary>Whether a request may come here now, without taking the turn to probe.</summary>
    public bool WouldPass => Volatile.Read(ref _until) is var until && (until == 0 || time.GetTimestamp() >= until);

    /// <summary>Takes the turn: when the rest is over, exactly one of several callers passes.</summary>
    public bool TryPass()
    {
        var until = Volatile.Read(ref _until);
        if (until == 0)
        {
            return true;
        }

        var now = time.GetTimestamp();
        return now >= until && Interlocked.CompareExchange(ref _until, now + Ticks(ProbeTime), until) == until;
    }

    public void Mark() => Volatile.Write(ref _until, time.GetTimestamp() + Ticks(Rest));

    public void Clear()
    {
        if (Volatile.Read(ref _until) != 0)
        {
            Volatile.Write(ref _until, 0);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
