using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Weir.State;

namespace Weir.Tests.Inference.Batches.Support;

/// <summary>
/// A store as a process sees it that is killed at its nth call: that call lands or not, and from then on nothing reaches the store
/// any more.
/// </summary>
internal sealed class DyingStore(IStateStore inner, int at, bool lands) : IStateStore, IBlobStore, ILogStore
{
    private readonly ConcurrentQueue<string> _blobs = new();
    private int _calls;
    private int _underWay;

    public bool IsDead => Volatile.Read(ref _calls) >= at;

    /// <summary>Whether a call is under way: time that ran on meanwhile would outrun a slow disk, and every claim with it.</summary>
    public bool IsBusy => Volatile.Read(ref _underWay) > 0;

    /// <summary>Calls so far.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>The blobs that were written, or were to be.</summary>
    public IReadOnlyCollection<string> BlobsWritten => _blobs;

    public IStoreClock Clock => inner.Clock;

    public IBlobStore Blobs => this;

    public ILogStore Logs => this;

    public ICacheStore Cache => inner.Cache;

    public StoreHealth Health => inner.Health;

    public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default) =>
        CallAsync(() => inner.CommitAsync(commit, cancellationToken));

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) =>
        CallAsync(() => inner.SettleAsync(commit, cancellationToken));

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) =>
        CallAsync(() => inner.ReadAsync(partition, key, cancellationToken));

    public ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default) =>
        CallAsync(() => inner.ListAsync(partition, prefix, after, limit, cancellationToken));

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) =>
        CallAsync(() => inner.RevisionAsync(partition, cancellationToken));

    public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
        inner.WatchAsync(partition, prefixes, cancellationToken);

    async ValueTask IBlobStore.WriteAsync(string id, Stream content, CancellationToken cancellationToken) => await CallAsync(async () =>
    {
        _blobs.Enqueue(id);
        await inner.Blobs.WriteAsync(id, content, cancellationToken);
        return true;
    });

    ValueTask<Stream?> IBlobStore.OpenAsync(string id, CancellationToken cancellationToken) =>
        CallAsync(() => inner.Blobs.OpenAsync(id, cancellationToken));

    async ValueTask IBlobStore.RemoveAsync(string id, CancellationToken cancellationToken) => await CallAsync(async () =>
    {
        await inner.Blobs.RemoveAsync(id, cancellationToken);
        return true;
    });

    async ValueTask<ILogWriter> ILogStore.OpenAsync(string name, long fence, CancellationToken cancellationToken) =>
        new Writer(this, await CallAsync(() => inner.Logs.OpenAsync(name, fence, cancellationToken)));

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        string name, long from = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var record in inner.Logs.ReadAsync(name, from, cancellationToken))
        {
            if (IsDead)
            {
                throw new StoreUnavailableException("killed");
            }

            yield return record;
        }
    }

    async ValueTask ILogStore.RemoveAsync(string name, CancellationToken cancellationToken) => await CallAsync(async () =>
    {
        await inner.Logs.RemoveAsync(name, cancellationToken);
        return true;
    });

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call)
    {
        var number = Interlocked.Increment(ref _calls);
        if (number > at || (number == at && !lands))
        {
            throw new StoreUnavailableException("killed");
        }

        Interlocked.Increment(ref _underWay);
        try
        {
            var answer = await call();
            return number < at ? answer : throw new StoreUnavailableException("killed");
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private sealed class Writer(DyingStore owner, ILogWriter inner) : ILogWriter
    {
        public long Count => inner.Count;

        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> records, CancellationToken cancellationToken = default) =>
            await owner.CallAsync(async () =>
            {
                await inner.AppendAsync(records, cancellationToken);
                return true;
            });

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
