using System.Collections.Concurrent;
using Weir.State.Replicas;

namespace Weir.Leases.Doors;

/// <summary>The homes of the replicas that are announced. Where the store is one process's own, there is only this one.</summary>
internal sealed class Homes(IReplicaPlace place, ReplicaView replicas, TimeProvider time) : IHomes
{
    // An announcement outlives a process that was killed: until it ends, one lease in so long finds that out.
    private static readonly TimeSpan MissedFor = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, long> _missed = new(StringComparer.Ordinal);

    public string Own => place.Home;

    public bool IsThere(string home) => home == Own || replicas.Current.Homes.ContainsKey(home);

    public bool Answers(string home)
    {
        if (!_missed.TryGetValue(home, out var at) || time.GetElapsedTime(at) >= MissedFor)
            return IsThere(home);
        return home == Own;
    }

    public Uri? AddressOf(string home) => home == Own ? place.Url : replicas.Current.Homes.GetValueOrDefault(home);

    /// <summary>It was asked, and could not be reached.</summary>
    public void Missed(string home) => _missed[home] = time.GetTimestamp();

    public void Reached(string home) => _missed.TryRemove(home, out _);
}
