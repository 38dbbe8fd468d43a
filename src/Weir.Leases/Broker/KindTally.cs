using System.Collections.Concurrent;

namespace Weir.Leases.Broker;

/// <summary>How many resources of each kind this replica has given out and taken back since its start.</summary>
public sealed class KindTally
{
    private readonly ConcurrentDictionary<string, Counts> _kinds = new(StringComparer.Ordinal);

    public void Allocated(string kind) => Interlocked.Increment(ref Of(kind).Allocations);

    /// <summary>Given back, expired or rolled back.</summary>
    public void Released(string kind) => Interlocked.Increment(ref Of(kind).Releases);

    public (long Allocations, long Releases) Read(string kind) =>
        _kinds.TryGetValue(kind, out var counts) ? (Interlocked.Read(ref counts.Allocations), Interlocked.Read(ref counts.Releases)) : default;

    private Counts Of(string kind) => _kinds.GetOrAdd(kind, _ => new Counts());

    private sealed class Counts
    {
        public long Allocations;
        public long Releases;
    }
}
