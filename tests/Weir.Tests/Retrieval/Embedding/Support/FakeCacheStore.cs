using System.Collections.Concurrent;
using Weir.State;

namespace Weir.Tests.Retrieval.Embedding.Support;

/// <summary>A store's cache that outlives services, and can hang, fail and lie.</summary>
internal sealed class FakeCacheStore : ICacheStore
{
    private int _reads;
    private int _writes;

    public ConcurrentDictionary<string, byte[]> Entries { get; } = new();

    /// <summary>Waited for by every read.</summary>
    public Task Reading { get; set; } = Task.CompletedTask;

    /// <summary>Waited for by every write.</summary>
    public Task Writing { get; set; } = Task.CompletedTask;

    public bool Fails { get; set; }

    /// <summary>Writes come to nothing, and say so: stores that are lossy swallow their faults.</summary>
    public bool Loses { get; set; }

    public int Writes => Volatile.Read(ref _writes);

    public long? Bounded { get; private set; }

    public int Reads => Volatile.Read(ref _reads);

    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        (await GetManyAsync(space, [key], cancellationToken))[0];

    public async ValueTask SetAsync(string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default) =>
        await SetManyAsync(space, [new CacheEntry(key, value)], ttl, cancellationToken);

    public async ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(
        string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        await Reading;
        if (Fails)
            throw new StoreUnavailableException("away");
        return [.. keys.Select(key => Entries.TryGetValue(Name(key), out var value) ? value : default(ReadOnlyMemory<byte>?))];
    }

    public async ValueTask<int> SetManyAsync(string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        await Writing;
        Interlocked.Increment(ref _writes);
        if (Fails)
            throw new StoreUnavailableException("away");
        if (Loses)
            return 0;
        foreach (var (key, value) in entries)
            Entries[Name(key)] = value.ToArray();
        return entries.Count;
    }

    public void Bound(string space, long maxBytes) => Bounded = maxBytes;

    public ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default)
    {
        var count = Entries.Count;
        Entries.Clear();
        return new(count);
    }

    private static string Name(ReadOnlyMemory<byte> key) => Convert.ToHexString(key.Span);
}
