using Weir.Retrieval.Fusion;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Tests.Retrieval.Fusion;

public sealed class HybridRankingTests
{
    private static readonly VectorHit[] Dense = [new(1, 0.9f), new(2, 0.5f), new(3, 0.4f)];
    private static readonly SparseHit[] Sparse = [new(2, 12f), new(4, 7f), new(1, 2f)];

    [Fact]
    public void Fuse_ByRank_GivesWhatIsComputedByHand()
    {
        var hits = HybridRanking.Fuse(Dense, Sparse, new() { Method = FusionMethod.ReciprocalRank }, 10);

        // Half of 61 / rank + 60 from each side.
        hits.Select(h => h.Id).ShouldBe([2, 1, 4, 3]);
        hits[0].Score.ShouldBe((float)(0.5 * ((61.0 / 62) + 1)), 1e-6f);
        hits[1].Score.ShouldBe((float)(0.5 * (1 + (61.0 / 63))), 1e-6f);
        hits[2].Score.ShouldBe((float)(0.5 * 61 / 62), 1e-6f);
        hits[3].Score.ShouldBe((float)(0.5 * 61 / 63), 1e-6f);
    }

    [Fact]
    public void Fuse_Parts_AreTheScoresOfEachRanking()
    {
        var hits = HybridRanking.Fuse(Dense, Sparse, new(), 10).ToDictionary(h => h.Id);
        (hits[1].Dense, hits[1].Sparse).ShouldBe((0.9f, 2f));
        (hits[3].Dense, hits[3].Sparse).ShouldBe((0.4f, null));
        (hits[4].Dense, hits[4].Sparse).ShouldBe((null, 7f));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fuse_OneSideWeighsNothing_RanksAsTheOther(bool weighted)
    {
        HybridRanking.Fuse(Dense, Sparse, new() { Method = weighted ? FusionMethod.Weighted : FusionMethod.ReciprocalRank, Dense = 1, Sparse = 0 }, 3).Select(h => h.Id).ShouldBe([1, 2, 3]);
        HybridRanking.Fuse(Dense, Sparse, new() { Method = weighted ? FusionMethod.Weighted : FusionMethod.ReciprocalRank, Dense = 0, Sparse = 3 }, 2).Select(h => h.Id).ShouldBe([2, 4]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fuse_FirstOfBoth_ScoresOne(bool weighted) =>
        HybridRanking.Fuse([new(5, 0.3f), new(6, 0.1f)], [new(5, 3), new(7, 1)], new() { Method = weighted ? FusionMethod.Weighted : FusionMethod.ReciprocalRank }, 1)[0].Score.ShouldBe(1f, 1e-6f);

    [Fact]
    public void Fuse_ByScore_GivesWhatIsComputedByHand()
    {
        var hits = HybridRanking.Fuse(Dense, Sparse, new() { Method = FusionMethod.Weighted, Dense = 1, Sparse = 3 }, 10).ToDictionary(h => h.Id);
        hits[2].Score.ShouldBe(0.25f * 0.2f + 0.75f, 1e-6f);
        hits[1].Score.ShouldBe(0.25f, 1e-6f);
        hits[4].Score.ShouldBe(0.75f * 0.5f, 1e-6f);
        hits[3].Score.ShouldBe(0f, 1e-6f);
    }

    [Fact]
    public void Fuse_EqualScores_AreInOrderOfIds() =>
        HybridRanking.Fuse([new(9, 1), new(3, 0.5f)], [new(4, 1), new(2, 0.5f)], new(), 4).Select(h => h.Id).ShouldBe([4, 9, 2, 3]);

    [Fact]
    public void Fuse_Nothing_IsEmpty()
    {
        HybridRanking.Fuse([], [], new(), 5).ShouldBeEmpty();
        HybridRanking.Fuse(Dense, Sparse, new(), 0).ShouldBeEmpty();
        HybridRanking.Fuse([], Sparse, new(), 2).Select(h => h.Id).ShouldBe([2, 4]);
        HybridRanking.Fuse(Dense, [], new() { Dense = 0, Sparse = 0 }, 2).Select(h => h.Id).ShouldBe([1, 2]);
    }
}
