namespace Weir.Inference.Embeddings;

/// <summary>Inputs are the same where their bytes are.</summary>
internal sealed class BytesEquality : IEqualityComparer<ReadOnlyMemory<byte>>
{
    public static readonly BytesEquality Instance = new();

    public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

    public int GetHashCode(ReadOnlyMemory<byte> bytes)
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes.Span);
        return hash.ToHashCode();
    }
}
