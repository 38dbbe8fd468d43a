namespace Weir.Inference.Coalescing;

/// <summary>How far one reader of a <see cref="FollowedAnswer"/> has come. Guarded by the answer's lock.</summary>
internal sealed class Follower(AnswerChunk first)
{
    private AnswerChunk _chunk = first;
    private int _offset;

    /// <summary>Bytes read.</summary>
    public long Position { get; private set; }

    /// <summary>What comes next of the bytes that are published; empty where there is nothing yet.</summary>
    public ReadOnlyMemory<byte> Next(long published)
    {
        while (published > Position)
        {
            // A chunk that has a next one is not written to any more.
            if (_offset < _chunk.Written)
            {
                return _chunk.Bytes.AsMemory(_offset, (int)Math.Min(_chunk.Written - _offset, published - Position));
            }

            (_chunk, _offset) = (_chunk.Next!, 0);
        }

        return default;
    }

    public void Advance(int count)
    {
        _offset += count;
        Position += count;
    }
}

/// <summary>A piece of an answer and the way to the next one.</summary>
internal sealed class AnswerChunk(int size)
{
    public byte[] Bytes { get; } = size == 0 ? [] : new byte[size];

    /// <summary>Grows while the writer is at it; readers look no further than what is published.</summary>
    public int Written { get; set; }

    public AnswerChunk? Next { get; set; }
}
