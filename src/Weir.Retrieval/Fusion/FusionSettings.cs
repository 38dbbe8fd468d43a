using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Fusion;

/// <summary>How two rankings become one.</summary>
internal sealed record FusionSettings
{
    /// <summary>Default: by score, which found more in every set that was measured (docs/search.md).</summary>
    public FusionMethod Method { get; init; } = FusionMethod.Weighted;

    /// <summary>What the dense ranking counts for, from 0 (not at all) to 100; only its proportion to <see cref="Sparse"/> matters. Default: 0.5.</summary>
    [Range(0, 100)]
    public double Dense { get; init; } = 0.5;

    /// <summary>What the sparse ranking counts for. Default: 0.5.</summary>
    [Range(0, 100)]
    public double Sparse { get; init; } = 0.5;
}

/// <summary>By what hits of two rankings are compared.</summary>
internal enum FusionMethod
{
    /// <summary>Their ranks: weight / (60 + rank), summed (Cormack, Clarke and Büttcher, 2009). It asks nothing of the scores.</summary>
    ReciprocalRank,

    /// <summary>Their scores, each ranking's brought to 0…1 (its lowest hit to 0, its best to 1), weighted and summed.</summary>
    Weighted,
}

/// <param name="Id">The text's id.</param>
/// <param name="Score">From 0 to 1; 1 is the first of both rankings.</param>
/// <param name="Dense">Its score in the dense ranking; null: it is not there.</param>
/// <param name="Sparse">Its score in the sparse ranking; null: it is not there.</param>
internal readonly record struct FusedHit(long Id, float Score, float? Dense, float? Sparse);
