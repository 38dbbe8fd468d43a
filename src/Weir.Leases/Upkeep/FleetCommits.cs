using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Upkeep;

/// <summary>Changes documents of the fleet, and waits until this replica's view has them.</summary>
internal sealed class FleetCommits(IStateStore store, IFleetView view, LeaseFleet fleet)
{
    public const int MostWrites = 512;

    private static readonly TimeSpan SeenWithin = TimeSpan.FromSeconds(5);

    /// <summary>Store time.</summary>
    public DateTimeOffset Now => store.Clock.Now;

    /// <returns>The revision; null: something was changed meanwhile, and nothing of it happened.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or did not say what became of it.</exception>
    public async Task<long?> TryAsync(IReadOnlyList<Write> writes, CancellationToken cancellationToken, IReadOnlyList<Check>? checks = null)
    {
        var commit = new Commit(fleet.Partition) { Writes = writes, Checks = checks ?? [] };
        var outcome = await store.CommitAsync(commit, cancellationToken).ConfigureAwait(false);
        if (outcome is CommitOutcome.Unknown)
            outcome = await store.SettleAsync(commit, CancellationToken.None).ConfigureAwait(false);
        switch (outcome)
        {
            case CommitOutcome.Committed(var revision):
                await view.WhenAsync(revision, SeenWithin, cancellationToken).ConfigureAwait(false);
                return revision;
            case CommitOutcome.Lost:
                return null;
            default:
                throw new StoreUnavailableException("The state store did not say whether it took the change: look again.");
        }
    }

    /// <returns>The record as it is stored then; null: it was changed meanwhile.</returns>
    /// <inheritdoc cref="TryAsync(IReadOnlyList{Write}, CancellationToken, IReadOnlyList{Check})"/>
    public async Task<Stored<ResourceRecord>?> TryAsync(Stored<ResourceRecord> from, ResourceRecord to, CancellationToken cancellationToken) =>
        await TryAsync([Put(to, from.Version)], cancellationToken).ConfigureAwait(false) is { } revision ? new Stored<ResourceRecord>(to, revision) : null;

    /// <summary>
    /// Waits until the view shows what the store has now. For whoever has lost to a change that the view did not show yet: what it reads next is not what it lost with.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var revision = await store.RevisionAsync(fleet.Partition, cancellationToken).ConfigureAwait(false);
        await view.WhenAsync(revision, SeenWithin, cancellationToken).ConfigureAwait(false);
    }

    public static Write Put(ResourceRecord record, long expected) => new(LeaseDocuments.Resources + record.Id, expected, LeaseDocuments.Write(record));

    public static Write Remove(Stored<ResourceRecord> resource) => new(LeaseDocuments.Resources + resource.Value.Id, resource.Version, null);
}
