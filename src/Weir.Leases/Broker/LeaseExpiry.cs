using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Broker;

/// <summary>
/// Ends what is over in store time: waits, initialisations that hang, leases; what was begun by a replica that is gone; waits for what there can never be any more; and what was asked for
/// with a key that is gone. The replica that answers for a lease comes first, any other half a second later. A renewal that landed meanwhile wins, since a lease ends only at the version that
/// was seen; while nothing new can be seen, nothing is ended.
/// </summary>
internal sealed partial class LeaseExpiry(
    FleetView view, LeaseCapacity capacity, LeaseKeys keys, LeaseCommits commits, LeaseEnds ends, ReplicaView replicas, IStateStore store, TimeProvider time, ILogger<LeaseExpiry> logger) : BackgroundService
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan OthersAfter = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);
    private const int AtOnce = 256;

    // Its announcement is over, and for one more period none came: it is not merely late. To end what it still works on would be harmless: only its grant would be lost.
    private static readonly TimeSpan GoneAfter = ReplicaView.Period;
    private static readonly LeaseEnding Orphaned = new(LeaseState.Failed, "The server that its client was connected to is gone.", LeaseErrors.Unavailable);

    private readonly ConcurrentDictionary<string, bool> _ending = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _goneSince = new(StringComparer.Ordinal);
    private long _swept;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await view.Known.WaitAsync(stoppingToken);
            Sweep();
            while (!stoppingToken.IsCancellationRequested)
                await Task.Delay(Step(), time, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The others, or the next start, end what is over.
        }
    }

    /// <returns>How long until there may be something to do.</returns>
    private TimeSpan Step()
    {
        try
        {
            if (!view.IsCurrent)
                return Longest;
            if (time.GetElapsedTime(_swept) >= SweepEvery)
            {
                Sweep();
                EndHopeless();
                EndKeyless();
            }

            var now = commits.Now;
            var (due, next) = Due(now);
            foreach (var lease in due)
                Begin(lease, ends.EndingInTime(lease.Value));
            return next is { } at ? Between(at - now) : Longest;
        }
        catch (Exception fault)
        {
            LogFailed(fault);
            return Longest;
        }
    }

    private (List<Stored<LeaseRecord>> Due, DateTimeOffset? Next) Due(DateTimeOffset now)
    {
        var due = new List<Stored<LeaseRecord>>();
        DateTimeOffset? next = null;
        lock (view.Sync)
        {
            foreach (var (at, id) in view.Tables.Ends)
            {
                if (at > now || due.Count == AtOnce)
                {
                    next = next < at ? next : at;
                    break;
                }

                var lease = view.Tables.Leases[id];
                var turn = lease.Value.Replica is { } replica && replica != replicas.Id ? at + OthersAfter : at;
                if (_ending.ContainsKey(id))
                    continue;
                if (turn <= now)
                    due.Add(lease);
                else
                    next = next < turn ? next : turn;
            }
        }

        return (due, next);
    }

    /// <summary>Waiters whose replica is gone, and what it was initialising.</summary>
    private void Sweep()
    {
        _swept = time.GetTimestamp();
        List<Stored<LeaseRecord>> begun;
        lock (view.Sync)
            begun = [.. view.Tables.Line.InOrder.Select(waiter => waiter.Lease).Concat(view.Tables.Granted.Select(id => view.Tables.Leases[id])).Where(lease => lease.Value.Replica is { } replica && replica != replicas.Id)];
        var alive = replicas.Current.Ids;
        foreach (var replica in _goneSince.Keys.Where(replica => alive.Contains(replica) || begun.All(lease => lease.Value.Replica != replica)).ToList())
            _goneSince.Remove(replica);
        foreach (var lease in begun)
        {
            var replica = lease.Value.Replica!;
            if (alive.Contains(replica))
                continue;
            _goneSince.TryAdd(replica, _swept);
            // Whoever held a store of its own is gone when another does.
            if (!store.IsShared || time.GetElapsedTime(_goneSince[replica], _swept) >= GoneAfter)
                Begin(lease, Orphaned);
        }
    }

    /// <summary>Those whose clients are here, and those of nobody: each replica does it for its own.</summary>
    private void EndHopeless()
    {
        foreach (var (lease, fault, kind) in capacity.HopelessWaits(AtOnce, lease => lease.Replica is null || lease.Replica == replicas.Id))
            Begin(lease, new LeaseEnding(LeaseState.Failed, fault.Message, fault.Code), kind);
    }

    /// <summary>What waits, or is leased, by a key that is gone: by the replica that answers for the lease, or by any where that is gone.</summary>
    private void EndKeyless()
    {
        var alive = replicas.Current.Ids;
        foreach (var (lease, fault) in keys.Without(AtOnce, lease => lease.Replica is not { } replica || replica == replicas.Id || !alive.Contains(replica)))
        {
            var ending = lease.Value.State == LeaseState.Waiting
                ? new LeaseEnding(LeaseState.Failed, fault.Message, fault.Code)
                : new LeaseEnding(LeaseState.Expired, fault.Code == LeaseErrors.KeyExpired ? "Its key has expired." : "Its key was revoked.");
            // A key that was made elsewhere a moment ago may not be known here yet: the store has the last word.
            Begin(lease, ending, isSo: keys.IsGoneAsync);
        }
    }

    private void Begin(Stored<LeaseRecord> lease, LeaseEnding ending, Check? unless = null, Func<LeaseRecord, CancellationToken, Task<bool>>? isSo = null)
    {
        if (_ending.TryAdd(lease.Value.Id, true))
            _ = EndAsync(lease, ending, unless, isSo);
    }

    private async Task EndAsync(Stored<LeaseRecord> lease, LeaseEnding ending, Check? unless, Func<LeaseRecord, CancellationToken, Task<bool>>? isSo)
    {
        try
        {
            // Bounded: meanwhile it does not end by anything else.
            if (isSo is not null && !await isSo(lease.Value, CancellationToken.None).WaitAsync(SweepEvery, time))
                return;
            if (await ends.EndAsync(lease, ending, unless) is { } ended)
            {
                LogEnded(lease.Value.Id, lease.Value.WorkerId, lease.Value.State, ending.Reason);
                await view.WhenAsync(ended.Version, SweepEvery, CancellationToken.None);
            }
        }
        catch (Exception away) when (away is StoreUnavailableException or TimeoutException)
        {
            // It is over still when the store is back.
        }
        catch (Exception fault)
        {
            LogFailed(fault);
        }
        finally
        {
            _ending.TryRemove(lease.Value.Id, out _);
        }
    }

    private static TimeSpan Between(TimeSpan wait) => wait < Shortest ? Shortest : wait > Longest ? Longest : wait;

    [LoggerMessage(EventName = "LeaseEnded", Level = LogLevel.Information, Message = "Lease {Lease} of worker {Worker} was taken back while {State}: {Reason}")]
    private partial void LogEnded(string lease, string worker, LeaseState state, string reason);

    [LoggerMessage(EventName = "LeaseExpiryFailed", Level = LogLevel.Error, Message = "Leases that are over could not be ended; it is tried again.")]
    private partial void LogFailed(Exception fault);
}
