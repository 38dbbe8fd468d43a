namespace Weir.Retrieval.Vectors.Files;

/// <summary>Bounds of a <see cref="VectorFile"/>.</summary>
internal sealed record VectorFileSettings
{
    /// <summary>Bytes that all parts together may take on disk; past them nothing more is kept, and that is logged. Default: 16 GiB.</summary>
    public long MostBytes { get; init; } = 16L << 30;

    /// <summary>Bytes of the largest part: what a compaction rewrites at once. Default: 64 MiB.</summary>
    public long PartBytes { get; init; } = 64L << 20;
}
