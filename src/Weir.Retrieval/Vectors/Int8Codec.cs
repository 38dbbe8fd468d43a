using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// A vector as int8: each number over the row's scale (its largest magnitude over 127), rounded to the nearest, ties to even. Codes lie between -127 and 127,
/// so that the sum of two products of codes fits in 16 bits, which the kernels rely on.
/// </summary>
internal static class Int8Codec
{
    /// <summary>Rows begin at multiples of this many bytes, filled with zeros, so that kernels have no remainder.</summary>
    public const int RowAlignment = 64;

    public static int Stride(int dimensions) => (dimensions + RowAlignment - 1) / RowAlignment * RowAlignment;

    /// <summary>Writes the codes, and zeros after them. A vector of zeros, or of numbers too small to matter, becomes zeros of scale 0.</summary>
    public static Int8Row Encode(ReadOnlySpan<float> vector, Span<sbyte> codes)
    {
        var largest = MathF.Abs(TensorPrimitives.MaxMagnitude(vector));
        if (largest < 1e-30f)
        {
            codes.Clear();
            return new Int8Row(0, largest * MathF.Sqrt(vector.Length), 0);
        }

        var (scale, inverse) = (largest / 127, 127 / largest);
        ref var from = ref MemoryMarshal.GetReference(vector);
        ref var to = ref MemoryMarshal.GetReference(codes);
        var (lost, kept) = (Vector128<float>.Zero, Vector128<float>.Zero);
        var i = 0;
        for (; i <= vector.Length - 16; i += 16)
        {
            var low = Vector128.Narrow(Round(i, ref from, ref lost, ref kept), Round(i + 4, ref from, ref lost, ref kept));
            var high = Vector128.Narrow(Round(i + 8, ref from, ref lost, ref kept), Round(i + 12, ref from, ref lost, ref kept));
            Vector128.Narrow(low, high).StoreUnsafe(ref to, (nuint)i);
        }

        var (error, norm) = (Vector128.Sum(lost), Vector128.Sum(kept));
        for (; i < vector.Length; i++)
        {
            var code = Math.Clamp(MathF.Round(vector[i] * inverse), -127, 127);
            codes[i] = (sbyte)code;
            error += (vector[i] * inverse - code) * (vector[i] * inverse - code);
            norm += code * code;
        }

        codes[vector.Length..].Clear();
        return new Int8Row(scale, MathF.Sqrt(error) * scale, MathF.Sqrt(norm) * scale);

        Vector128<int> Round(int at, ref float from, ref Vector128<float> lost, ref Vector128<float> kept)
        {
            var exact = Vector128.LoadUnsafe(ref from, (nuint)at) * inverse;
            var code = Vector128.Clamp(Vector128.Round(exact), Vector128.Create(-127f), Vector128.Create(127f));
            lost += (exact - code) * (exact - code);
            kept += code * code;
            return Vector128.ConvertToInt32(code);
        }
    }
}

/// <summary>What a row's codes stand for.</summary>
/// <param name="Scale">What a code is multiplied with.</param>
/// <param name="Error">The length of the difference between the vector and what its codes stand for.</param>
/// <param name="Norm">The length of what the codes stand for.</param>
internal readonly record struct Int8Row(float Scale, float Error, float Norm);
