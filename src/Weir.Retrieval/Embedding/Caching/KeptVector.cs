using System.Numerics.Tensors;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>A vector as it is kept, and how many tokens its text had. Immutable.</summary>
internal sealed class KeptVector
{
    private readonly float[]? _floats;
    private readonly sbyte[]? _bytes;
    private readonly float _scale;

    private KeptVector(float[]? floats, sbyte[]? bytes, float scale, int tokens) => (_floats, _bytes, _scale, Tokens) = (floats, bytes, scale, tokens);

    public int Tokens { get; }

    public VectorPrecision Precision => _floats is null ? VectorPrecision.Int8 : VectorPrecision.Float32;

    public int Dimensions => _floats?.Length ?? _bytes!.Length;

    public ReadOnlySpan<float> Exact => _floats;

    public ReadOnlySpan<sbyte> Rounded => _bytes;

    public float Scale => _scale;

    /// <summary>Of the numbers themselves.</summary>
    public int Bytes => _floats is null ? _bytes!.Length : _floats.Length * sizeof(float);

    /// <param name="vector">Finite numbers; kept as they are, so nobody writes to them afterwards.</param>
    /// <param name="tokens">Of the text.</param>
    /// <param name="precision">How to keep it.</param>
    public static KeptVector Of(float[] vector, int tokens, VectorPrecision precision) =>
        precision == VectorPrecision.Float32 ? new KeptVector(vector, null, 0, tokens) : Round(vector, tokens);

    public static KeptVector OfRounded(sbyte[] bytes, float scale, int tokens) => new(null, bytes, scale, tokens);

    /// <summary>This one, or less exact where that is wanted; null where more is wanted than was kept.</summary>
    public KeptVector? At(VectorPrecision precision) =>
        Precision == precision ? this : precision == VectorPrecision.Int8 ? Round(_floats!, Tokens) : null;

    /// <summary>The numbers: shared where they are kept exactly, else made from what is kept.</summary>
    public ReadOnlyMemory<float> ToFloats()
    {
        if (_floats is not null)
            return _floats;
        var floats = new float[_bytes!.Length];
        TensorPrimitives.ConvertTruncating<sbyte, float>(_bytes, floats);
        TensorPrimitives.Multiply(floats, _scale, floats);
        return floats;
    }

    /// <summary>The scale is not the step of rounding but what gives the rounded vector the length that the exact one had.</summary>
    private static KeptVector Round(ReadOnlySpan<float> vector, int tokens)
    {
        var bytes = new sbyte[vector.Length];
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude(vector));
        if (largest == 0)
            return new KeptVector(null, bytes, 0, tokens);
        double exact = 0;
        long rounded = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var number = (sbyte)Math.Round(vector[i] / largest * 127f);
            bytes[i] = number;
            exact += (double)vector[i] * vector[i];
            rounded += number * number;
        }

        return new KeptVector(null, bytes, (float)Math.Sqrt(exact / rounded), tokens);
    }
}
