using System.Numerics.Tensors;

namespace Weir.Retrieval.Vectors;

/// <summary>A query as codes, and how far a score from codes may be from the one of the floats.</summary>
internal sealed class Int8Query
{
    private readonly Int8Row _row;
    private readonly float _norm;

    public Int8Query(ReadOnlySpan<float> query)
    {
        Span<sbyte> codes = new sbyte[Int8Codec.Stride(query.Length)];
        _row = Int8Codec.Encode(query, codes);
        _norm = TensorPrimitives.Norm(query);
        Codes = new short[codes.Length];
        for (var i = 0; i < codes.Length; i++)
            Codes[i] = codes[i];
    }

    /// <summary>Widened, as the kernels want them.</summary>
    public short[] Codes { get; }

    public float Scale => _row.Scale;

    /// <summary>
    /// With q' and x' for what codes stand for: |q·x - q'·x'| = |q·(x - x') + (q - q')·x'| ≤ |q||x - x'| + |q - q'||x'| (Cauchy and Schwarz),
    /// and a thousandth more for what floats themselves round.
    /// </summary>
    public float Bound(VectorSegment segment) => (_norm * segment.LargestError + _row.Error * segment.LargestNorm) * 1.001f + _norm * segment.LargestNorm * 1e-6f;

    public float Bound(SegmentView[] views)
    {
        var bound = 0f;
        foreach (var view in views)
            bound = Math.Max(bound, Bound(view.Segment));
        return bound;
    }
}
