using Weir.Leases.Documents;
using Weir.Leases.Fleet;

namespace Weir.Leases.Broker;

/// <summary>Finds a lease for somebody, and says whether it is theirs.</summary>
internal sealed class LeaseLookup(FleetView view, LeaseCommits commits)
{
    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(2);

    /// <summary>A lease that the asker may see, as far as the view has read.</summary>
    public Stored<LeaseRecord>? Find(LeaseAsker asker, string id) => view.Lease(id) is { } lease && Sees(asker, lease.Value) ? lease : null;

    /// <summary>A lease that the asker may see, from the store where the view does not know it: another replica may just have made it.</summary>
    public async Task<Stored<LeaseRecord>?> FindAsync(LeaseAsker asker, string id, CancellationToken cancellationToken)
    {
        if (!IsId(id))
            return null;
        var lease = view.Lease(id) ?? await commits.ReadLeaseAsync(id, cancellationToken);
        if (lease is null || !Sees(asker, lease.Value))
            return null;
        // Its place among those who wait, and its resources, are looked up in the view.
        if (view.Revision < lease.Version)
            await view.WhenAsync(lease.Version, FeedBehind, cancellationToken);
        return lease;
    }

    /// <summary>A lease that the asker holds.</summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="id">The lease.</param>
    /// <param name="fence">Null: any.</param>
    /// <param name="isFresh">From the store. Otherwise only where the view does not know of its grant, which another replica may just have made.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<(Stored<LeaseRecord>? Lease, LeaseError? Fault)> HeldAsync(LeaseAsker asker, string id, long? fence, bool isFresh, CancellationToken cancellationToken)
    {
        if (!IsId(id))
            return (null, LeaseErrors.NotFound(id));
        var lease = view.Lease(id);
        if (isFresh || lease is null or { Value.State: LeaseState.Waiting or LeaseState.Granted })
        {
            lease = await commits.ReadLeaseAsync(id, cancellationToken);
            // Its resources are looked up in the view.
            if (lease is { Value.State: LeaseState.Ready } && view.Revision < lease.Version)
                await view.WhenAsync(lease.Version, FeedBehind, cancellationToken);
        }

        if (lease is null || !Sees(asker, lease.Value))
            return (null, LeaseErrors.NotFound(id));
        if (lease.Value.KeyId != asker.KeyId && !asker.IsAdmin)
            return (null, LeaseErrors.NotHolder(id));
        if (fence is { } given && given != lease.Value.FenceOf(lease.Version))
            return (null, LeaseErrors.FenceStale(id, given));
        return (lease, null);
    }

    private static bool IsId(string id) => id.Length is > 0 and <= 100 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static bool Sees(LeaseAsker asker, LeaseRecord lease) => asker.IsAdmin || lease.Tenant == asker.Tenant;
}
