namespace Weir.State;

/// <summary>
/// Everything that replicas share or that must survive a restart: small versioned documents, changed only by
/// compare-and-set, watched as whole commits in order; and beside them blobs, logs and a lossy cache.
/// One contract, three implementations (SQLite, Redis, memory).
/// </summary>
public interface IStateStore : IAsyncDisposable
{
    /// <summary>Store time: never steps back, and never depends on the clock of one replica.</summary>
    IStoreClock Clock { get; }

    IBlobStore Blobs { get; }

    ILogStore Logs { get; }

    /// <summary>Lossy, bounded, last writer wins.</summary>
    ICacheStore Cache { get; }

    /// <summary>What the store is, whether it answers, and what an operator should change about it.</summary>
    StoreHealth Health { get; }

    /// <summary>Applies all writes if every check and every expected version holds, else none of them.</summary>
    /// <returns>
    /// Committed with its revision, lost with the keys that did not match, or unknown: sent and not answered. An unknown
    /// commit is settled by <see cref="SettleAsync"/> before anything else is decided.
    /// </returns>
    /// <exception cref="ArgumentException">More than 512 writes, 4 MiB in all, or a document over 1 MiB.</exception>
    /// <exception cref="StoreUnavailableException">The store refused or could not be reached before anything was sent.</exception>
    ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default);

    /// <summary>Asks what became of a commit by its id, for 5 minutes after it was sent.</summary>
    /// <returns>Committed, or lost with no keys when the store does not know the id and it can no longer land.</returns>
    ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default);

    /// <summary>Null where the key is absent.</summary>
    ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default);

    /// <summary>Documents whose key begins with <paramref name="prefix"/>, in key order, after <paramref name="after"/> (null: from the first).</summary>
    ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default);

    /// <summary>The documents now, as one snapshot, then whole commits in order with no gap; a reader that fell behind gets a new snapshot.</summary>
    IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default);
}
