using System.Numerics.Tensors;

namespace Weir.Benchmarks;

/// <summary>Unit vectors to search: the hardest there are, where nothing is near anything, and ones that lie in clusters as texts do.</summary>
internal sealed class VectorsData
{
    private readonly int _dimensions;
    private readonly float _spread;
    private readonly float[][] _centres;

    /// <param name="dimensions">Of each vector.</param>
    /// <param name="clusters">How many centres; 0: none, all directions are equally likely.</param>
    /// <param name="spread">Length of what is added to a centre: 0.6 gives members of a cluster a cosine of about 0.74, 0.1 one of 0.99.</param>
    public VectorsData(int dimensions, int clusters = 0, float spread = 1)
    {
        (_dimensions, _spread) = (dimensions, spread);
        _centres = new float[clusters][];
        for (var i = 0; i < clusters; i++)
            Unit(new Random(-1 - i), _centres[i] = new float[dimensions]);
    }

    /// <summary>Rows one after the other; the same for the same seed.</summary>
    public float[] Rows(int count, int seed)
    {
        var rows = new float[count * _dimensions];
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var row = rows.AsSpan(i * _dimensions, _dimensions);
            Unit(random, row);
            if (_centres.Length == 0)
                continue;
            TensorPrimitives.MultiplyAdd(row, _spread, _centres[random.Next(_centres.Length)], row);
            TensorPrimitives.Divide(row, TensorPrimitives.Norm(row), row);
        }

        return rows;
    }

    private static void Unit(Random random, Span<float> vector)
    {
        for (var i = 0; i < vector.Length; i++)
        {
            // Four uniform numbers make one that is near enough to a normal one, at the price of one.
            var bits = random.NextInt64();
            vector[i] = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + ((bits >> 47) & 0xffff) - 131_070f;
        }

        TensorPrimitives.Divide(vector, TensorPrimitives.Norm(vector), vector);
    }
}
