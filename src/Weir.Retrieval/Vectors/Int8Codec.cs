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

    /// <summary>Writes the codes, zeros after them, and returns the scale; 0 for a vector of zeros, or of numbers too small to matter.</summary>
    public static float Encode(ReadOnlySpan<float> vector, Span<sbyte> codes)
    {
        var largest = MathF.Abs(TensorPrimitives.MaxMagnitude(vector));
        if (largest < 1e-30f)
        {
            codes.Clear();
            return 0;
        }

        var inverse = 127 / largest;
        ref var from = ref MemoryMarshal.GetReference(vector);
        ref var to = ref MemoryMarshal.GetReference(codes);
        var i = 0;
        for (; i <= vector.Length - 16; i += 16)
        {
            var low = Vector128.Narrow(Round(ref from, i, inverse), Round(ref from, i + 4, inverse));
            var high = Vector128.Narrow(Round(ref from, i + 8, inverse), Round(ref from, i + 12, inverse));
            Vector128.Narrow(low, high).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < vector.Length; i++)
            codes[i] = (sbyte)Math.Clamp(MathF.Round(vector[i] * inverse), -127, 127);
        codes[vector.Length..].Clear();
        return largest / 127;
    }

    private static Vector128<int> Round(ref float from, int at, float inverse) =>
        Vector128.Clamp(
            Vector128.ConvertToInt32(Vector128.Round(Vector128.LoadUnsafe(ref from, (nuint)at) * inverse)),
            Vector128.Create(-127),
            Vector128.Create(127));
}
