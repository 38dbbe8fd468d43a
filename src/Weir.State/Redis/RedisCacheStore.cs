using System.Buffers.Binary;
using StackExchange.Redis;
using Weir.State.Caching;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>The cache, shared by all replicas: a few shards per space, each bounded by itself. Every fault of it is a miss.</summary>
internal sealed class RedisCacheStore(RedisConnection connection, IStoreClock clock, long maxBytes) : ICacheStore
{
    private const int Shards = 4;
    private const int MostEntries = 128;
    private const int MostBytes = 256 << 10;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly CacheBounds _bounds = new(maxBytes);

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

        return Opened(value);
    }

    public async ValueTask SetAsync(
        string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(key, value);
        await PutAsync(space, ShardOf(key.Span), [_bounds.Of(space) / Shards, key.ToArray(), Sealed(value, ttl)], cancellationToken);
    }

    public async ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(
        string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default)
    {
        var values = new ReadOnlyMemory<byte>?[keys.Count];
        await Task.WhenAll(Enumerable.Range(0, keys.Count).GroupBy(i => ShardOf(keys[i].Span)).Select(async shard =>
        {
            var places = shard.ToArray();
            var fields = Array.ConvertAll(places, i => (RedisValue)keys[i].ToArray());
            try
            {
                var stored = await connection.CallAsync(database => database.HashGetAsync(RedisKeys.Cache(space, shard.Key)[0], fields), Limit, cancellationToken);
                for (var i = 0; i < places.Length; i++)
                    values[places[i]] = Opened(stored[i]);
            }
            catch (StoreUnavailableException)
            {
                // Misses.
            }
        }));
        return values;
    }

    public async ValueTask<int> SetManyAsync(
        string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(entries);
        var calls = entries.GroupBy(entry => ShardOf(entry.Key.Span)).SelectMany(shard => Calls(shard, _bounds.Of(space) / Shards, ttl), (shard, call) => (shard.Key, Call: call));
        var written = await Task.WhenAll(calls.Select(
            async call => await PutAsync(space, call.Key, call.Call, cancellationToken) ? (call.Call.Length - 1) / 2 : 0));
        return written.Sum();
    }

    public void Bound(string space, long maxBytes) => _bounds.Set(space, maxBytes);

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

    /// <summary>The bound and the entries, in calls that keep the server, which does one at a time, for no more than a moment.</summary>
    private IEnumerable<RedisValue[]> Calls(IEnumerable<CacheEntry> entries, long bound, TimeSpan? ttl)
    {
        var (call, bytes) = (new List<RedisValue> { bound }, 0);
        foreach (var (key, value) in entries)
        {
            if (call.Count > 1 && (call.Count >= 2 * MostEntries || bytes + value.Length > MostBytes))
            {
                yield return [.. call];
                (call, bytes) = ([bound], 0);
            }

            call.Add(key.ToArray());
            call.Add(Sealed(value, ttl));
            bytes += value.Length;
        }

        if (call.Count > 1)
            yield return [.. call];
    }

    private async ValueTask<bool> PutAsync(string space, int shard, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            await connection.EvaluateAsync(RedisScripts.CacheSet, RedisKeys.Cache(space, shard), arguments, Limit, cancellationToken);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private byte[] Sealed(ReadOnlyMemory<byte> value, TimeSpan? ttl)
    {
        var stored = new byte[sizeof(long) + value.Length];
        BinaryPrimitives.WriteInt64LittleEndian(stored, ttl is { } lasts ? Revisions.Micros(clock.Now + lasts) : 0);
        value.Span.CopyTo(stored.AsSpan(sizeof(long)));
        return stored;
    }

    private ReadOnlyMemory<byte>? Opened(byte[]? stored)
    {
        if (stored is null || stored.Length < sizeof(long))
            return null;
        var until = BinaryPrimitives.ReadInt64LittleEndian(stored);
        return until != 0 && until <= Revisions.Micros(clock.Now) ? default(ReadOnlyMemory<byte>?) : stored.AsMemory(sizeof(long));
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
