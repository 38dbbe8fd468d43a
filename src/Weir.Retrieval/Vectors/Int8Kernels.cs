using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// Dot products of int8 codes, exact in 32 bits, so that every path gives the same numbers. The query comes widened to 16 bits; strides are multiples of 64.
/// </summary>
internal static unsafe class Int8Kernels
{
    /// <summary>The dot product of each of <paramref name="count"/> rows with the query, by the widest path that this processor has.</summary>
    public static void Dots(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        if (Avx512BW.IsSupported)
            Dots512(rows, stride, query, count, dots);
        else if (Avx2.IsSupported)
            Dots256(rows, stride, query, count, dots);
        else
            Dots128(rows, stride, query, count, dots);
    }

    /// <summary>Four rows at a time, so that the query is loaded once for four and their sums do not wait for each other.</summary>
    public static void Dots512(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        var row = 0;
        for (; row <= count - 4; row += 4)
        {
            var (a, b, c, d) = (Vector512<int>.Zero, Vector512<int>.Zero, Vector512<int>.Zero, Vector512<int>.Zero);
            var at = rows + (long)row * stride;
            for (var i = 0; i < stride; i += 32)
            {
                var q = Vector512.Load(query + i);
                a += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + i)), q);
                b += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + stride + i)), q);
                c += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + 2L * stride + i)), q);
                d += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + 3L * stride + i)), q);
            }

            dots[row] = Vector512.Sum(a);
            dots[row + 1] = Vector512.Sum(b);
            dots[row + 2] = Vector512.Sum(c);
            dots[row + 3] = Vector512.Sum(d);
        }

        for (; row < count; row++)
        {
            var sum = Vector512<int>.Zero;
            var at = rows + (long)row * stride;
            for (var i = 0; i < stride; i += 32)
                sum += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + i)), Vector512.Load(query + i));
            dots[row] = Vector512.Sum(sum);
        }
    }

    public static void Dots256(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        for (var row = 0; row < count; row++)
        {
            var (a, b) = (Vector256<int>.Zero, Vector256<int>.Zero);
            var at = rows + (long)row * stride;
            for (var i = 0; i < stride; i += 32)
            {
                a += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(at + i), Vector256.Load(query + i));
                b += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(at + i + 16), Vector256.Load(query + i + 16));
            }

            dots[row] = Vector256.Sum(a + b);
        }
    }

    /// <summary>Any processor: two products of codes fit in 16 bits, and are widened only then.</summary>
    public static void Dots128(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        for (var row = 0; row < count; row++)
        {
            var (a, b) = (Vector128<int>.Zero, Vector128<int>.Zero);
            var at = rows + (long)row * stride;
            for (var i = 0; i < stride; i += 16)
            {
                var (low, high) = Vector128.Widen(Vector128.Load(at + i));
                var (first, second) = Vector128.Widen(low * Vector128.Load(query + i) + high * Vector128.Load(query + i + 8));
                a += first;
                b += second;
            }

            dots[row] = Vector128.Sum(a + b);
        }
    }

    /// <summary>What all the others must equal.</summary>
    public static void DotsScalar(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        for (var row = 0; row < count; row++)
        {
            var sum = 0;
            for (var i = 0; i < stride; i++)
                sum += rows[(long)row * stride + i] * query[i];
            dots[row] = sum;
        }
    }
}
