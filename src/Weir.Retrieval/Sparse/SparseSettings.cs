using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Sparse;

/// <summary>How BM25 weighs, and how text becomes terms.</summary>
internal sealed record SparseSettings
{
    /// <summary>How soon more of the same term counts no more, from 0 (at once) to 10. Default: 1.2.</summary>
    [Range(0, 10)]
    public double K1 { get; init; } = 1.2;

    /// <summary>How much a long text is held to say less with each term, from 0 (not) to 1 (in full). Default: 0.75.</summary>
    [Range(0, 1)]
    public double B { get; init; } = 0.75;

    /// <summary>Whether words of Latin letters lose their English endings (Porter2). Default: true.</summary>
    public bool Stemming { get; init; } = true;
}

internal readonly record struct SparseUpsert(long Id, string Text);

/// <param name="Id">The text's id.</param>
/// <param name="Score">BM25: above 0, without an upper bound.</param>
internal readonly record struct SparseHit(long Id, float Score);
