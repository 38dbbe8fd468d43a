using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Weir.Retrieval.Models.Safetensors;

namespace Weir.Retrieval.Models.Static;

/// <summary>Numbers of a tensor as floats.</summary>
internal static class Numbers
{
    /// <summary>What vectors may be made of. U8 has a zero point that the file does not tell.</summary>
    public static bool IsReal(TensorType type) => type is TensorType.F64 or TensorType.F32 or TensorType.F16 or TensorType.BF16 or TensorType.I8;

    /// <summary>The bytes need not be aligned: every processor that .NET runs on here reads them all the same.</summary>
    public static void ToSingles(TensorType type, ReadOnlySpan<byte> bytes, Span<float> singles)
    {
        switch (type)
        {
            case TensorType.F64:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(bytes), singles);
                break;
            case TensorType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(singles);
                break;
            case TensorType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), singles);
                break;
            case TensorType.BF16:
                FromBrain(MemoryMarshal.Cast<byte, ushort>(bytes), singles);
                break;
            case TensorType.I8:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, sbyte>(bytes), singles);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "These are no real numbers.");
        }
    }

    // A bfloat16 is the upper half of a float.
    private static void FromBrain(ReadOnlySpan<ushort> halves, Span<float> singles)
    {
        var i = 0;
        for (; i <= halves.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(halves[i..]), out var lower, out var upper);
            Vector.AsVectorSingle(lower << 16).CopyTo(singles[i..]);
            Vector.AsVectorSingle(upper << 16).CopyTo(singles[(i + Vector<uint>.Count)..]);
        }

        for (; i < halves.Length; i++)
            singles[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }
}
