using Weir.State;

namespace Weir.Retrieval.Storage;

internal static class StoreCommits
{
    /// <returns>The revision; null: something was changed meanwhile, and nothing of it happened.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or did not say what became of it.</exception>
    public static async ValueTask<long?> TryCommitAsync(
        this IStateStore store, string partition, IReadOnlyList<Write> writes, CancellationToken cancellationToken, IReadOnlyList<Check>? checks = null)
    {
        var commit = new Commit(partition) { Writes = writes, Checks = checks ?? [] };
        var outcome = await store.CommitAsync(commit, cancellationToken).ConfigureAwait(false);
        // Once it was sent, whoever asked wants to know what became of it, also where nobody waits any more.
        if (outcome is CommitOutcome.Unknown)
            outcome = await store.SettleAsync(commit, CancellationToken.None).ConfigureAwait(false);
        return outcome switch
        {
            CommitOutcome.Committed(var revision) => revision,
            CommitOutcome.Lost => null,
            _ => throw new StoreUnavailableException("The state store did not say whether it took the change: look again."),
        };
    }
}
