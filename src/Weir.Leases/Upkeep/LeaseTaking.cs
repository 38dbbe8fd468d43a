using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Upkeep;

/// <summary>Takes a resource from the lease that holds it, in one commit over both: the lease goes on without it, or ends where it held nothing else.</summary>
internal sealed class LeaseTaking(FleetCommits commits, IFleetView view, KnownKinds kinds, LeaseEnds ends)
{
    private const int MostTries = 8;

    /// <param name="resource">The resource.</param>
    /// <param name="grant">The version of the resource's document by which it is leased. Null: whatever it is.</param>
    /// <param name="next">What becomes of the resource.</param>
    /// <param name="code">The code of the error that a lease which ends by it is answered with.</param>
    /// <param name="reason">Why, for whoever held it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False: it is not leased, or not by that grant, any more.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or others changed the lease again and again.</exception>
    public async Task<bool> TakeAsync(
        string resource, long? grant, Func<ResourceRecord, ResourceRecord> next, string code, string reason, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (view.Resource(resource) is not { Value: { State: ResourceState.Leased, Lease: { } leaseId } record } held || (grant is not null && held.Version != grant))
                return false;
            var taken = next(record with { Instance = InstanceOf(held) });
            var writes = new List<Write> { FleetCommits.Put(taken, held.Version) };
            var checks = new List<Check>();
            var lease = view.Lease(leaseId);
            var left = lease is { Value.HasEnded: false } ? Shrink(lease, resource, code, reason) : null;
            if (left is not null)
                writes.Add(new Write(LeaseDocuments.Leases + leaseId, lease!.Version, LeaseDocuments.Write(left), left.HasEnded ? commits.Now + ends.KeptFor(left) : null));
            else
                checks.Add(new Check(LeaseDocuments.Leases + leaseId, lease?.Version ?? 0));
            if (await commits.TryAsync(writes, cancellationToken, checks).ConfigureAwait(false) is not null)
            {
                if (left is not null)
                    ends.Took(lease!, left, held);
                return true;
            }

            // Whoever was first is read before the next try.
            await commits.CatchUpAsync(cancellationToken).ConfigureAwait(false);
        }

        throw new StoreUnavailableException($"'{resource}' could not be taken from its lease, which others change all the time.");
    }

    /// <summary>What stands behind a leased resource: its own, or what the lease remembers, or what may just be being made for it.</summary>
    public ResourceInstance? InstanceOf(Stored<ResourceRecord> leased)
    {
        var record = leased.Value;
        return record.Instance
            ?? (record.Lease is { } id ? view.Lease(id)?.Value.Holdings.FirstOrDefault(holding => holding.Resource == record.Id)?.Instance : null)
            ?? (record.Home is not null && kinds.Find(record.Kind) is { HasInstances: true } kind ? new ResourceInstance(ResourceInstance.IdOf(record.Id, leased.Version), null) { Definition = kind.Definition } : null);
    }

    private LeaseRecord Shrink(Stored<LeaseRecord> lease, string resource, string code, string reason)
    {
        var record = lease.Value;
        // The grant's own revision is its fence only as long as nothing else was written.
        var left = record.Losing(new TakenResource(resource, code, reason)) with { Fence = record.FenceOf(lease.Version) };
        // What it held last is still told.
        return left.Holdings.Count > 0 ? left : left with { State = LeaseState.Failed, FailureCode = code, EndsAt = commits.Now, Holdings = record.Holdings };
    }
}
