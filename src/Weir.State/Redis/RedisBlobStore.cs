using System.Globalization;
using StackExchange.Redis;

namespace Weir.State.Redis;

/// <summary>
/// A blob is chunks and, written last, a key that says how many. Until then each chunk carries a time limit, so that what a
/// dead replica left unfinished goes by itself.
/// </summary>
internal sealed class RedisBlobStore(RedisConnection connection) : IBlobStore
{
    internal const int ChunkBytes = 256 << 10;

    private static readonly TimeSpan Unfinished = TimeSpan.FromDays(1);

    public async ValueTask WriteAsync(string id, Stream content, CancellationToken cancellationToken = default)
    {
        BlobId.Validate(id);
        var chunks = 0;
        long length = 0;
        var buffer = new byte[ChunkBytes];
        while (await content.ReadAtLeastAsync(buffer, ChunkBytes, throwOnEndOfStream: false, cancellationToken) is > 0 and var read)
        {
            var key = RedisKeys.Chunk(id, chunks++);
            var chunk = buffer[..read];
            await connection.RepeatAsync(database => database.StringSetAsync(key, chunk, Unfinished), cancellationToken);
            length += read;
        }

        for (var i = 0; i < chunks; i++)
        {
            var key = RedisKeys.Chunk(id, i);
            await connection.RepeatAsync(database => database.KeyPersistAsync(key), cancellationToken);
            if (await connection.RepeatAsync(database => database.KeyTimeToLiveAsync(key), cancellationToken) is not null
                || !await connection.RepeatAsync(database => database.KeyExistsAsync(key), cancellationToken))
                throw new StoreUnavailableException("Redis lost a part of the blob while it was written.");
        }

        var meta = string.Create(CultureInfo.InvariantCulture, $"{chunks} {length}");
        await connection.RepeatAsync(database => database.StringSetAsync(RedisKeys.Blob(id), meta), cancellationToken);
    }

    public async ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default)
    {
        var meta = (string?)await connection.RepeatAsync(database => database.StringGetAsync(RedisKeys.Blob(id)), cancellationToken);
        if (meta is null)
            return null;
        var length = long.Parse(meta.AsSpan(meta.IndexOf(' ') + 1), CultureInfo.InvariantCulture);
        return new RedisBlobStream(connection, id, length);
    }

    public async ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        await connection.RepeatAsync(database => database.KeyDeleteAsync(RedisKeys.Blob(id)), cancellationToken);
        var chunks = 0;
        while (await connection.RepeatAsync(database => database.KeyExistsAsync(RedisKeys.Chunk(id, chunks)), cancellationToken))
            chunks++;

        // Backwards, so that a removal that was cut short can be done again: what is left begins with the first.
        while (chunks-- > 0)
            await connection.RepeatAsync(database => database.KeyDeleteAsync(RedisKeys.Chunk(id, chunks)), cancellationToken);
    }
}
