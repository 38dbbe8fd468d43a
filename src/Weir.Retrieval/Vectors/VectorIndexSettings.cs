namespace Weir.Retrieval.Vectors;

/// <summary>How a vector index stores and searches. The defaults suit every size.</summary>
internal sealed record VectorIndexSettings
{
    /// <summary>
    /// Whether rows are scanned as int8 and the best of them scored again as floats (a quarter more memory, a quarter of what a scan reads).
    /// False: floats are scanned. Default: true.
    /// </summary>
    public bool Quantize { get; init; } = true;

    /// <summary>Up to so many rows floats are scanned even where int8 is there: it is as quick. Default: 10,000.</summary>
    public int FloatScanRows { get; init; } = 10_000;

    /// <summary>
    /// The int8 scan keeps this many times <c>k</c> rows, and at least <c>k</c> + 64, to be scored again. Default: 4. Range: 1 and more.
    /// </summary>
    public int CandidateFactor { get; init; } = 4;

    /// <summary>
    /// Where the kept rows do not prove that no other belongs to the best, all that may are looked for in a second scan, up to so many. Only if more rows
    /// than that crowd within the error of int8 around the last hit may one of them be missed. 0: there is no second scan. Default: 16,384.
    /// </summary>
    public int MostCandidates { get; init; } = 16_384;

    /// <summary>From so many rows on, a search uses more threads than the caller's. Default: 200,000.</summary>
    public int ParallelRows { get; init; } = 200_000;

    /// <summary>Threads one search may use, the caller's among them. Null: as many as there are processors. All searches of the process together
    /// never use more helpers than there are processors less one.</summary>
    public int? Parallelism { get; init; }

    /// <summary>Rows of the largest segment: what a compaction copies at once. Default: 16,384.</summary>
    public int SegmentRows { get; init; } = 16_384;
}
