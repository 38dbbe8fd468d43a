using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Broker;

/// <summary>
/// Carries a grant through: committed, initialised, ready; or rolled back, all of it. It goes on to its end whatever becomes of the client, so that nothing is left half way.
/// </summary>
internal sealed partial class LeaseGrants(
    FleetView view, LeaseCommits commits, LeasePicks picks, LeaseSteps steps, LeaseEnds ends, LeaseClients clients, ReplicaView replicas, LeaseMetrics metrics, TimeProvider time, ILogger<LeaseGrants> logger)
{
    // What a grant that is not ready yet may take beyond what its kinds allow, before any replica takes it back.
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    // One that lands later than this has outlived whoever asked for it.
    private static readonly TimeSpan LandsWithin = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TakeBackAgain = TimeSpan.FromMilliseconds(500);
    private static readonly LeaseEnding AwayMeanwhile = new(LeaseState.Failed, "The state store was away while it was initialised.", LeaseErrors.Unavailable);
    private static readonly LeaseEnding Unanswered = new(LeaseState.Failed, "Its client left.", LeaseErrors.ClientLeft);

    /// <exception cref="StoreUnavailableException">The store is away. What was granted and not made ready is taken back when it is there again, or when its time is up.</exception>
    public async Task<GrantResult> RunAsync(Grant grant)
    {
        GrantResult? result = null;
        try
        {
            result = await (grant.IsSimple ? InOneCommitAsync(grant) : InTwoCommitsAsync(grant));
            if (result.Lease is { } lease)
            {
                metrics.Ready(lease.Value);
                // Until the view counts it as held, the grant does: otherwise its worker's next one would not be over the quota.
                await view.WhenAsync(lease.Version, FeedBehind, CancellationToken.None);
            }
            else if (result.End == GrantEnd.ResourceLost)
                metrics.LostRace();
            return result;
        }
        finally
        {
            picks.End(grant, result);
        }
    }

    private async Task<GrantResult> InOneCommitAsync(Grant grant)
    {
        var lease = grant.Lease with { Holdings = grant.Holdings() };
        var (holdings, fault) = await steps.InitialiseAsync(lease, fence: 0, grant.Picks, LeftOf(grant));
        if (fault is not null && !(lease.KeepPartial && fault.Code != LeaseErrors.ClientLeft))
        {
            if (grant.IsStored)
                await ends.EndAsync(new Stored<LeaseRecord>(grant.Lease, grant.Expected), EndingOf(fault));
            return new GrantResult(GrantEnd.Failed, Error: fault);
        }

        // Its ttl runs from when it is sent: one that took longer would be over when it comes.
        var lands = lease.Ttl < LandsWithin ? lease.Ttl : LandsWithin;
        return await CommitAsync(grant, lands, now => Ready(lease with { Holdings = holdings, GrantedAt = now }, now));
    }

    private async Task<GrantResult> InTwoCommitsAsync(Grant grant)
    {
        var within = grant.InitialiseWithin + Slack;
        var granted = await CommitAsync(grant, LandsWithin, now => grant.Lease with
        {
            State = LeaseState.Granted, Replica = replicas.Id, Holdings = grant.Holdings(), GrantedAt = now, EndsAt = now + within,
        });
        if (granted.Lease is not { } lease)
            return granted;

        try
        {
            return await MakeReadyAsync(lease, grant);
        }
        catch (Exception)
        {
            // The store is away, or would not take what the kinds told. Nobody works on it any more, so it need not stand until its time is up.
            _ = TakeBackAsync(lease);
            throw;
        }
    }

    private async Task<GrantResult> MakeReadyAsync(Stored<LeaseRecord> lease, Grant grant)
    {
        var (holdings, fault) = await steps.InitialiseAsync(lease.Value, lease.Version, grant.Picks, LeftOf(grant));
        lease = lease with { Value = lease.Value with { Holdings = holdings } };
        if (fault is not null && !(grant.Lease.KeepPartial && fault.Code != LeaseErrors.ClientLeft))
            return await RollBackAsync(lease, fault);

        var ready = Ready(lease.Value with { Fence = lease.Version }, commits.Now);
        var outcome = await commits.CommitAsync([LeaseCommits.Put(ready, lease.Version)], notAfter: lease.Value.EndsAt, within: WithinOf(grant));
        if (outcome is CommitOutcome.Committed(var revision))
            return new GrantResult(GrantEnd.Ready, new Stored<LeaseRecord>(ready, revision));
        return await RollBackAsync(lease, LeaseErrors.Ended(lease.Value));
    }

    /// <summary>Ends a lease that was granted and not made ready, as soon as the store is back; it is given up when any replica may end it.</summary>
    private async Task TakeBackAsync(Stored<LeaseRecord> lease)
    {
        while (commits.Now < lease.Value.EndsAt)
        {
            await Task.Delay(TakeBackAgain, time);
            try
            {
                // Lost to another change: then somebody else has it, or it is ready after all.
                await ends.EndAsync(lease, AwayMeanwhile);
                return;
            }
            catch (StoreUnavailableException)
            {
                // Not yet.
            }
            catch (Exception fault)
            {
                LogNotTakenBack(fault, lease.Value.Id);
                return;
            }
        }
    }

    /// <summary>Takes the whole lease back, unless somebody else has ended it already. What was made for it is ended with its grant, by the home of each resource.</summary>
    private async Task<GrantResult> RollBackAsync(Stored<LeaseRecord> lease, LeaseError fault)
    {
        await ends.EndAsync(lease, EndingOf(fault));
        return new GrantResult(GrantEnd.Failed, Error: fault);
    }

    /// <summary>The commit that makes the resources the lease's own.</summary>
    private async Task<GrantResult> CommitAsync(Grant grant, TimeSpan within, Func<DateTimeOffset, LeaseRecord> record)
    {
        var now = commits.Now;
        var lease = record(now);
        List<Write> writes = [LeaseCommits.Put(lease, grant.Expected)];
        writes.AddRange(grant.Picks.Select(pick => LeaseCommits.Put(
            pick.Resource.Value with { State = ResourceState.Leased, Lease = lease.Id, Claim = null, Reason = null }, pick.Resource.Version)));
        var latest = now + within;
        // After its wait nobody is there to be granted anything.
        var outcome = await commits.CommitAsync(writes, grant.IsStored && grant.Lease.EndsAt < latest ? grant.Lease.EndsAt : latest, within: WithinOf(grant));
        if (outcome is CommitOutcome.Committed)
            metrics.GaveOut(lease);
        return outcome switch
        {
            CommitOutcome.Committed(var revision) => new GrantResult(GrantEnd.Ready, new Stored<LeaseRecord>(lease, revision)),
            CommitOutcome.Lost({ Count: 0 }) => new GrantResult(GrantEnd.TooLate),
            CommitOutcome.Lost(var keys) => new GrantResult(keys.Contains(LeaseDocuments.Leases + lease.Id) ? GrantEnd.LeaseLost : GrantEnd.ResourceLost) { LostKeys = keys },
            _ => throw new InvalidOperationException("A commit that is settled is committed or lost."),
        };
    }

    private LeaseRecord Ready(LeaseRecord lease, DateTimeOffset now) => lease with { State = LeaseState.Ready, Replica = replicas.Id, ReadyAt = now, EndsAt = now + lease.Ttl };

    // What is keyed is found again by its key, and nothing of nobody's has a client.
    private CancellationToken LeftOf(Grant grant) => grant.Lease.Replica is null || grant.Lease.Digest is not null ? CancellationToken.None : clients.LeftOf(grant.Lease.Id);

    /// <summary>One who waits by the lease's document sees in the view how it went; one who has only this call is told soon, and what became of it is dropped.</summary>
    private static TimeSpan? WithinOf(Grant grant) => grant.IsStored ? null : LeaseCommits.Answered;

    private static LeaseEnding EndingOf(LeaseError fault) => fault.Code == LeaseErrors.ClientLeft ? Unanswered : new LeaseEnding(LeaseState.Failed, fault.Message, fault.Code);

    [LoggerMessage(EventName = "LeaseNotTakenBack", Level = LogLevel.Error, Message = "Lease {Lease} could not be taken back after the store was away; it ends when its time is up.")]
    private partial void LogNotTakenBack(Exception fault, string lease);
}
