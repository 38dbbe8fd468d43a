using System.Buffers;
using System.IO.Pipelines;
using System.Numerics;

namespace Weir.Inference.Requests;

/// <summary>
/// A body, read once into one piece of pooled memory. The memory goes back to the pool when its owner has disposed of it and
/// nobody holds it any more: a send may go on after its answer has come.
/// </summary>
public sealed class PooledBody : IDisposable
{
    private const int FirstSize = 4096;
    private const int LargestFirstSize = 64 * 1024;
    private byte[]? _buffer;
    private long _reserved;
    private int _length;
    private int _holds = 1;
    private int _disposed;

    private PooledBody(byte[] buffer, long reserved, BodyBudget budget) => (_buffer, _reserved, Budget) = (buffer, reserved, budget);

    /// <summary>Takes over memory of the pool that has been written already.</summary>
    internal PooledBody(byte[] buffer, int length, long reserved, BodyBudget? budget) =>
        (_buffer, _length, _reserved, Budget) = (buffer, length, reserved, budget);

    /// <summary>Where the memory is accounted for; null: nowhere.</summary>
    internal BodyBudget? Budget { get; }

    /// <summary>Valid until this is disposed, and for whoever holds it until then.</summary>
    public ReadOnlyMemory<byte> Memory => (_buffer ?? throw new ObjectDisposedException(nameof(PooledBody))).AsMemory(0, _length);

    /// <summary>
    /// Reads to the end. After the first bytes the rest must keep the pace of <see cref="BodyPace"/>; until they come it is the web
    /// server that waits, or does not.
    /// </summary>
    /// <param name="reader">What the client sends.</param>
    /// <param name="announced">The length that the client announced; null where it announced none.</param>
    /// <param name="limits">What the body must keep to.</param>
    /// <param name="cancellationToken">Ends the wait for bytes.</param>
    public static ValueTask<BodyRead> ReadAsync(PipeReader reader, long? announced, BodyLimits limits, CancellationToken cancellationToken)
    {
        if (announced > limits.MaxBytes)
        {
            return new(new BodyRead(null, BodyRefusal.TooLarge));
        }

        // An announced length is a claim: memory follows what has come, not what was promised.
        var first = SizeOf(Math.Min(announced ?? FirstSize, LargestFirstSize));
        if (!limits.Budget.TryReserve(first))
        {
            return new(new BodyRead(null, BodyRefusal.NoRoom));
        }

        var body = new PooledBody(ArrayPool<byte>.Shared.Rent((int)first), first, limits.Budget);
        return body.FillAsync(reader, announced, limits, cancellationToken);
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
            Budget?.Return(_reserved);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Release();
        }
    }

    // The pool's arrays are powers of two: what is reserved is what is held.
    private static long SizeOf(long wanted) => (long)BitOperations.RoundUpToPowerOf2((ulong)wanted);

    private async ValueTask<BodyRead> FillAsync(PipeReader reader, long? announced, BodyLimits limits, CancellationToken cancellationToken)
    {
        BodyPace? pace = null;
        var whole = false;
        try
        {
            while (true)
            {
                var reading = reader.ReadAsync(cancellationToken);
                if (pace is null && _length > 0 && !reading.IsCompleted)
                {
                    pace = new BodyPace(reader, limits.Time);
                }

                var read = await reading.ConfigureAwait(false);
                var refusal = Take(read.Buffer, announced, limits.MaxBytes);
                pace?.Came(read.Buffer.Length);
                reader.AdvanceTo(read.Buffer.End);
                if (refusal != BodyRefusal.None)
                {
                    return new(null, refusal);
                }

                if (read.IsCompleted && (pace is null || pace.TryEnd()))
                {
                    whole = true;
                    return new(this, BodyRefusal.None);
                }

                if (read.IsCompleted || read.IsCanceled)
                {
                    return new(null, BodyRefusal.TooSlow);
                }
            }
        }
        finally
        {
            pace?.Dispose();
            if (!whole)
            {
                Dispose();
            }
        }
    }

    private BodyRefusal Take(in ReadOnlySequence<byte> bytes, long? announced, long max)
    {
        if (_length + bytes.Length > max)
        {
            return BodyRefusal.TooLarge;
        }

        foreach (var segment in bytes)
        {
            if (!TryAppend(segment.Span, announced))
            {
                return BodyRefusal.NoRoom;
            }
        }

        return BodyRefusal.None;
    }

    private bool TryAppend(ReadOnlySpan<byte> bytes, long? announced)
    {
        var needed = _length + bytes.Length;
        if (needed > _buffer!.Length && !TryGrow(needed, announced))
        {
            return false;
        }

        bytes.CopyTo(_buffer.AsSpan(_length));
        _length = needed;
        return true;
    }

    private bool TryGrow(int needed, long? announced)
    {
        var buffer = _buffer!;
        // Once half of what was announced is here the rest is believed, so that a large body is moved only a few times.
        var wanted = announced is { } all && needed >= all / 2 ? Math.Max(all, needed) : Math.Max(needed, 2L * buffer.Length);
        var size = Math.Min(SizeOf(wanted), Array.MaxLength);
        if (!Budget!.TryReserve(size))
        {
            return false;
        }

        var larger = ArrayPool<byte>.Shared.Rent((int)size);
        buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        Budget.Return(_reserved);
        (_buffer, _reserved) = (larger, size);
        return true;
    }
}
