using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>Puts the ends of leases off, or nearer. Only the lease is written, so its resources stay under their fence; none lands after the end that it puts off.</summary>
internal sealed partial class LeaseRenewals(LeaseCommits commits, FleetView view, LeaseLookup lookup, ILogger<LeaseRenewals> logger)
{
    /// <summary>How long a keyed lease stands whose client left before it had its answer.</summary>
    public static readonly TimeSpan Unanswered = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FeedBehind = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, bool> _underway = new(StringComparer.Ordinal);

    public async Task<LeaseAnswer> RenewAsync(LeaseAsker asker, string id, long? fence, TimeSpan? ttl, CancellationToken cancellationToken)
    {
        if (ttl < TimeSpan.FromSeconds(1) || ttl > TimeSpan.FromHours(24))
            return LeaseErrors.Invalid("ttl", "ttl is from 1 s to 24 h.");
        for (var isFresh = false; ; isFresh = true)
        {
            var (lease, fault) = await lookup.HeldAsync(asker, id, fence, isFresh, cancellationToken);
            if (lease is null)
                return fault!;
            if (lease.Value.State is LeaseState.Waiting or LeaseState.Granted)
                return LeaseErrors.NotReady(lease.Value);
            if (lease.Value.HasEnded || lease.Value.EndsAt <= commits.Now)
                return LeaseErrors.Ended(lease.Value);
            if (await EndAtAsync(lease, commits.Now + (ttl ?? lease.Value.Ttl)) is not { } renewed)
                continue;
            await view.WhenAsync(renewed.Version, FeedBehind, cancellationToken);
            return new LeaseAnswer(renewed, null);
        }
    }

    /// <summary>Whether a ready lease has been renewed since it was granted: then somebody has it.</summary>
    public static bool IsRenewed(LeaseRecord lease) => lease.EndsAt > lease.ReadyAt + lease.Ttl;

    /// <summary>
    /// Gives a lease to one who asked for it again by its key: renewed, so that a client which asked before and has left, maybe at another replica, does not bring its end near any more.
    /// </summary>
    public async Task<LeaseAnswer> TakeUpAsync(Stored<LeaseRecord> lease, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (record, now) = (lease.Value, commits.Now);
            if (record.State != LeaseState.Ready || record.EndsAt <= now)
                return LeaseErrors.Ended(record);
            if (IsRenewed(record) && record.EndsAt - now > record.Ttl * (2.0 / 3))
                return new LeaseAnswer(lease, null);
            var from = record.ReadyAt is { } ready && ready >= now ? ready + TimeSpan.FromTicks(1) : now;
            if (await EndAtAsync(lease, from + record.Ttl) is { } renewed)
            {
                await view.WhenAsync(renewed.Version, FeedBehind, cancellationToken);
                return new LeaseAnswer(renewed, null);
            }

            if (await commits.ReadLeaseAsync(record.Id, cancellationToken) is not { } read)
                return LeaseErrors.Ended(record);
            lease = read;
        }
    }

    /// <summary>Renews in the background a lease that is being used, once a third of its time has passed.</summary>
    public void Used(Stored<LeaseRecord> lease)
    {
        if (lease.Value.EndsAt - commits.Now <= lease.Value.Ttl * (2.0 / 3) && _underway.TryAdd(lease.Value.Id, true))
            _ = RenewUsedAsync(lease);
    }

    /// <returns>Null: it was changed meanwhile, or its time was up.</returns>
    public async Task<Stored<LeaseRecord>?> EndAtAsync(Stored<LeaseRecord> lease, DateTimeOffset end)
    {
        var record = lease.Value with { EndsAt = end, Fence = lease.Value.FenceOf(lease.Version) };
        return await commits.CommitAsync([LeaseCommits.Put(record, lease.Version)], notAfter: lease.Value.EndsAt, within: LeaseCommits.Answered) is CommitOutcome.Committed(var revision)
            ? new Stored<LeaseRecord>(record, revision)
            : null;
    }

    private async Task RenewUsedAsync(Stored<LeaseRecord> lease)
    {
        try
        {
            await EndAtAsync(lease, commits.Now + lease.Value.Ttl);
        }
        catch (Exception fault)
        {
            // The next use tries again.
            LogFailed(lease.Value.Id, fault.Message);
        }
        finally
        {
            _underway.TryRemove(lease.Value.Id, out _);
        }
    }

    [LoggerMessage(EventName = "LeaseRenewalFailed", Level = LogLevel.Warning, Message = "Lease {Lease} is in use and could not be renewed: {Reason}")]
    private partial void LogFailed(string lease, string reason);
}
