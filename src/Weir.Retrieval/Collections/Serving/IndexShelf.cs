using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>
/// The collections in this replica's memory: built when first asked for, once however many ask; let go when nobody does, the least recently used first where
/// there is no room, those that all share last.
/// </summary>
internal sealed class IndexShelf(IStateStore store, CollectionLimits limits, CollectionMetrics metrics, TimeProvider time, ILogger<IndexShelf> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(1);

    private readonly Lock _sync = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private bool _disposed;

    /// <summary>Whoever holds the lease keeps the index from leaving.</summary>
    public async ValueTask<(IndexLease? Lease, RetrievalError? Error)> AcquireAsync(CollectionRecord collection)
    {
        var evicted = new List<CollectionIndex>();
        try
        {
            lock (_sync)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (!_entries.TryGetValue(collection.Id, out var entry))
                {
                    while (_entries.Count >= limits.Indexes || Held() >= limits.IndexBytes)
                    {
                        if (LeastUsed() is not { } least)
                            return (null, CollectionErrors.Busy(Again));
                        _entries.Remove(least.Key);
                        evicted.Add(least.Value.Index);
                    }

                    var index = new CollectionIndex(collection, store, limits.IndexBytes, time, logger);
                    _ = MeasureAsync(collection, index);
                    _entries.Add(collection.Id, entry = new Entry(index, collection.IsGlobal));
                }

                entry.Users++;
                entry.UsedAt = time.GetTimestamp();
                return (new IndexLease(entry.Index, () => Release(entry)), null);
            }
        }
        finally
        {
            foreach (var index in evicted)
                await index.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <returns>The index if it is here, for whoever only looks.</returns>
    public CollectionIndex? Find(string id)
    {
        lock (_sync)
            return _entries.GetValueOrDefault(id)?.Index;
    }

    /// <summary>Lets go what is idle, what is too much, and what is no collection any more.</summary>
    /// <param name="stands">Whether there is a collection of an id.</param>
    public async ValueTask TrimAsync(Func<string, bool> stands)
    {
        var leaving = new List<CollectionIndex>();
        lock (_sync)
        {
            foreach (var (id, entry) in _entries.ToList())
            {
                var idle = time.GetElapsedTime(entry.UsedAt);
                if (entry.Users == 0 && (!stands(id) || (idle >= limits.IndexIdle && !entry.IsGlobal) || (entry.Index.IsTooLarge && idle >= LookAgain)))
                    Remove(id);
            }

            while (Held() > limits.IndexBytes && LeastUsed() is { } least)
                Remove(least.Key);
        }

        foreach (var index in leaving)
            await index.DisposeAsync().ConfigureAwait(false);

        void Remove(string id)
        {
            if (_entries.Remove(id, out var entry))
                leaving.Add(entry.Index);
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<CollectionIndex> all;
        lock (_sync)
        {
            _disposed = true;
            all = [.. _entries.Values.Select(entry => entry.Index)];
            _entries.Clear();
        }

        foreach (var index in all)
            await index.DisposeAsync().ConfigureAwait(false);
    }

    private async Task MeasureAsync(CollectionRecord collection, CollectionIndex index)
    {
        var started = time.GetTimestamp();
        if (await index.WhenAsync(0, limits.IndexIdle, CancellationToken.None).ConfigureAwait(false) is not null)
            metrics.Built(collection.Name, collection.IsGlobal, time.GetElapsedTime(started));
    }

    private long Held() => _entries.Values.Sum(entry => entry.Index.View?.Footprint ?? 0);

    private KeyValuePair<string, Entry>? LeastUsed()
    {
        var free = _entries.Where(entry => entry.Value.Users == 0).OrderBy(entry => entry.Value.IsGlobal).ThenBy(entry => entry.Value.UsedAt).Take(1).ToList();
        return free.Count == 0 ? null : free[0];
    }

    private void Release(Entry entry)
    {
        lock (_sync)
        {
            entry.Users--;
            entry.UsedAt = time.GetTimestamp();
        }
    }

    private sealed class Entry(CollectionIndex index, bool isGlobal)
    {
        public CollectionIndex Index => index;

        public bool IsGlobal => isGlobal;

        public int Users { get; set; }

        public long UsedAt { get; set; }
    }
}

/// <summary>An index in use.</summary>
internal sealed class IndexLease(CollectionIndex index, Action release) : IDisposable
{
    public CollectionIndex Index => index;

    public void Dispose() => release();
}
