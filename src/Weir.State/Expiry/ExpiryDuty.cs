namespace Weir.State.Expiry;

/// <summary>
/// Deletes documents whose time is up, by store time, each by compare-and-set on the version that expired. Any replica may do
/// it: twice is only wasted work, and a document renewed in the meantime stays.
/// </summary>
internal static class ExpiryDuty
{
    private const int AtOnce = 256;

    /// <returns>How many documents were deleted.</returns>
    public static async ValueTask<int> RunAsync(IStateStore store, CancellationToken cancellationToken)
    {
        var deleted = 0;
        var index = (IExpiryIndex)store;
        while (true)
        {
            var due = await index.DueAsync(AtOnce, cancellationToken);
            var before = deleted;
            foreach (var partition in due.GroupBy(d => d.Partition, StringComparer.Ordinal))
                deleted += await DeleteAsync(store, partition.Key, [.. partition], cancellationToken);
            if (due.Count < AtOnce || deleted == before)
                return deleted;
        }
    }

    /// <summary>What lost its race was changed meanwhile and is left alone; the rest is tried again at once.</summary>
    internal static async ValueTask<int> DeleteAsync(IStateStore store, string partition, List<Expired> due, CancellationToken cancellationToken)
    {
        while (due.Count > 0)
        {
            var commit = new Commit(partition) { Writes = [.. due.Select(d => new Write(d.Key, d.Version, null))] };
            switch (await store.CommitAsync(commit, cancellationToken))
            {
                case CommitOutcome.Committed:
                    return due.Count;
                case CommitOutcome.Lost { Keys.Count: > 0 } lost:
                    due.RemoveAll(d => lost.Keys.Contains(d.Key));
                    break;
                default:
                    // Unknown needs no settling here: what was not deleted is found again.
                    return 0;
            }
        }

        return 0;
    }
}
