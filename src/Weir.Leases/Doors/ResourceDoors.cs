using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Doors;

/// <summary>Who may enter where, and when. Everything is judged by what this replica has read, which it knows to be fresh, and in store time.</summary>
internal sealed class ResourceDoors(IFleetView view, IStateStore store, DoorSigner signer, FeedFreshness freshness, IReplicaPlace place) : IDoors
{
    /// <summary>Where doors begin: <c>/doors/rag.3</c>.</summary>
    public const string Root = "/doors/";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    // How long a token may be ahead of the feed: what granted it may be another replica.
    private static readonly TimeSpan FeedWithin = TimeSpan.FromSeconds(2);

    public static LeaseError FeedBehind { get; } =
        new(503, "feed_behind", "This replica has not heard of the fleet for more than 2 s, and cannot tell whether the lease still holds. Try again.") { RetryAfter = Soon };

    public bool AreShut => freshness.WasBehind;

    public string AddressOf(string resourceId) => (place.Url?.AbsoluteUri.TrimEnd('/') ?? "") + Root + resourceId;

    public string TokenOf(string resourceId, string leaseId, long fence) => signer.Sign(DoorPurpose.Use, resourceId, leaseId, fence);

    public ValueTask<DoorEntry> EnterAsync(string resourceId, string? token, CancellationToken cancellationToken) =>
        EnterAsync(resourceId, token, DoorPurpose.Use, cancellationToken);

    public async ValueTask<DoorEntry> EnterAsync(string resourceId, string? token, DoorPurpose purpose, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(token))
            return Refused(new LeaseError(401, "token_missing", "This door needs the token that the lease gave for it: send 'Authorization: Bearer weirdoor_…' or 'x-weir-token: weirdoor_…'."));
        if (!signer.IsReady || !await view.IsKnownSoonAsync(cancellationToken))
            return Refused(new LeaseError(503, "unavailable", "The server has not read its leases yet.") { RetryAfter = Soon });
        if (signer.Read(purpose, resourceId, token) is not { } claim)
            return Refused(new LeaseError(401, "token_unknown", "The token is not one for this door: each resource of a lease has its own, and each grant makes new ones."));

        if (view.Revision < claim.Fence && !await view.WhenAsync(claim.Fence, FeedWithin, cancellationToken))
            return Refused(FeedBehind);
        if (!await freshness.IsFreshAsync(cancellationToken))
            return Refused(FeedBehind);
        return Judge(resourceId, claim);
    }

    /// <summary>Whether a proven claim holds now, as far as this replica has read.</summary>
    public DoorEntry Judge(string resourceId, DoorClaim claim)
    {
        if (view.Resource(resourceId) is not { } resource)
            return Refused(new LeaseError(404, "not_found", $"There is no resource '{resourceId}' any more."));
        if (view.Lease(claim.LeaseId)?.Value is not { HasEnded: false } lease || lease.EndsAt <= store.Clock.Now)
            return Refused(Ended(view.Lease(claim.LeaseId)?.Value));
        // While it is leased its document is not written: the version is the grant's revision.
        if (resource.Value.State != ResourceState.Leased || resource.Value.Lease != claim.LeaseId || resource.Version != claim.Fence)
            return Refused(Gone(resourceId, lease));

        var session = new LeaseSession(lease.Id, claim.Fence, lease.WorkerId, lease.Tenant, lease.KeyId);
        var holding = lease.Holdings.FirstOrDefault(holding => holding.Resource == resourceId);
        // What was made for it after the grant is remembered by the lease alone.
        var record = holding?.Instance is { } made ? resource.Value with { Instance = made } : resource.Value;
        // A kind that was ended goes on until what is leased of it has been given back.
        var options = view.Kind(resource.Value.Kind)?.Value.Options ?? new KindOptions();
        return new DoorEntry(new LeasedResource(record, options, session, holding?.Config) { Details = holding?.Details }, null);
    }

    /// <summary>When a lease ends, as far as this replica has read, in store time. Null: it is not known.</summary>
    public DateTimeOffset? EndOf(string leaseId) => view.Lease(leaseId)?.Value.EndsAt;

    private static DoorEntry Refused(LeaseError error) => new(null, error);

    // Whoever has a token of the lease may know what became of the lease, which is told by its own record. What the resource's record says is for operators: a reset or a check may have said it.
    private static LeaseError Gone(string resource, LeaseRecord lease) => lease.Taken.LastOrDefault(one => one.Resource == resource) is { } taken
        ? new(410, taken.Code == LeaseErrors.ResourceQuarantined ? taken.Code : LeaseErrors.LeaseEnded, $"The lease does not hold the resource any more: {taken.Reason.TrimEnd('.')}. Go on with the rest of it, or release it and ask for another.")
        : new(410, LeaseErrors.LeaseEnded, $"The lease does not hold the resource any more{(lease.GaveBack(resource) ? ": it was given back" : "")}.");

    private static LeaseError Ended(LeaseRecord? lease) => new(410, lease?.FailureCode == LeaseErrors.ResourceQuarantined ? LeaseErrors.ResourceQuarantined : LeaseErrors.LeaseEnded, lease switch
    {
        { FailureCode: LeaseErrors.ResourceQuarantined, Reason: { } reason } => $"The lease has ended: {reason}. Ask for another.",
        { HasEnded: true, Reason: { } reason } => $"The lease has ended: {reason}",
        { HasEnded: false } => "The lease has ended: its time was up. Renew sooner, or ask for a longer ttl.",
        _ => "The lease that this token belongs to does not hold the resource any more.",
    });
}
