using System.Runtime.InteropServices;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// Rows in the order they came: id, scale, int8 codes in one stream, and floats. One writer adds at the end; rows that a snapshot knows of never change, so
/// readers need no lock. Which rows there are and which are dead is the <see cref="SegmentView"/>'s to know.
/// </summary>
internal sealed unsafe class VectorSegment : IDisposable
{
    private readonly NativeBlock _block;
    private readonly NativeBlock _floats;
    private readonly long _idsAt;
    private readonly long _scalesAt;
    private int[]? _order;

    public VectorSegment(int capacity, int dimensions, VectorIndexSettings settings, NativeAccount account)
    {
        (Capacity, Dimensions) = (capacity, dimensions);
        Stride = settings.Quantize ? Int8Codec.Stride(dimensions) : 0;
        _idsAt = (long)capacity * Stride;
        _scalesAt = _idsAt + (long)capacity * sizeof(long);
        _block = new NativeBlock(_scalesAt + (settings.Quantize ? (long)capacity * sizeof(float) : 0), account);
        _floats = new NativeBlock((long)capacity * dimensions * sizeof(float), account);
    }

    public int Capacity { get; }

    public int Dimensions { get; }

    /// <summary>Bytes from one row of codes to the next; 0: there are no codes.</summary>
    public int Stride { get; }

    public long Bytes => _block.Bytes + _floats.Bytes;

    public sbyte* Codes => (sbyte*)_block.Pointer;

    public float* Scales => (float*)(_block.Pointer + _scalesAt);

    public ReadOnlySpan<long> Ids => new(_block.Pointer + _idsAt, Capacity);

    /// <summary>No row's codes are further from its vector. It only grows, and before the rows it speaks of can be seen.</summary>
    public float LargestError { get; private set; }

    /// <summary>No row's codes stand for a longer vector.</summary>
    public float LargestNorm { get; private set; }

    /// <summary>Rows by id, once no more are added; null: they ascend by id as they are, or more may come.</summary>
    public int[]? Order => Volatile.Read(ref _order);

    public ReadOnlySpan<float> Row(int row) => Floats(row);

    public void Write(int row, long id, ReadOnlyMemory<float> vector)
    {
        ((long*)(_block.Pointer + _idsAt))[row] = id;
        vector.Span.CopyTo(Floats(row));
        if (Stride > 0)
            Keep(row, Int8Codec.Encode(vector.Span, new Span<sbyte>(Codes + (long)row * Stride, Stride)));
    }

    /// <summary>Takes over a row of another segment of the same index, as it is.</summary>
    public void Write(int row, VectorSegment from, int fromRow)
    {
        ((long*)(_block.Pointer + _idsAt))[row] = from.Ids[fromRow];
        from.Row(fromRow).CopyTo(Floats(row));
        if (Stride == 0)
            return;
        Keep(row, new Int8Row(from.Scales[fromRow], from.LargestError, from.LargestNorm));
        NativeMemory.Copy(from.Codes + (long)fromRow * Stride, Codes + (long)row * Stride, (nuint)Stride);
    }

    /// <summary>No more rows are added; those that are there did not come in the order of their ids, and get one.</summary>
    public void Seal(int length)
    {
        var ids = Ids[..length].ToArray();
        var order = new int[length];
        for (var row = 0; row < length; row++)
            order[row] = row;
        Array.Sort(ids, order);
        Volatile.Write(ref _order, order);
    }

    public void Hold()
    {
        _block.Hold();
        try
        {
            _floats.Hold();
        }
        catch
        {
            _block.DangerousRelease();
            throw;
        }
    }

    public void Release()
    {
        _block.DangerousRelease();
        _floats.DangerousRelease();
    }

    public void Dispose()
    {
        _block.Dispose();
        _floats.Dispose();
    }

    private Span<float> Floats(int row) => new((float*)_floats.Pointer + (long)row * Dimensions, Dimensions);

    private void Keep(int row, Int8Row codes)
    {
        Scales[row] = codes.Scale;
        LargestError = Math.Max(LargestError, codes.Error);
        LargestNorm = Math.Max(LargestNorm, codes.Norm);
    }
}
