using Weir.State.Replicas;

namespace Weir.Leases.Doors;

/// <summary>The homes of the replicas that are announced. Where the store is one process's own, there is only this one.</summary>
internal sealed class Homes(IReplicaPlace place, ReplicaView replicas) : IHomes
{
    public string Own => place.Home;

    public bool IsThere(string home) => home == Own || replicas.Current.Homes.ContainsKey(home);

    public Uri? AddressOf(string home) => home == Own ? place.Url : replicas.Current.Homes.GetValueOrDefault(home);
}
