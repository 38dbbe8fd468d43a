using System.Runtime.InteropServices;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Retrieval.Fusion;

/// <summary>One ranking of two.</summary>
internal static class HybridRanking
{
    /// <summary>The constant of reciprocal rank fusion: the greater, the less the very first ranks stand out.</summary>
    private const double RankOffset = 60;

    /// <summary>The best of both rankings, best first; those of one score by id.</summary>
    /// <param name="dense">Best first, each id once.</param>
    /// <param name="sparse">Best first, each id once.</param>
    /// <param name="settings">What counts how much.</param>
    /// <param name="k">How many at most.</param>
    /// <remarks>Both rankings should be deeper than <paramref name="k"/>: what one of them does not hold counts as 0 there.</remarks>
    public static IReadOnlyList<FusedHit> Fuse(IReadOnlyList<VectorHit> dense, IReadOnlyList<SparseHit> sparse, FusionSettings settings, int k)
    {
        if (k <= 0)
            return [];
        var total = settings.Dense + settings.Sparse;
        var (denseWeight, sparseWeight) = total > 0 ? (settings.Dense / total, settings.Sparse / total) : (0.5, 0.5);
        var parts = new Dictionary<long, Parts>(dense.Count + sparse.Count);
        for (var i = 0; i < dense.Count; i++)
        {
            ref var part = ref CollectionsMarshal.GetValueRefOrAddDefault(parts, dense[i].Id, out _);
            part.Dense = dense[i].Score;
            part.Fused += denseWeight * Share(settings.Method, i, dense[i].Score, dense[0].Score, dense[^1].Score);
        }

        for (var i = 0; i < sparse.Count; i++)
        {
            ref var part = ref CollectionsMarshal.GetValueRefOrAddDefault(parts, sparse[i].Id, out _);
            part.Sparse = sparse[i].Score;
            part.Fused += sparseWeight * Share(settings.Method, i, sparse[i].Score, sparse[0].Score, sparse[^1].Score);
        }

        return
        [
            .. parts
                .Select(p => new FusedHit(p.Key, (float)p.Value.Fused, p.Value.Dense, p.Value.Sparse))
                .OrderByDescending(h => h.Score)
                .ThenBy(h => h.Id)
                .Take(k),
        ];
    }

    /// <summary>What a hit counts for in its own ranking, from 0 to 1.</summary>
    private static double Share(FusionMethod method, int rank, double score, double best, double worst) =>
        method == FusionMethod.ReciprocalRank ? (RankOffset + 1) / (RankOffset + 1 + rank)
        : best > worst ? (score - worst) / (best - worst)
        : 1;

    private struct Parts
    {
        public double Fused;
        public float? Dense, Sparse;
    }
}
