using StackExchange.Redis;

namespace Weir.State.Redis;

/// <summary>Reads a blob chunk by chunk; holds one at a time.</summary>
internal sealed class RedisBlobStream(RedisConnection connection, string id, long length) : Stream
{
    private byte[] _chunk = [];
    private long _chunkNumber = -1;
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= length || buffer.IsEmpty)
            return 0;
        var number = _position / RedisBlobStore.ChunkBytes;
        if (number != _chunkNumber)
        {
            var key = RedisKeys.Chunk(id, (int)number);
            _chunk = (byte[]?)await connection.RepeatAsync(database => database.StringGetAsync(key), cancellationToken)
                ?? throw new IOException($"Blob {id} was removed while it was read.");
            _chunkNumber = number;
        }

        var rest = _chunk.AsMemory((int)(_position % RedisBlobStore.ChunkBytes));
        var count = Math.Min(rest.Length, buffer.Length);
        rest[..count].CopyTo(buffer);
        _position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => length,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
