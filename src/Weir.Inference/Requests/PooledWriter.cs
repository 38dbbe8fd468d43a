using System.Buffers;
using System.Numerics;

namespace Weir.Inference.Requests;

/// <summary>Grows one piece of pooled memory as it is written to, up to a bound, and under the budget that request bodies share.</summary>
/// <param name="budget">Where the memory is accounted for; null: nowhere.</param>
/// <param name="most">The most bytes that may be written.</param>
internal sealed class PooledWriter(BodyBudget? budget, long most) : IBufferWriter<byte>, IDisposable
{
    private const int FirstSize = 4096;

    private byte[] _buffer = [];
    private long _reserved;
    private int _length;

    /// <summary>Valid until the next write.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    public void Advance(int count) => _length += count;

    /// <exception cref="BodyBoundException">The bound, or the budget, is reached.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    /// <exception cref="BodyBoundException">The bound, or the budget, is reached.</exception>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Forgets what was written and keeps the memory.</summary>
    public void Clear() => _length = 0;

    /// <summary>Hands the memory over: this is empty afterwards.</summary>
    public PooledBody ToBody()
    {
        var body = new PooledBody(_buffer, _length, _reserved, budget);
        (_buffer, _length, _reserved) = ([], 0, 0);
        return body;
    }

    public void Dispose()
    {
        var (buffer, reserved) = (_buffer, _reserved);
        (_buffer, _length, _reserved) = ([], 0, 0);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            budget?.Return(reserved);
        }
    }

    private void Reserve(int more)
    {
        var needed = (long)_length + more;
        if (needed <= _buffer.Length)
        {
            return;
        }

        if (_length > most || needed > Array.MaxLength)
        {
            throw new BodyBoundException(BodyRefusal.TooLarge);
        }

        // The pool's arrays are powers of two: what is reserved is what is held.
        var size = Math.Min((long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(needed, Math.Max(FirstSize, 2L * _length))), Array.MaxLength);
        if (budget is not null && !budget.TryReserve(size))
        {
            throw new BodyBoundException(BodyRefusal.NoRoom);
        }

        var larger = ArrayPool<byte>.Shared.Rent((int)size);
        Written.Span.CopyTo(larger);
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            budget?.Return(_reserved);
        }

        (_buffer, _reserved) = (larger, size);
    }
}

/// <summary>What was being written has met a bound. An exception, because a buffer writer has no other way to say no.</summary>
internal sealed class BodyBoundException(BodyRefusal refusal) : Exception("The bound of a body was reached.")
{
    public BodyRefusal Refusal { get; } = refusal;
}
