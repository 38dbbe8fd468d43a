using System.Buffers;
using System.IO.Pipelines;

namespace Weir.Inference.Requests;

/// <summary>
/// A body, read once into one piece of pooled memory. The memory goes back to the pool when its owner has disposed of it and
/// nobody holds it any more: a send may go on after its answer has come.
/// </summary>
public sealed class PooledBody : IDisposable
{
    private const int FirstSize = 4096;
    private byte[]? _buffer;
    private int _length;
    private int _holds = 1;
    private int _disposed;

    private PooledBody(byte[] buffer) => _buffer = buffer;

    /// <summary>Valid until this is disposed, and for whoever holds it until then.</summary>
    public ReadOnlyMemory<byte> Memory => (_buffer ?? throw new ObjectDisposedException(nameof(PooledBody))).AsMemory(0, _length);

    /// <summary>Reads to the end.</summary>
    /// <param name="reader">What the client sends.</param>
    /// <param name="announced">The length that the client announced; null where it announced none.</param>
    /// <param name="max">More bytes than this are refused.</param>
    /// <param name="cancellationToken">Ends the wait for bytes.</param>
    /// <returns>Null when there are more than <paramref name="max"/> bytes.</returns>
    public static async ValueTask<PooledBody?> ReadAsync(PipeReader reader, long? announced, long max, CancellationToken cancellationToken)
    {
        if (announced > max)
        {
            return null;
        }

        // An announced length is a claim: memory follows what has come, not what was promised.
        var body = new PooledBody(ArrayPool<byte>.Shared.Rent((int)Math.Min(announced ?? FirstSize, 64 * 1024)));
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                foreach (var segment in read.Buffer)
                {
                    if (body._length + (long)segment.Length > max)
                    {
                        body.Dispose();
                        return null;
                    }

                    body.Append(segment.Span, announced);
                }

                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return body;
                }
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Keeps <see cref="Memory"/> valid until <see cref="Release"/>; false where it is gone already.</summary>
    public bool TryHold()
    {
        var holds = Volatile.Read(ref _holds);
        while (holds > 0)
        {
            var seen = Interlocked.CompareExchange(ref _holds, holds + 1, holds);
            if (seen == holds)
            {
                return true;
            }

            holds = seen;
        }

        return false;
    }

    /// <summary>Ends one successful <see cref="TryHold"/>.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holds) == 0 && Interlocked.Exchange(ref _buffer, null) is { } buffer)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Release();
        }
    }

    private void Append(ReadOnlySpan<byte> bytes, long? announced)
    {
        var buffer = _buffer!;
        var needed = _length + bytes.Length;
        if (needed > buffer.Length)
        {
            // Once half of what was announced is here the rest is believed, so that a large body is moved only a few times.
            var size = announced is { } all && needed >= all / 2 ? Math.Max(all, needed) : Math.Max(needed, 2L * buffer.Length);
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(size, Array.MaxLength));
            buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            _buffer = buffer = larger;
        }

        bytes.CopyTo(buffer.AsSpan(_length));
        _length = needed;
    }
}
