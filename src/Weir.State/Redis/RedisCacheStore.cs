using System.Buffers.Binary;
using StackExchange.Redis;
using Weir.State.Caching;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>The cache, shared by all replicas: a few shards per space, each bounded by itself. Every fault of it is a miss.</summary>
internal sealed class RedisCacheStore(RedisConnection connection, IStoreClock clock, long maxBytes) : ICacheStore
{
    private const int Shards = 4;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        byte[]? value;
        try
        {
            var keys = RedisKeys.Cache(space, ShardOf(key.Span));
            value = await connection.CallAsync(database => database.HashGetAsync(keys[0], key.ToArray()), Limit, cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }

        if (value is null)
            return null;
        var until = BinaryPrimitives.ReadInt64LittleEndian(value);
        return until != 0 && until <= Revisions.Micros(clock.Now) ? default(ReadOnlyMemory<byte>?) : value.AsMemory(sizeof(long));
    }

    public async ValueTask SetAsync(
        string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(key, value);
        var stored = new byte[sizeof(long) + value.Length];
        BinaryPrimitives.WriteInt64LittleEndian(stored, ttl is { } lasts ? Revisions.Micros(clock.Now + lasts) : 0);
        value.Span.CopyTo(stored.AsSpan(sizeof(long)));
        try
        {
            await connection.EvaluateAsync(
                RedisScripts.CacheSet, RedisKeys.Cache(space, ShardOf(key.Span)), [key.ToArray(), stored, maxBytes / Shards], Limit, cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // Not kept.
        }
    }

    public async ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default)
    {
        long removed = 0;
        for (var shard = 0; shard < Shards; shard++)
        {
            var keys = RedisKeys.Cache(space, shard);
            removed += await connection.RepeatAsync(database => database.HashLengthAsync(keys[0]), cancellationToken);
            await connection.RepeatAsync(database => database.KeyDeleteAsync(keys), cancellationToken);
        }

        return removed;
    }

    /// <summary>FNV-1a: the same in every replica.</summary>
    private static int ShardOf(ReadOnlySpan<byte> key)
    {
        var hash = 2166136261u;
        foreach (var b in key)
            hash = unchecked((hash ^ b) * 16777619u);
        return (int)(hash % Shards);
    }
}
