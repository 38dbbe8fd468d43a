namespace Weir.State;

/// <summary>Lossy, bounded in bytes, last writer wins; shared where the store is. A miss is always a legal answer.</summary>
public interface ICacheStore
{
    /// <summary>Null where it is absent or its time is up.</summary>
    ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <param name="space">Separates users of the cache.</param>
    /// <param name="key">Any bytes, at most 1 KiB.</param>
    /// <param name="value">At most 1 MiB.</param>
    /// <param name="ttl">Null: until evicted.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask SetAsync(string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default);

    /// <summary>Many at once, in one way to the store and back where that can be.</summary>
    /// <returns>In the order of the keys; null where one is absent or its time is up.</returns>
    ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default);

    /// <summary>Many at once. They are not one change: any of them may be lost.</summary>
    /// <param name="space">As for one.</param>
    /// <param name="entries">Each as for one; of two with the same key the later stays.</param>
    /// <param name="ttl">Null: until evicted.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How many were written, as far as the store can tell.</returns>
    ValueTask<int> SetManyAsync(string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// What a space may hold, in bytes of keys and values, instead of <see cref="StateOptions.CacheBytes"/>; it holds from the next write on. Where
    /// the store is shared, every replica says it for itself, and the bound of whoever writes is the one that holds.
    /// </summary>
    void Bound(string space, long maxBytes);

    /// <returns>How many were removed, as far as the store can tell.</returns>
    ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default);
}

/// <summary>One thing to keep.</summary>
/// <param name="Key">Any bytes, 1 byte to 1 KiB.</param>
/// <param name="Value">At most 1 MiB.</param>
public readonly record struct CacheEntry(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);
