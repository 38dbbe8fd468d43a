namespace Weir.Inference.Providers;

/// <summary>Remembers for a while that a provider does not have something, after which it is asked again: servers are updated.</summary>
internal sealed class AbsenceMark(TimeProvider time)
{
    public static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    // 0: never set. Else the timestamp until which it holds.
    private long _until;

    public bool IsSet => Volatile.Read(ref _until) is var until and not 0 && time.GetTimestamp() < until;

    public void Set() => Volatile.Write(ref _until, time.GetTimestamp() + (long)(Kept.TotalSeconds * time.TimestampFrequency));
}
