using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;

namespace Weir.Server.Leases;

/// <summary>Makes of leases what is shown of them, and to whom.</summary>
internal sealed class LeaseViews(ILeaseBroker broker, IDoors doors)
{
    /// <param name="asker">Tokens are shown only to the key that made the lease.</param>
    /// <param name="stored">The lease.</param>
    /// <param name="seen">What its resources show. Null: nobody asked.</param>
    /// <exception cref="Weir.State.StoreUnavailableException">The secret of the doors has not been read yet.</exception>
    public LeaseView Of(LeaseAsker asker, Stored<LeaseRecord> stored, LeaseObservations? seen = null)
    {
        var lease = stored.Value;
        var fence = lease.FenceOf(stored.Version);
        var isOwn = IsOwn(asker, lease);
        return new LeaseView
        {
            Id = lease.Id,
            WorkerId = lease.WorkerId,
            Fence = fence == 0 ? null : fence,
            State = lease.State,
            Priority = lease.Priority,
            Ttl = lease.Ttl,
            Position = lease.State == LeaseState.Waiting ? broker.PositionOf(lease.Id) : null,
            AskedAt = lease.AskedAt,
            WaitsUntil = lease.State == LeaseState.Waiting ? lease.EndsAt : null,
            GrantedAt = lease.GrantedAt,
            ReadyAt = lease.ReadyAt,
            ExpiresAt = lease.State == LeaseState.Ready ? lease.EndsAt : null,
            EndedAt = lease.HasEnded ? lease.EndsAt : null,
            Reason = lease.Reason,
            Code = lease.State == LeaseState.Failed ? lease.FailureCode : null,
            Labels = lease.Labels,
            Demands = lease.Holdings.Count == 0 ? [.. lease.Demands.Select(demand => new DemandView(demand.Kind, demand.Count))] : null,
            Resources = [.. lease.Holdings.Select(holding => new LeasedView
            {
                Id = holding.Resource,
                Kind = holding.AskedAs,
                ResolvedKind = holding.AskedAs == holding.Kind ? null : holding.Kind,
                BaseUrl = lease.State == LeaseState.Ready ? doors.AddressOf(holding.Resource) : null,
                Token = isOwn && lease.State == LeaseState.Ready ? doors.TokenOf(holding.Resource, lease.Id, fence) : null,
                Status = StatusOf(lease, holding),
                Details = holding.Details,
                Error = holding.Fault,
                Observation = seen is not null && seen.ByResource.TryGetValue(holding.Resource, out var one) ? ObservationView.Of(one) : null,
            })],
        };
    }

    /// <summary>Whether the asker's own key made it.</summary>
    public static bool IsOwn(LeaseAsker asker, LeaseRecord lease) => lease.KeyId == asker.KeyId && lease.Tenant == asker.Tenant;

    public static string StatusOf(LeaseRecord lease, LeaseHolding holding) => lease.State switch
    {
        LeaseState.Ready => holding.Fault is null ? "ready" : "failed",
        LeaseState.Granted => "initialising",
        _ => "released",
    };
}
