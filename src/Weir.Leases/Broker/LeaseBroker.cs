using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>Gives leases out and takes them back, over the parts that do each of it.</summary>
internal sealed class LeaseBroker(
    FleetView view, LeaseRequests requests, LeaseArrivals arrivals, LeaseLookup lookup, LeaseRenewals renewals, LeaseEnds ends, LeaseSteps steps, LeaseCommits commits, LeaseMetrics metrics, TimeProvider time) : ILeaseBroker
{
    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(2);
    private static readonly LeaseEnding Released = new(LeaseState.Released, "It was released.") { IsGivingBack = true };
    private static readonly LeaseEnding Withdrawn = new(LeaseState.Failed, "It was released before it was ready.", LeaseErrors.ReleasedEarly) { IsGivingBack = true };

    public Stored<LeaseRecord>? Find(LeaseAsker asker, string id) => lookup.Find(asker, id);

    public async Task<Stored<LeaseRecord>?> FindAsync(LeaseAsker asker, string id, CancellationToken cancellationToken)
    {
        await view.KnownAsync(cancellationToken);
        return await lookup.FindAsync(asker, id, cancellationToken);
    }

    public int? PositionOf(string id)
    {
        lock (view.Sync)
            return view.Tables.Line.PositionOf(id);
    }

    public async Task<LeaseAnswer> AllocateAsync(LeaseAsker asker, LeaseRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await view.KnownAsync(cancellationToken);
        var answer = await AnswerAsync(asker, request, cancellationToken);
        if (answer.Error is { } error)
            metrics.Refused(error);
        return answer;
    }

    public Task AbandonAsync(string leaseId, long fence) => arrivals.DropAsync(leaseId, fence);

    public Task<LeaseAnswer> RenewAsync(LeaseAsker asker, string id, long? fence, TimeSpan? ttl, CancellationToken cancellationToken) =>
        renewals.RenewAsync(asker, id, fence, ttl, cancellationToken);

    public Task<LeaseError?> ReleaseAsync(LeaseAsker asker, string id, long? fence, IReadOnlyList<string>? resources, CancellationToken cancellationToken) =>
        AnsweredAsync(ReleaseAsync(asker, id, fence, resources), cancellationToken);

    public async Task<LeaseAnswer> ConfigureAsync(LeaseAsker asker, string id, IReadOnlyDictionary<string, JsonElement?> configs, CancellationToken cancellationToken)
    {
        var (lease, fault) = await InUseAsync(asker, id, isFresh: false, cancellationToken);
        if (lease is null)
            return fault!;
        var held = lease.Value.Holdings.ToDictionary(holding => holding.Resource, StringComparer.Ordinal);
        if (configs.Keys.FirstOrDefault(resource => !held.ContainsKey(resource)) is { } unheld)
            return LeaseErrors.NotHeld(lease.Value, unheld);
        if (LeaseRequests.FaultOf([.. configs.Values, .. held.Values.Where(holding => holding.Demand is null && !configs.ContainsKey(holding.Resource)).Select(holding => holding.Config)]) is { } large)
            return large;
        var done = await Task.WhenAll(configs.Select(async entry =>
        {
            var holding = held[entry.Key];
            return LeasedOf(lease, holding) is { } leased
                ? await steps.ConfigureAsync(holding, leased, entry.Value, cancellationToken)
                : holding with { Fault = LeaseErrors.Quarantined(holding.Resource).Message };
        }));
        var configured = done.ToDictionary(holding => holding.Resource, StringComparer.Ordinal);
        for (var isFresh = false; ; isFresh = true)
        {
            (lease, fault) = await InUseAsync(asker, id, isFresh, cancellationToken);
            if (lease is null)
                return fault!;
            var record = lease.Value with
            {
                Fence = lease.Value.FenceOf(lease.Version),
                Holdings = [.. lease.Value.Holdings.Select(holding => configured.GetValueOrDefault(holding.Resource, holding))],
            };
            if (await commits.CommitAsync([LeaseCommits.Put(record, lease.Version)], notAfter: lease.Value.EndsAt, within: LeaseCommits.Answered) is not CommitOutcome.Committed(var revision))
                continue;
            await view.WhenAsync(revision, FeedBehind, cancellationToken);
            return new LeaseAnswer(new Stored<LeaseRecord>(record, revision), null);
        }
    }

    public async Task<LeaseObservations> ObserveAsync(LeaseAsker asker, string id, CancellationToken cancellationToken)
    {
        var (lease, fault) = await InUseAsync(asker, id, isFresh: false, cancellationToken);
        if (lease is null)
            return new LeaseObservations(new Dictionary<string, KindResult<Observation?>>(), fault);
        var seen = await Task.WhenAll(lease.Value.Holdings.Select(async holding => (holding.Resource, Result: LeasedOf(lease, holding) is { } leased
            ? await steps.ObserveAsync(leased, cancellationToken)
            : KindResult.Failed<Observation?>(LeaseErrors.Quarantined(holding.Resource)))));
        return new LeaseObservations(seen.Where(one => one.Result.Error is not null || one.Result.Value is not null).ToDictionary(one => one.Resource, one => one.Result, StringComparer.Ordinal), null);
    }

    public async Task<KindReply> UseAsync(LeaseAsker asker, string leaseId, string resourceId, KindCall call, CancellationToken cancellationToken)
    {
        var (lease, fault) = await InUseAsync(asker, leaseId, isFresh: false, cancellationToken);
        if (lease is null)
            return KindReply.Failed(fault!);
        if (lease.Value.Holdings.FirstOrDefault(held => held.Resource == resourceId) is not { } holding)
            return KindReply.Failed(LeaseErrors.NotHeld(lease.Value, resourceId));
        if (LeasedOf(lease, holding) is not { } leased)
            return KindReply.Failed(LeaseErrors.Quarantined(resourceId));
        renewals.Used(lease);
        return await steps.Calls.UseAsync(leased, call, cancellationToken);
    }

    /// <summary>A release goes on until it is known what became of it; whoever asked for it is not kept waiting for that.</summary>
    private async Task<LeaseError?> AnsweredAsync(Task<LeaseError?> release, CancellationToken cancellationToken)
    {
        try
        {
            return await release.WaitAsync(LeaseCommits.Answered, time, cancellationToken);
        }
        catch (TimeoutException) when (!release.IsCompleted)
        {
            throw LeaseErrors.StoreAway("the release goes on by itself, and may be asked for again.");
        }
    }

    private async Task<LeaseAnswer> AnswerAsync(LeaseAsker asker, LeaseRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var seen = view.Revision;
            var (lease, fault) = requests.Read(asker, request);
            if (fault is { Code: LeaseErrors.NoSuchKind } && request.Demands.Any(demand => view.HasJustForgotten(demand.Kind)))
            {
                await view.MovedAsync(seen, cancellationToken);
                continue;
            }

            if (lease is null)
                return fault!;
            long expected = 0;
            if (lease.Digest is not null && (view.Lease(lease.Id) ?? await commits.ReadLeaseAsync(lease.Id, cancellationToken)) is { } there)
            {
                if (there.Value.Digest != lease.Digest)
                    return LeaseErrors.Mismatch();
                if (there.Value.State != LeaseState.Failed)
                {
                    if (await FoundAsync(request, there, cancellationToken) is { } found)
                        return found with { WasThere = true };
                    await view.MovedAsync(seen, cancellationToken);
                    continue;
                }

                // What failed is tried again: whoever repeats a request wants what it asked for.
                expected = there.Version;
            }

            if (await arrivals.SubmitAsync(lease, expected, request.OnWaiting, cancellationToken) is { } answer)
                return answer;
            // Somebody else made it: the view may not have it yet.
            if (lease.Digest is not null && await commits.ReadLeaseAsync(lease.Id, cancellationToken) is { } made)
                await view.WhenAsync(made.Version, FeedBehind, cancellationToken);
            await view.MovedAsync(seen, cancellationToken);
        }
    }

    /// <returns>Null: it has failed with the client that made it, and is made anew.</returns>
    private async Task<LeaseAnswer?> FoundAsync(LeaseRequest request, Stored<LeaseRecord> there, CancellationToken cancellationToken)
    {
        if (there.Value.State == LeaseState.Ready)
            return await renewals.TakeUpAsync(there, cancellationToken);
        if (there.Value.State is not (LeaseState.Waiting or LeaseState.Granted) || request.Asynchronous)
            return new LeaseAnswer(there, null);
        var answer = await arrivals.JoinAsync(there, cancellationToken);
        if (answer?.Lease is { Value.State: LeaseState.Ready } ready)
            return await renewals.TakeUpAsync(ready, cancellationToken);
        return answer?.Error is not null && view.Lease(there.Value.Id)?.Value.FailureCode is LeaseErrors.ClientLeft or LeaseErrors.Unavailable ? null : answer;
    }

    private async Task<LeaseError?> ReleaseAsync(LeaseAsker asker, string id, long? fence, IReadOnlyList<string>? resources)
    {
        for (var isFresh = false; ; isFresh = true)
        {
            var seen = view.Revision;
            var (lease, fault) = await lookup.HeldAsync(asker, id, fence, isFresh, CancellationToken.None);
            if (lease is null)
                return fault;
            if (lease.Value.HasEnded)
                return null;
            // Over, though nobody has ended it yet: all of it ends, and as in a lease that has ended nothing of it is there to be given back.
            var given = lease.Value.EndsAt <= commits.Now ? null : resources?.ToHashSet(StringComparer.Ordinal);
            if (given is not null && lease.Value.State != LeaseState.Ready)
                return LeaseErrors.NotReady(lease.Value);
            if (given?.FirstOrDefault(id => !lease.Value.GaveBack(id) && lease.Value.Holdings.All(holding => holding.Resource != id)) is { } never)
                return LeaseErrors.NotHeld(lease.Value, never);
            // What it held and holds no more is given back already.
            if (given is not null && lease.Value.Holdings.All(holding => !given.Contains(holding.Resource)))
                return null;
            var ended = lease.Value.State != LeaseState.Ready ? await ends.EndAsync(lease, Withdrawn)
                : given is null || lease.Value.Holdings.All(holding => given.Contains(holding.Resource)) ? await ends.EndAsync(lease, Released)
                : await ends.ShrinkAsync(lease, given);
            if (ended is null)
            {
                // What the view shows of its resources may be old; where its time was up on the way, there is nothing to wait for.
                if (lease.Value.EndsAt > commits.Now)
                    await view.MovedAsync(seen, CancellationToken.None);
                continue;
            }

            await view.WhenAsync(ended.Version, FeedBehind, CancellationToken.None);
            return null;
        }
    }

    /// <summary>A lease that its holder may use now, in store time.</summary>
    private async Task<(Stored<LeaseRecord>? Lease, LeaseError? Fault)> InUseAsync(LeaseAsker asker, string id, bool isFresh, CancellationToken cancellationToken)
    {
        var (lease, fault) = await lookup.HeldAsync(asker, id, fence: null, isFresh, cancellationToken);
        if (lease is null)
            return (null, fault);
        if (lease.Value.State is LeaseState.Waiting or LeaseState.Granted)
            return (null, LeaseErrors.NotReady(lease.Value));
        return lease.Value.HasEnded || lease.Value.EndsAt <= commits.Now ? (null, LeaseErrors.Ended(lease.Value)) : (lease, null);
    }

    /// <returns>Null: it was taken from the lease.</returns>
    private LeasedResource? LeasedOf(Stored<LeaseRecord> lease, LeaseHolding holding)
    {
        var fence = lease.Value.FenceOf(lease.Version);
        if (view.Resource(holding.Resource) is not { Value.State: ResourceState.Leased } resource || resource.Version != fence)
            return null;
        var record = holding.Instance is { } made ? resource.Value with { Instance = made } : resource.Value;
        // As at the doors: a kind that was ended goes on until what is leased of it has been given back.
        var options = view.Kind(holding.Kind)?.Value.Options ?? new KindOptions();
        return new LeasedResource(record, options, LeaseSteps.SessionOf(lease.Value, fence), holding.Config) { Details = holding.Details };
    }
}
