using Weir.Leases.Documents;

namespace Weir.Leases.Fleet;

/// <summary>So many resources of a kind.</summary>
internal readonly record struct KindNeed(string Kind, int Count);

/// <summary>A lease that waits, or a request that would.</summary>
internal sealed class Waiter(Stored<LeaseRecord> lease)
{
    /// <summary>How long one waits to be the equal of somebody of one priority more who has just come.</summary>
    public static readonly TimeSpan Ageing = TimeSpan.FromSeconds(30);

    public Stored<LeaseRecord> Lease { get; } = lease;

    public LeaseRecord Record => Lease.Value;

    /// <summary>Its rank never changes: to age is to have come earlier.</summary>
    public long Rank { get; } = lease.Value.AskedAt.UtcTicks - (lease.Value.Priority * Ageing.Ticks);

    /// <summary>What it needs, each kind once.</summary>
    public KindNeed[] Needs { get; } = NeedsOf(lease.Value);

    public int Need(string kind)
    {
        foreach (var need in Needs)
        {
            if (need.Kind == kind)
                return need.Count;
        }

        return 0;
    }

    private static KindNeed[] NeedsOf(LeaseRecord record) => record.Demands is [var only]
        ? [new KindNeed(only.Kind, only.Count)]
        : [.. record.Demands.GroupBy(demand => demand.Kind, StringComparer.Ordinal).Select(kind => new KindNeed(kind.Key, kind.Sum(demand => demand.Count)))];
}

/// <summary>The one order of all who wait: by when they asked, 30 s earlier for each priority; then by when the store took them in. A request that the store has not taken in yet is last of its rank.</summary>
internal sealed class WaiterOrder : IComparer<Waiter>
{
    public static readonly WaiterOrder Instance = new();

    public int Compare(Waiter? x, Waiter? y)
    {
        var byRank = x!.Rank.CompareTo(y!.Rank);
        if (byRank != 0)
            return byRank;
        var byArrival = Arrival(x).CompareTo(Arrival(y));
        return byArrival != 0 ? byArrival : string.CompareOrdinal(x.Record.Id, y.Record.Id);
    }

    private static long Arrival(Waiter waiter) => waiter.Lease.Version == 0 ? long.MaxValue : waiter.Lease.Version;
}
