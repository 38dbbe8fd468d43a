using Weir.State.Clocks;
using Weir.State.Documents;
using Weir.State.Expiry;

namespace Weir.State.Memory;

/// <summary>The contract without durability, for tests and trials.</summary>
internal sealed class MemoryStateStore : IStateStore, IExpiryIndex
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, MemoryPartition> _partitions = new(StringComparer.Ordinal);
    private readonly FeedHub _hub = new();
    private readonly MonotonicStoreClock _clock;
    private bool _disposed;

    public MemoryStateStore(StateOptions options, TimeProvider time)
    {
        _clock = new MonotonicStoreClock(time, DateTimeOffset.MinValue);
        Cache = new MemoryCacheStore(options.CacheBytes, _clock);
    }

    public IStoreClock Clock => _clock;

    public IBlobStore Blobs { get; } = new MemoryBlobStore();

    public ILogStore Logs { get; } = new MemoryLogStore();

    public ICacheStore Cache { get; }

    public StoreHealth Health => new("memory", !_disposed, ["State is kept in memory and lost at exit: set \"state\" to sqlite or redis://host:port/db."]);

    public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        CommitLimits.Validate(commit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ThrowIfClosed();
            var outcome = Partition(commit.Partition).Apply(commit, _clock.Now, out var changes);
            // Under the lock, so that watchers see commits in order; it only fills their queues.
            if (changes.Count > 0)
                _hub.Publish(commit.Partition, ((CommitOutcome.Committed)outcome).Revision, changes);
            return new ValueTask<CommitOutcome>(outcome);
        }
    }

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ThrowIfClosed();
            return new ValueTask<CommitOutcome>(Partition(commit.Partition).Settle(commit.Id, _clock.Now));
        }
    }

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ThrowIfClosed();
            return new ValueTask<Document?>(Partition(partition).Find(key));
        }
    }

    public ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default)
    {
        CommitLimits.ValidateList(limit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ThrowIfClosed();
            return new ValueTask<IReadOnlyList<Document>>([.. Partition(partition).From(prefix, after).Take(limit)]);
        }
    }

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ThrowIfClosed();
            return new ValueTask<long>(Partition(partition).Revision);
        }
    }

    public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
        _hub.FollowAsync(partition, prefixes, (watched, _) => new ValueTask<Feed.Snapshot>(Snapshot(partition, watched)), cancellationToken);

    public ValueTask<IReadOnlyList<Expired>> DueAsync(int limit, CancellationToken cancellationToken)
    {
        var now = _clock.Now;
        lock (_lock)
        {
            return new ValueTask<IReadOnlyList<Expired>>(
            [
                .. _partitions.SelectMany(p => p.Value.Due(now).Select(d => (Partition: p.Key, Document: d)))
                    .OrderBy(x => x.Document.ExpiresAt).Take(limit)
                    .Select(x => new Expired(x.Partition, x.Document.Key, x.Document.Version)),
            ]);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
            _disposed = true;
        _hub.Dispose();
        return ValueTask.CompletedTask;
    }

    private Feed.Snapshot Snapshot(string partition, Prefixes watched)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            var held = Partition(partition);
            return new Feed.Snapshot(held.Revision, [.. watched.Items.SelectMany(p => held.From(p, null))]);
        }
    }

    private MemoryPartition Partition(string name)
    {
        if (!_partitions.TryGetValue(name, out var partition))
            _partitions.Add(name, partition = new MemoryPartition());
        return partition;
    }

    private void ThrowIfClosed()
    {
        if (_disposed)
            throw new StoreUnavailableException("The store was closed.");
    }
}
