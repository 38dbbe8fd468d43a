using Weir.Retrieval.Sparse;
using Weir.Tests.Flow;

namespace Weir.Tests.Retrieval.Sparse;

/// <summary>Random work on the index beside the plain one.</summary>
public sealed class SparseIndexScheduleTests
{
    // Common words, rare ones, and all between: as in real text.
    private static readonly string[] Vocabulary = [.. Enumerable.Range(0, 300).Select(i => $"word{(char)('a' + (i % 26))}{i / 26}x")];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(0)]
    public void Apply_RandomSchedule_AgreesWithThePlainOne(int given)
    {
        var seed = given == 0 ? Environment.TickCount : given;
        var random = new Random(seed);
        var index = new SparseIndex();
        var plain = new PlainBm25();
        long next = 0;
        for (var step = 0; step < 120; step++)
        {
            var upserts = new List<SparseUpsert>();
            for (var i = random.Next(random.Next(8) == 0 ? 60 : 5); i > 0; i--)
                upserts.Add(new(random.Next(5) == 0 && next > 0 ? random.NextInt64(next) : ++next, TextOf(random)));
            var removals = plain.Texts.Keys.Where(_ => random.Next(20) == 0).Except(upserts.Select(u => u.Id)).ToList();
            index.Apply(upserts, removals);
            removals.ForEach(id => plain.Texts.Remove(id));
            upserts.ForEach(u => plain.Upsert(u.Id, u.Text));
            index.Snapshot.Count.ShouldBe(plain.Texts.Count, $"seed {seed}");
            Predicate<long>? filter = random.Next(3) == 0 ? id => id % 3 != 0 : null;
            var query = TextOf(random);
            var k = random.Next(1, 30);
            Check(index.Snapshot.Search(query, k, filter), plain.Search(query, filter), k, $"seed {seed}, step {step}");
        }
    }

    [Fact]
    public Task Apply_WhileMergesRunBesideIt_AgreesWithThePlainOne() => RandomSchedule.RunAsync(4, async random =>
    {
        var index = new SparseIndex();
        var plain = new PlainBm25();
        long next = 0;
        for (var step = 0; step < 60; step++)
        {
            // Eight of these are more than one call merges itself.
            var upserts = new List<SparseUpsert>();
            for (var i = random.Next(60, 200); i > 0; i--)
                upserts.Add(new(random.Next(8) == 0 && next > 0 ? random.NextInt64(next) : ++next, TextOf(random, 5)));
            var removals = plain.Texts.Keys.Where(_ => random.Next(25) == 0).Except(upserts.Select(u => u.Id)).ToList();
            index.Apply(upserts, removals);
            removals.ForEach(id => plain.Texts.Remove(id));
            upserts.ForEach(u => plain.Upsert(u.Id, u.Text));
            if (random.Next(10) == 0)
                await index.Merging;
            index.Snapshot.Count.ShouldBe(plain.Texts.Count);
            index.Snapshot.Views.Sum(view => view.Count).ShouldBe(plain.Texts.Count);
            if (step % 4 != 0)
                continue;
            var query = TextOf(random);
            Check(index.Snapshot.Search(query, 20), plain.Search(query), 20, $"step {step}");
        }

        var held = index.Snapshot;
        await index.Merging;
        held.Views.Count.ShouldBeLessThan(16);
        var last = TextOf(random);
        Check(held.Search(last, 20), plain.Search(last), 20, "at the end");
    });

    [Fact]
    public async Task Apply_WhileOthersSearch_EachSeesOneWholeSnapshot()
    {
        var seed = Environment.TickCount;
        var index = new SparseIndex();
        using var done = new CancellationTokenSource();
        // Each call writes one text to every one of ten ids and takes the ten before away: a snapshot holds exactly ten, of one generation.
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var searches = 0;
            while (!done.IsCancellationRequested || searches == 0)
            {
                var hits = index.Snapshot.Search("generation", 100);
                if (hits.Count > 0)
                {
                    hits.Count.ShouldBe(10, $"seed {seed}");
                    hits.Select(h => h.Id / 10).Distinct().Count().ShouldBe(1);
                }

                searches++;
            }
        })).ToArray();
        for (long generation = 0; generation < 400; generation++)
        {
            index.Apply(
                [.. Enumerable.Range(0, 10).Select(i => new SparseUpsert((generation * 10) + i, $"generation {generation}"))],
                generation == 0 ? [] : [.. Enumerable.Range(0, 10).Select(i => ((generation - 1) * 10) + i)]);
        }

        await done.CancelAsync();
        await Task.WhenAll(readers);
        index.Snapshot.Count.ShouldBe(10);
    }

    [Fact]
    public void Search_ManyTextsInWindows_AgreesWithThePlainOne()
    {
        const int seed = 7;
        var random = new Random(seed);
        var index = new SparseIndex();
        var plain = new PlainBm25();
        var texts = Enumerable.Range(0, 9000).Select(i => new SparseUpsert(i, TextOf(random, 4))).ToList();
        index.Apply(texts, []);
        texts.ForEach(t => plain.Upsert(t.Id, t.Text));
        foreach (var k in (int[])[1, 10, 300])
        {
            var query = TextOf(random, 3);
            Check(index.Snapshot.Search(query, k), plain.Search(query), k, $"seed {seed}, {query}");
        }
    }

    private static void Check(IReadOnlyList<SparseHit> hits, List<(long Id, double Score)> expected, int k, string context)
    {
        hits.Count.ShouldBe(Math.Min(k, expected.Count), context);
        var scores = expected.ToDictionary(e => e.Id, e => e.Score);
        for (var i = 0; i < hits.Count; i++)
        {
            // Sums are in another order: texts that are as good as equal may change places.
            ((double)hits[i].Score).ShouldBe(expected[i].Score, 1e-5, context);
            ((double)hits[i].Score).ShouldBe(scores[hits[i].Id], 1e-5, context);
        }

        hits.Select(h => h.Id).Distinct().Count().ShouldBe(hits.Count, context);
    }

    private static string TextOf(Random random, int longest = 12) =>
        string.Join(' ', Enumerable.Range(0, random.Next(longest + 1)).Select(_ => Vocabulary[(int)(Vocabulary.Length * Math.Pow(random.NextDouble(), 4))]));
}
