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

    /// <summary>Whether other processes may use the same documents at the same time; false where one process holds them alone.</summary>
    bool IsShared => false;

    /// <summary>Applies all writes if every check and every expected version holds, else none of them.</summary>
    /// <returns>
    /// Committed with its revision, lost with the keys that did not match, or unknown: sent and not answered. An unknown
    /// commit is settled by <see cref="SettleAsync"/> before anything else is decided.
    /// </returns>
    /// <exception cref="ArgumentException">More than 512 writes, 4 MiB in all, or a document over 1 MiB.</exception>
    /// <exception cref="StoreUnavailableException">The store refused, or could not be reached before the deadline: nothing of it happened.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before anything was sent; later, the outcome is unknown.</exception>
    ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default);

    /// <summary>Asks what became of a commit by its id, for 5 minutes after it was sent.</summary>
    /// <returns>
    /// Committed; lost with no keys when the store does not know the id, which it then marks, so that the commit can no longer land; or
    /// unknown still, when the store does not answer within the commit's deadline.
    /// </returns>
    ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default);

    /// <summary>Null where the key is absent. A document whose time is up stands until the expiry duty has deleted it.</summary>
    ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Documents whose key begins with <paramref name="prefix"/>, in the order of their UTF-8 bytes, after <paramref name="after"/> (null: from the
    /// first). Fewer than <paramref name="limit"/> only at the end.
    /// </summary>
    ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default);

    /// <summary>The revision of the last commit of a partition, as the store has it now; 0: there was none. A feed that has shown it is not behind.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default);

    /// <summary>
    /// The documents now, as one snapshot, then whole commits in order with no gap; a reader that fell behind, or a store that came back
    /// from an older state, gets a new snapshot, which says whether the store has forgotten anything. An empty prefix means every key. It goes on through a store that is away, and ends only by
    /// the token, or with <see cref="StoreUnavailableException"/> when the store is closed.
    /// </summary>
    IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default);
}
