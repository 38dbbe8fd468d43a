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

    /// <returns>How many were removed, as far as the store can tell.</returns>
    ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default);
}
