using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// Dot products of int8 codes, exact in 32 bits, so that every path gives the same numbers. The query comes widened to 16 bits; strides are multiples of 64.
/// One row after the other: several at a time are no quicker in the cache, and read from memory three times slower, in streams that are not foreseen.
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

    public static void Dots512(sbyte* rows, int stride, short* query, int count, int* dots)
    {
        for (var row = 0; row < count; row++)
        {
            var (a, b) = (Vector512<int>.Zero, Vector512<int>.Zero);
            var at = rows + (long)row * stride;
            for (var i = 0; i < stride; i += 64)
            {
                a += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + i)), Vector512.Load(query + i));
                b += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(at + i + 32)), Vector512.Load(query + i + 32));
            }

            dots[row] = Vector512.Sum(a + b);
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
