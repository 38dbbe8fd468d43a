namespace Weir.Flow.Limits;

/// <summary>Opens windows whose limits hold over all replicas together, and says how many those are.</summary>
public interface IPrepaidWindows
{
    /// <summary>Live replicas, this one included: caps on what is in flight are divided among them.</summary>
    int Replicas { get; }

    /// <summary>Raised when <see cref="Replicas"/> has changed.</summary>
    event Action? ReplicasChanged;

    /// <param name="name">The same on every replica for what is limited together; up to 64 characters, no secret.</param>
    /// <param name="limit">The most within any minute, all replicas together.</param>
    /// <param name="replenished">Called when there may be room again, without a lock held. Null: whoever wants some asks again.</param>
    PrepaidWindow Open(string name, long limit, Action? replenished = null);
}

/// <summary>Where a <see cref="PrepaidWindow"/> gets its blocks from. Nothing here waits or does I/O.</summary>
public interface IPrepaidSource
{
    /// <summary>The time that all replicas share, in ticks since 1970; it never steps back.</summary>
    long Now { get; }

    PrepaidTerms Terms { get; }

    /// <summary>The window wants blocks or has something to report. It asks once and then waits to be planned.</summary>
    void Ask(PrepaidWindow window);
}

/// <summary>What windows go by. Immutable, replaced whole.</summary>
/// <param name="Replicas">Live ones: what is divided where the store is away. At least 1.</param>
/// <param name="Recent">Those of the last minute: what may be taken ahead of a block is divided by them. At least <paramref name="Replicas"/>.</param>
/// <param name="IsSettled">The others have reckoned with this replica for a minute.</param>
/// <param name="IsAway">No blocks are to be had: each replica keeps to its part of the limit.</param>
public sealed record PrepaidTerms(int Replicas, int Recent, bool IsSettled, bool IsAway)
{
    /// <summary>
    /// No blocks are needed, since there is nobody to share with, or to be had: this replica keeps to its part of the limit, and reports what
    /// it spends as soon as it can.
    /// </summary>
    public bool IsLocal => IsAway || Recent == 1;

    /// <summary>The most that one block holds: a quarter of the limit over the replicas, at least 1.</summary>
    public long BlockOf(long limit) => Math.Max(1, limit / (4L * Recent));

    /// <summary>
    /// What one replica may have taken and not yet asked for. It is as much as a block; with a limit too small for that 1, so that whoever
    /// comes after a silence is not sent away; and 0 where there is not one for each replica.
    /// </summary>
    public long AdvanceOf(long limit) => limit / (4L * Recent) is > 0 and var share ? share : limit >= Recent ? 1 : 0;

    /// <summary>What blocks are cut from: the limit but for what all replicas together may take in advance.</summary>
    public long PoolOf(long limit) => limit - (Recent * AdvanceOf(limit));
}
