using Weir.Retrieval.Sparse;

namespace Weir.Tests.Retrieval.Sparse;

public sealed class SparseIndexTests
{
    [Fact]
    public void Search_ThreeTexts_ScoresAsComputedByHand()
    {
        var index = IndexOf((1, "red fish"), (2, "red red blue fish"), (3, "green"));

        var hits = index.Snapshot.Search("red", 10);

        // N = 3, n = 2: idf = ln(1 + 1.5 / 2.5) = 0.470004; the average length is 7 / 3.
        // Text 2: tf 2, length 4: 2 · 2.2 / (2 + 1.2 · (0.25 + 0.75 · 4 / 2.3333)) = 1.144981; text 1: tf 1, length 2: 2.2 / (1 + 1.2 · (0.25 + 0.642857)) = 1.062069.
        hits.Select(h => h.Id).ShouldBe([2, 1]);
        hits[0].Score.ShouldBe(0.470004f * 1.144981f, 1e-4f);
        hits[1].Score.ShouldBe(0.470004f * 1.062069f, 1e-4f);
    }

    [Fact]
    public void Search_RareTerm_WeighsMoreThanACommonOne()
    {
        var index = IndexOf((1, "the cat"), (2, "the dog"), (3, "the fox"), (4, "the the the"));
        index.Snapshot.Search("the fox", 10)[0].Id.ShouldBe(3);
    }

    [Fact]
    public void Search_OtherParameters_AreThose()
    {
        var index = new SparseIndex(new() { K1 = 0, B = 0, Stemming = false });
        index.Apply([new(1, "dog dog dog"), new(2, "dog and a very long rest"), new(3, "dogs")], []);

        var hits = index.Snapshot.Search("dog", 10);

        // Without k1 a term counts once.
        hits.Select(h => h.Id).ShouldBe([1, 2]);
        hits[0].Score.ShouldBe(hits[1].Score);
    }

    [Fact]
    public void Search_EqualScores_AreInOrderOfIds()
    {
        var index = new SparseIndex();
        foreach (long id in (long[])[9, 4, 7, 1, 8, 2])
            index.Apply([new(id, "same words")], []);
        index.Snapshot.Search("words", 3).Select(h => h.Id).ShouldBe([1, 2, 4]);
    }

    [Theory]
    [InlineData("", 10)]
    [InlineData("  ?! ", 10)]
    [InlineData("unknown", 10)]
    [InlineData("fish", 0)]
    [InlineData("fish", -1)]
    public void Search_NothingToFind_IsEmpty(string query, int k) => IndexOf((1, "red fish")).Snapshot.Search(query, k).ShouldBeEmpty();

    [Fact]
    public void Search_EmptyIndex_IsEmpty()
    {
        new SparseIndex().Snapshot.Search("fish", 5).ShouldBeEmpty();
        IndexOf((1, ""), (2, "...")).Snapshot.Search("fish", 5).ShouldBeEmpty();
    }

    [Fact]
    public void Search_MostKThereIs_GivesAll() => IndexOf((1, "fish"), (2, "fish fish")).Snapshot.Search("fish", int.MaxValue).Count.ShouldBe(2);

    [Fact]
    public void Search_Filter_IsAskedOnlyOfTheBest()
    {
        var index = new SparseIndex();
        index.Apply([.. Enumerable.Range(1, 1000).Select(i => new SparseUpsert(i, string.Join(' ', Enumerable.Repeat("fish", i % 50)) + " and more"))], []);
        var asked = 0;

        var hits = index.Snapshot.Search("fish", 3, id => ++asked > 0 && id % 2 == 1);

        hits.ShouldAllBe(h => h.Id % 2 == 1);
        hits.Count.ShouldBe(3);
        asked.ShouldBeLessThan(500);
    }

    [Fact]
    public void Apply_Removal_LeavesScoresAsIfItNeverWas()
    {
        var index = IndexOf((1, "red fish"), (2, "red blue"), (3, "green fish swims far away"));
        var before = index.Snapshot;
        index.Apply([], [3, 99]);

        index.Snapshot.Search("fish red", 9).ShouldBe(IndexOf((1, "red fish"), (2, "red blue")).Snapshot.Search("fish red", 9));
        index.Snapshot.Count.ShouldBe(2);
        before.Search("swims", 9).Count.ShouldBe(1);
    }

    [Fact]
    public void Apply_KnownId_ReplacesItsText()
    {
        var index = IndexOf((1, "red fish"));
        index.Apply([new(1, "old"), new(1, "green bird")], []);

        index.Snapshot.Search("fish old", 9).ShouldBeEmpty();
        index.Snapshot.Search("bird", 9).Count.ShouldBe(1);
        index.Snapshot.Count.ShouldBe(1);
    }

    [Fact]
    public void Apply_AllRemoved_HoldsNothing()
    {
        var index = IndexOf((1, "red fish"), (2, "blue"));
        index.Apply([], [1, 2]);

        index.Snapshot.Count.ShouldBe(0);
        index.Snapshot.Bytes.ShouldBe(0);
        index.Snapshot.Search("fish", 9).ShouldBeEmpty();
    }

    [Fact]
    public void Apply_ManySmallOnes_KeepsFewSegments()
    {
        var index = new SparseIndex();
        for (var i = 0; i < 2000; i++)
            index.Apply([new(i, $"text number {i}")], i % 3 == 2 ? [i - 1] : []);

        index.Snapshot.Views.Count.ShouldBeLessThan(24);
        index.Snapshot.Count.ShouldBe(2000 - 666);
        index.Snapshot.Search("1999", 9).Select(h => h.Id).ShouldBe([1999]);
    }

    [Fact]
    public void Search_WholeQueryOfHugeText_EndsAndFinds()
    {
        var index = IndexOf((1, "needle"), (2, "hay"));
        var query = string.Join(' ', Enumerable.Range(0, 100_000).Select(i => $"w{i}x")) + " needle";
        index.Snapshot.Search(query, 5).ShouldBeEmpty();
        index.Snapshot.Search("needle " + query, 5).Count.ShouldBe(1);
    }

    internal static SparseIndex IndexOf(params (long Id, string Text)[] texts)
    {
        var index = new SparseIndex();
        index.Apply([.. texts.Select(t => new SparseUpsert(t.Id, t.Text))], []);
        return index;
    }
}
