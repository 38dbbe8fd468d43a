using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Weir.Benchmarks;

/// <summary>The peer of a scan: as many bytes, read once and added up, by as many threads. No scan of them can be quicker.</summary>
internal sealed class VectorsReading
{
    private readonly byte[][] _pieces;
    private long _sum;

    public VectorsReading(long bytes)
    {
        const int Piece = 4096 * 384;
        _pieces = new byte[(bytes + Piece - 1) / Piece][];
        for (var i = 0; i < _pieces.Length; i++)
            Array.Fill(_pieces[i] = GC.AllocateUninitializedArray<byte>((int)Math.Min(Piece, bytes - (long)i * Piece)), (byte)(i + 1));
    }

    public TimeSpan Read(int threads)
    {
        var watch = Stopwatch.GetTimestamp();
        Parallel.For(
            0,
            _pieces.Length,
            new ParallelOptions { MaxDegreeOfParallelism = threads },
            static () => 0L,
            (i, _, sum) => sum + Sum(_pieces[i]),
            sum => Interlocked.Add(ref _sum, sum));
        return Stopwatch.GetElapsedTime(watch);
    }

    private static long Sum(byte[] bytes)
    {
        var (a, b, c, d) = (Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero);
        var vectors = MemoryMarshal.Cast<byte, Vector<long>>(bytes);
        var i = 0;
        for (; i <= vectors.Length - 4; i += 4)
        {
            a += vectors[i];
            b += vectors[i + 1];
            c += vectors[i + 2];
            d += vectors[i + 3];
        }

        for (; i < vectors.Length; i++)
            a += vectors[i];
        return Vector.Sum(a + b + c + d);
    }
}
