using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>Reads and commits in the fleet's partition. Whoever commits learns what became of it: an outcome that is unknown is asked for until it is known.</summary>
internal sealed class LeaseCommits(LeaseFleet fleet, IStateStore store, TimeProvider time)
{
    /// <summary>So long at most a client is kept waiting to be told what became of a change.</summary>
    public static readonly TimeSpan Answered = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // A little under what the store remembers of a commit.
    private static readonly TimeSpan Settling = TimeSpan.FromMinutes(4);

    public DateTimeOffset Now => store.Clock.Now;

    /// <param name="writes">All or nothing.</param>
    /// <param name="notAfter">In store time. Null: it hurts nobody when it is late, since its versions decide.</param>
    /// <param name="checks">What has to stand beside them as it was seen. Null: nothing.</param>
    /// <param name="within">
    /// How long it is asked for what became of it; what the store is being asked by then is still awaited. Null: 4 minutes, for what has to be brought to its end whether or not anybody waits for it.
    /// </param>
    /// <returns>Committed or lost, never unknown.</returns>
    /// <exception cref="StoreUnavailableException">Nothing of it happened, or for so long nobody could say.</exception>
    public async Task<CommitOutcome> CommitAsync(IReadOnlyList<Write> writes, DateTimeOffset? notAfter = null, IReadOnlyList<Check>? checks = null, TimeSpan? within = null)
    {
        var limit = within ?? Settling;
        var started = time.GetTimestamp();
        var wasLost = false;
        for (var pause = FirstPause; ; pause = Longer(pause))
        {
            var commit = new Commit(fleet.Partition) { Writes = writes, Checks = checks ?? [], NotAfter = notAfter };
            var outcome = await store.CommitAsync(commit);
            if (outcome is not CommitOutcome.Unknown)
                return outcome;
            outcome = await SettleAsync(commit, started, limit);
            // The store has not taken it, and will not: nobody was before us, so it is sent again, unless it is too late for it.
            if (outcome is not CommitOutcome.Lost { Keys.Count: 0 } || notAfter < Now)
                return outcome;
            if (time.GetElapsedTime(started) >= limit)
                throw LeaseErrors.StoreAway("it loses every change on its way.");
            // One lost answer is chance; whatever loses them all is not mended by asking faster.
            if (wasLost)
                await Task.Delay(pause, time);
            wasLost = true;
        }
    }

    public async Task<Stored<LeaseRecord>?> ReadLeaseAsync(string id, CancellationToken cancellationToken = default) =>
        await store.ReadAsync(fleet.Partition, LeaseDocuments.Leases + id, cancellationToken) is { } document && LeaseDocuments.ReadLease(document.Body.Span) is { } lease
            ? new Stored<LeaseRecord>(lease, document.Version)
            : null;

    public async Task<Stored<ResourceRecord>?> ReadResourceAsync(string id, CancellationToken cancellationToken = default) =>
        await store.ReadAsync(fleet.Partition, LeaseDocuments.Resources + id, cancellationToken) is { } document && LeaseDocuments.ReadResource(document.Body.Span) is { } resource
            ? new Stored<ResourceRecord>(resource, document.Version)
            : null;

    public static Write Put(LeaseRecord lease, long expected, DateTimeOffset? expiresAt = null) => new(LeaseDocuments.Leases + lease.Id, expected, LeaseDocuments.Write(lease), expiresAt);

    public static Write Put(ResourceRecord resource, long expected) => new(LeaseDocuments.Resources + resource.Id, expected, LeaseDocuments.Write(resource));

    private async Task<CommitOutcome> SettleAsync(Commit commit, long started, TimeSpan limit)
    {
        for (var pause = FirstPause; ; pause = Longer(pause))
        {
            try
            {
                if (await store.SettleAsync(commit) is var outcome and not CommitOutcome.Unknown)
                    return outcome;
            }
            catch (StoreUnavailableException) when (time.GetElapsedTime(started) < limit)
            {
                // Still not known.
            }

            if (time.GetElapsedTime(started) >= limit)
                throw LeaseErrors.StoreAway("what became of a change is not known. Look at the lease when it answers again, or ask again with the same fence or Idempotency-Key.");
            await Task.Delay(pause, time);
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;
}
