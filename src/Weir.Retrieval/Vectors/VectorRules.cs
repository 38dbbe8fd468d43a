using System.Numerics.Tensors;

namespace Weir.Retrieval.Vectors;

/// <summary>What a vector must be to be indexed or searched for.</summary>
internal static class VectorRules
{
    /// <summary>Products of such numbers, summed over every dimension, stay finite.</summary>
    public const float LargestMagnitude = 1e16f;

    /// <summary>Sums of int8 products over so many dimensions fit in 32 bits.</summary>
    public const int MostDimensions = 65_536;

    /// <exception cref="ArgumentException">It has the wrong number of dimensions, or holds what is not a finite number of at most 1e16.</exception>
    public static void Check(ReadOnlySpan<float> vector, int dimensions, string what, string parameter)
    {
        if (vector.Length != dimensions)
            throw new ArgumentException($"{what} has {vector.Length} dimensions; this index has {dimensions}.", parameter);
        // The largest magnitude is no number if any of them is none.
        var largest = MathF.Abs(TensorPrimitives.MaxMagnitude(vector));
        if (!(largest <= LargestMagnitude))
            throw new ArgumentException($"{what} holds {largest}: every number must be finite, and at most {LargestMagnitude:0e0} in magnitude.", parameter);
    }
}
