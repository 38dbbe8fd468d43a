using Weir.State;

namespace Weir.Tests.Retrieval.Collections;

/// <summary>A store whose user dies at a step: from then on nothing it asks for happens, as after SIGKILL. What happened before stays in the store behind.</summary>
internal sealed class DyingStore(IStateStore inner) : IStateStore
{
    private int _left = int.MaxValue;
    private int _reads;

    public IStoreClock Clock => inner.Clock;

    public IBlobStore Blobs => new DyingBlobs(this, inner.Blobs);

    public ILogStore Logs => inner.Logs;

    public ICacheStore Cache => inner.Cache;

    public StoreHealth Health => inner.Health;

    /// <summary>How many documents were asked for, one at a time.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public bool IsDead => _left <= 0;

    /// <summary>Dies before the step of that number from now; 1 is the next one.</summary>
    public void DieAt(int step) => _left = step;

    public async ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        Step();
        var outcome = await inner.CommitAsync(commit, cancellationToken);
        // The commit may have landed and the process died before it knew.
        Step();
        return outcome;
    }

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) => inner.SettleAsync(commit, cancellationToken);

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        return inner.ReadAsync(partition, key, cancellationToken);
    }

    public ValueTask<IReadOnlyList<Document>> ListAsync(string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default) =>
        inner.ListAsync(partition, prefix, after, limit, cancellationToken);

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) => inner.RevisionAsync(partition, cancellationToken);

    public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
        inner.WatchAsync(partition, prefixes, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Step()
    {
        if (Interlocked.Decrement(ref _left) <= 0)
            throw new StoreUnavailableException("The process is dead.");
    }

    private sealed class DyingBlobs(DyingStore owner, IBlobStore blobs) : IBlobStore
    {
        public async ValueTask WriteAsync(string id, Stream content, CancellationToken cancellationToken = default)
        {
            owner.Step();
            await blobs.WriteAsync(id, content, cancellationToken);
            owner.Step();
        }

        public ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default) => blobs.OpenAsync(id, cancellationToken);

        public async ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default)
        {
            owner.Step();
            await blobs.RemoveAsync(id, cancellationToken);
            owner.Step();
        }
    }
}
