using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Broker;

/// <summary>How a lease ends.</summary>
/// <param name="State">Released, expired or failed.</param>
/// <param name="Reason">For people.</param>
/// <param name="Code">Of a failed one: the code of its error.</param>
internal sealed record LeaseEnding(LeaseState State, string Reason, string? Code = null)
{
    /// <summary>It is a giving back, which counts only until the lease's end, in store time: what comes after that has been ended by its time, and is recorded so.</summary>
    public bool IsGivingBack { get; init; }
}

/// <summary>Ends leases, wholly or in part: one commit over the lease and what it gives back, whose resources are then free, or are to be made clean.</summary>
internal sealed partial class LeaseEnds(LeaseCommits commits, FleetView view, LeasePicks picks, ResourceKinds kinds, IHomes homes, ReplicaView replicas, LeaseMetrics metrics, TimeProvider time, ILogger<LeaseEnds> logger)
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan KeptKeyed = TimeSpan.FromHours(1);

    // With so many ended ones to remember, they are forgotten sooner: what is kept is bounded whatever the traffic.
    private static readonly TimeSpan KeptBusy = TimeSpan.FromSeconds(30);
    private const int Many = 50_000;

    // How long the releasing replica has before another may make a resource clean.
    private static readonly TimeSpan ResetTerm = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ForgetWithin = TimeSpan.FromSeconds(10);

    private static readonly LeaseEnding Expired = new(LeaseState.Expired, "It was not renewed in time.");
    private static readonly LeaseEnding Hung = new(LeaseState.Failed, "It was not initialised in time.", LeaseErrors.InitialisationFailed);

    /// <summary>How a lease ends whose time is up.</summary>
    public LeaseEnding EndingInTime(LeaseRecord lease) => lease.State switch
    {
        LeaseState.Waiting when LeaseErrors.WaitExpired(lease.EndsAt - lease.AskedAt, picks.QuotaOf(lease)) is var error => new LeaseEnding(LeaseState.Failed, error.Message, error.Code),
        LeaseState.Granted => Hung,
        _ => Expired,
    };

    /// <param name="lease">The lease, as it was seen.</param>
    /// <param name="ending">How it ends.</param>
    /// <param name="unless">What it ends by, where that is changed meanwhile. Null: nothing but the lease.</param>
    /// <returns>The lease as it ended; null where it had been changed meanwhile, or its time was up on the way.</returns>
    public async Task<Stored<LeaseRecord>?> EndAsync(Stored<LeaseRecord> lease, LeaseEnding ending, Check? unless = null)
    {
        var held = await StillHeldAsync(lease, lease.Value.Holdings);
        var now = commits.Now;
        if (ending.IsGivingBack && lease.Value.EndsAt <= now)
            ending = EndingInTime(lease.Value);
        DateTimeOffset? notAfter = ending.IsGivingBack ? lease.Value.EndsAt : null;
        var record = lease.Value with
        {
            State = ending.State, Reason = ending.Reason, FailureCode = ending.Code, EndsAt = now, Fence = FenceOf(lease),
        };
        List<Write> writes = [LeaseCommits.Put(record, lease.Version, now + KeptFor(record))];
        writes.AddRange(held.Select(one => GiveBack(one.Holding, one.Resource, now)));
        if (await commits.CommitAsync(writes, notAfter, unless is { } seen ? [seen] : null) is not CommitOutcome.Committed(var revision))
            return null;
        metrics.Ended(record, ending);
        Forget(lease, held);
        return new Stored<LeaseRecord>(record, revision);
    }

    /// <summary>Gives some resources back; the others stay under the same fence.</summary>
    /// <returns>As for <see cref="EndAsync"/>.</returns>
    public async Task<Stored<LeaseRecord>?> ShrinkAsync(Stored<LeaseRecord> lease, IReadOnlySet<string> resources)
    {
        var (given, kept) = (lease.Value.Holdings.Where(holding => resources.Contains(holding.Resource)).ToList(), lease.Value.Holdings.Where(holding => !resources.Contains(holding.Resource)).ToList());
        var held = await StillHeldAsync(lease, given);
        var now = commits.Now;
        var record = lease.Value.Returning(given.Select(holding => holding.Resource)) with
        {
            Holdings = kept, Fence = FenceOf(lease),
        };
        List<Write> writes = [LeaseCommits.Put(record, lease.Version)];
        writes.AddRange(held.Select(one => GiveBack(one.Holding, one.Resource, now)));
        if (await commits.CommitAsync(writes, notAfter: lease.Value.EndsAt) is not CommitOutcome.Committed(var revision))
            return null;
        metrics.GaveBack(given.Select(holding => holding.Kind));
        Forget(lease, held);
        return new Stored<LeaseRecord>(record, revision);
    }

    /// <summary>One resource was taken from a lease by upkeep, in a commit of its own: it is counted and forgotten like any that comes back.</summary>
    public void Took(Stored<LeaseRecord> lease, LeaseRecord left, Stored<ResourceRecord> resource)
    {
        if (lease.Value.Holdings.FirstOrDefault(held => held.Resource == resource.Value.Id) is not { } holding)
            return;
        if (left.HasEnded)
            metrics.Ended(left, new LeaseEnding(left.State, left.Reason ?? "", left.FailureCode));
        else
            metrics.GaveBack([holding.Kind]);
        Forget(lease, [(holding, resource)]);
    }

    /// <summary>How long a lease is remembered once it has ended, so that whoever held it finds out.</summary>
    public TimeSpan KeptFor(LeaseRecord lease)
    {
        int known;
        lock (view.Sync)
            known = view.Tables.Leases.Count;
        return known > Many ? KeptBusy : lease.Digest is null ? Kept : KeptKeyed;
    }

    private static long? FenceOf(Stored<LeaseRecord> lease) => lease.Value.FenceOf(lease.Version) is > 0 and var fence ? fence : null;

    /// <summary>What the lease holds still: the version of a resource is the fence for as long as it does. One that an operator took from it is not given back.</summary>
    private async Task<IReadOnlyList<(LeaseHolding Holding, Stored<ResourceRecord> Resource)>> StillHeldAsync(Stored<LeaseRecord> lease, IReadOnlyList<LeaseHolding> holdings)
    {
        var fence = lease.Value.FenceOf(lease.Version);
        if (holdings.Count > 0 && view.Revision < fence)
            await view.WhenAsync(fence, FeedBehind, CancellationToken.None);
        var held = new List<(LeaseHolding, Stored<ResourceRecord>)>(holdings.Count);
        foreach (var holding in holdings)
        {
            var resource = view.Resource(holding.Resource);
            if (resource is null || resource.Version < fence)
                resource = await commits.ReadResourceAsync(holding.Resource);
            if (resource is { Value.State: ResourceState.Leased } && resource.Version == fence && resource.Value.Lease == lease.Value.Id)
                held.Add((holding, resource));
        }

        return held;
    }

    private Write GiveBack(LeaseHolding holding, Stored<ResourceRecord> resource, DateTimeOffset now)
    {
        FleetKind? kind;
        lock (view.Sync)
            kind = view.Tables.Kinds.GetValueOrDefault(holding.Kind);
        // One that may just be being made for the grant has the grant's name, and is ended by it.
        var instance = holding.Instance ?? resource.Value.Instance
            ?? (kind?.Traits.HasFlag(KindTraits.Instances) is true && resource.Value.Home is not null ? new ResourceInstance(ResourceInstance.IdOf(holding.Resource, resource.Version), null) : null);
        var isReset = kind?.IsReset ?? instance is not null;
        // A home resets its own, and need not wait for a replica that may not.
        var isOurs = resource.Value.Home is not { } home || home == homes.Own;
        return LeaseCommits.Put(
            resource.Value with
            {
                State = isReset ? ResourceState.Resetting : ResourceState.Free,
                Lease = null,
                Instance = instance,
                Claim = isReset && isOurs ? new ResourceClaim(replicas.Id, now + ResetTerm) : null,
            },
            resource.Version);
    }

    private void Forget(Stored<LeaseRecord> lease, IReadOnlyList<(LeaseHolding Holding, Stored<ResourceRecord> Resource)> held)
    {
        var session = LeaseSteps.SessionOf(lease.Value, lease.Value.FenceOf(lease.Version));
        foreach (var (holding, resource) in held)
        {
            FleetKind? kind;
            lock (view.Sync)
                kind = view.Tables.Kinds.GetValueOrDefault(holding.Kind);
            if (kind is not null && kinds.Of(kind.Name) is { } implementation)
                _ = ForgetAsync(implementation, new LeasedResource(resource.Value, kind.Options, session, holding.Config));
        }
    }

    private async Task ForgetAsync(ResourceKind kind, LeasedResource resource)
    {
        try
        {
            var forgetting = kind.ForgetAsync(resource, CancellationToken.None);
            if (!forgetting.IsCompletedSuccessfully)
                await forgetting.AsTask().WaitAsync(ForgetWithin, time);
        }
        catch (Exception fault)
        {
            LogForgetFailed(fault, resource.Resource.Id);
        }
    }

    [LoggerMessage(EventName = "LeaseForgetFailed", Level = LogLevel.Warning, Message = "The kind of {Resource} could not forget a lease that has ended.")]
    private partial void LogForgetFailed(Exception fault, string resource);
}
