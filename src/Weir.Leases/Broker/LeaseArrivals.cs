using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>
/// Sees a request through to its answer: granted at once where nobody comes before it, else written down to wait. A client that leaves leaves nothing behind, at whatever moment: what it had begun
/// goes on to its end in the background, and is then dropped.
/// </summary>
internal sealed partial class LeaseArrivals(
    FleetView view, LeasePicks picks, LeaseGrants grants, LeaseCommits commits, LeaseClients clients, LeaseEnds ends, LeaseRenewals renewals, State.Replicas.ReplicaView replicas, TimeProvider time, ILogger<LeaseArrivals> logger)
{
    private const int LargestQueue = 10_000;
    private const int RacesAtOnce = 8;

    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(2);

    // Beyond the wait itself: a grant that began in its last moment. Who was not granted anything by then is told sooner that the store does not answer.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(75);
    private static readonly TimeSpan DropsWithin = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly LeaseEnding ClientLeft = new(LeaseState.Failed, "Its client left.", LeaseErrors.ClientLeft);
    private static readonly LeaseEnding AnswerLost = new(LeaseState.Released, "Its client left before it had the answer.") { IsGivingBack = true };

    private int _comingIn;

    /// <summary>Makes a lease of a request.</summary>
    /// <param name="lease">The request.</param>
    /// <param name="expected">The version of a failed lease of the same id, in whose place it comes; 0: there is none.</param>
    /// <param name="onWaiting">Told the lease's id once it waits. Null: nobody asks.</param>
    /// <param name="cancellationToken">The client has left.</param>
    /// <returns>Null: a lease of the same id was made by somebody else.</returns>
    public async Task<LeaseAnswer?> SubmitAsync(LeaseRecord lease, long expected, Action<string>? onWaiting, CancellationToken cancellationToken)
    {
        var wait = lease.EndsAt - lease.AskedAt;
        return await AttendAsync(lease.Id, async work =>
        {
            // A lease of nobody's is written down first, so that its answer waits for nothing.
            for (var races = 0; lease.Replica is not null && races < RacesAtOnce && picks.GrantArrival(lease, expected) is { } grant; races++)
            {
                work.Running = grants.RunAsync(grant);
                var result = await ((Task<GrantResult>)work.Running).WaitAsync(cancellationToken);
                switch (result.End)
                {
                    case GrantEnd.Ready:
                        return new LeaseAnswer(result.Lease, null);
                    case GrantEnd.Failed:
                        return result.Error!;
                    case GrantEnd.LeaseLost:
                        return null;
                    case GrantEnd.TooLate:
                        throw LeaseErrors.StoreAway("the grant was not taken in in time.");
                }
            }

            if (wait == TimeSpan.Zero)
                return picks.QuotaOf(lease) is { } quota ? LeaseErrors.QuotaReached(quota) : LeaseErrors.WaitExpired(wait);
            var writing = ComeInAsync(lease, expected);
            work.Running = writing;
            switch (await writing.WaitAsync(cancellationToken))
            {
                case null:
                    return LeaseErrors.QueueFull(LargestQueue);
                case CommitOutcome.Committed(var revision) when lease.Replica is null:
                    return new LeaseAnswer(new Stored<LeaseRecord>(lease, revision), null);
                case CommitOutcome.Committed(var revision):
                    onWaiting?.Invoke(lease.Id);
                    return await AnswerAsync(lease.Id, revision, wait, cancellationToken);
                case CommitOutcome.Lost { Keys.Count: > 0 }:
                    return null;
                default:
                    return LeaseErrors.WaitExpired(wait, picks.QuotaOf(lease));
            }
        });
    }

    /// <summary>Waits for a lease that is there already, with whoever waits for it.</summary>
    public Task<LeaseAnswer?> JoinAsync(Stored<LeaseRecord> lease, CancellationToken cancellationToken) => AttendAsync(lease.Value.Id, async work =>
    {
        if (lease.Value.State == LeaseState.Waiting && lease.Value.Replica is { } replica && replica != replicas.Id && !replicas.Current.Ids.Contains(replica))
        {
            // Its client was connected to a replica that is gone, and is here now.
            var taking = commits.CommitAsync([LeaseCommits.Put(lease.Value with { Replica = replicas.Id }, lease.Version)], notAfter: lease.Value.EndsAt, within: LeaseCommits.Answered);
            work.Running = taking;
            await taking.WaitAsync(cancellationToken);
        }

        return await AnswerAsync(lease.Value.Id, lease.Version, lease.Value.EndsAt - commits.Now, cancellationToken);
    });

    /// <summary>Drops a lease that nobody waits for any more; keyed and ready, it stands for a while, to be found by its key.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="fence">Only under this fence. Null: whatever it is.</param>
    public async Task DropAsync(string id, long? fence)
    {
        var started = time.GetTimestamp();
        for (var pause = FirstPause; time.GetElapsedTime(started) < DropsWithin; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                if (clients.IsHere(id) || await commits.ReadLeaseAsync(id) is not { Value.HasEnded: false } lease || (fence is { } given && given != lease.Value.FenceOf(lease.Version)))
                    return;
                if (await DropAsync(lease))
                    return;
            }
            catch (StoreUnavailableException away)
            {
                // It ends by itself, if the store stays away longer than that.
                LogDropAway(id, away.Message);
            }
            catch (Exception fault)
            {
                LogDropFailed(fault, id);
                return;
            }

            await Task.Delay(pause, time);
        }
    }

    private async Task<bool> DropAsync(Stored<LeaseRecord> lease)
    {
        var isKeyed = lease.Value.Digest is not null;
        switch (lease.Value.State)
        {
            case LeaseState.Waiting when isKeyed && lease.Value.Replica is { } other && other != replicas.Id && replicas.Current.Ids.Contains(other):
                // Whoever waits for it there has not left.
                return true;
            case LeaseState.Ready when isKeyed && LeaseRenewals.IsRenewed(lease.Value):
                // Another client has it by its key.
                return true;
            case LeaseState.Granted when isKeyed:
                // It becomes ready, or fails, in its own time.
                return false;
            case LeaseState.Ready when isKeyed:
                var end = commits.Now + LeaseRenewals.Unanswered;
                return lease.Value.EndsAt <= end || await renewals.EndAtAsync(lease, end) is not null;
            case LeaseState.Ready:
                return await ends.EndAsync(lease, AnswerLost) is not null;
            default:
                return await ends.EndAsync(lease, ClientLeft) is not null;
        }
    }

    /// <summary>Runs what a client waits for; when it leaves, or the store does, whatever had been begun is awaited and then dropped.</summary>
    private async Task<LeaseAnswer?> AttendAsync(string id, Func<Work, Task<LeaseAnswer?>> attend)
    {
        var work = new Work();
        var stays = false;
        clients.Enter(id);
        try
        {
            var answer = await attend(work);
            stays = true;
            return answer;
        }
        finally
        {
            clients.Leave(id);
            if (!stays)
                _ = DropAfterAsync(work, id);
        }
    }

    private async Task DropAfterAsync(Work work, string id)
    {
        try
        {
            await work.Running;
        }
        catch (Exception)
        {
            // Whoever waited for it was told.
        }

        await DropAsync(id, fence: null);
    }

    private async Task<LeaseAnswer?> AnswerAsync(string id, long from, TimeSpan wait, CancellationToken cancellationToken)
    {
        var (came, lease) = await view.WhenLeaseAsync(id, from, IsDecided, wait + LeaseCommits.Answered, cancellationToken);
        if (!came && view.Lease(id) is { Value.State: LeaseState.Granted })
            (came, lease) = await view.WhenLeaseAsync(id, from, IsDecided, Grace - LeaseCommits.Answered, cancellationToken);
        if (!came)
            throw LeaseErrors.StoreAway("nothing was heard of the lease.");
        return lease switch
        {
            null => null,
            { Value.State: LeaseState.Failed } => LeaseErrors.OfFailed(lease.Value),
            { Value.HasEnded: true } => LeaseErrors.Ended(lease.Value),
            _ => new LeaseAnswer(lease, null),
        };
    }

    private static bool IsDecided(Stored<LeaseRecord>? lease) => lease is null or { Value.State: not (LeaseState.Waiting or LeaseState.Granted) };

    // Counted from before the store is asked until the view shows it, so that a rush cannot come in unseen.
    private async Task<CommitOutcome?> ComeInAsync(LeaseRecord lease, long expected)
    {
        try
        {
            if (Interlocked.Increment(ref _comingIn) + Waiting() > LargestQueue)
                return null;
            var outcome = await commits.CommitAsync([LeaseCommits.Put(lease, expected)], notAfter: lease.EndsAt, within: LeaseCommits.Answered);
            if (outcome is CommitOutcome.Committed(var revision))
                await view.WhenAsync(revision, FeedBehind, CancellationToken.None);
            return outcome;
        }
        finally
        {
            Interlocked.Decrement(ref _comingIn);
        }
    }

    private int Waiting()
    {
        lock (view.Sync)
            return view.Tables.Line.Count;
    }

    /// <summary>What was begun for a client and goes on without it.</summary>
    private sealed class Work
    {
        public Task Running { get; set; } = Task.CompletedTask;
    }

    [LoggerMessage(EventName = "LeaseDropAway", Level = LogLevel.Warning, Message = "Lease {Lease}, which nobody waits for, cannot be dropped yet: {Reason}")]
    private partial void LogDropAway(string lease, string reason);

    [LoggerMessage(EventName = "LeaseDropFailed", Level = LogLevel.Error, Message = "Lease {Lease}, which nobody waits for, could not be dropped; it ends when its time is up.")]
    private partial void LogDropFailed(Exception fault, string lease);
}
