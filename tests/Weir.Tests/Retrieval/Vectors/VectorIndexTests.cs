using Weir.Retrieval.Vectors;
using Weir.Tests.Flow;

namespace Weir.Tests.Retrieval.Vectors;

public sealed class VectorIndexTests
{
    [Fact]
    public void Dispose_SegmentsThatOnlyAnOlderSnapshotHas_AreFreedToo()
    {
        var random = new Random(1);
        var index = new VectorIndex(8);
        index.Apply([.. Enumerable.Range(0, 300).Select(i => new VectorUpsert(i, NaiveVectors.Unit(random, 8)))], []);
        var older = index.Snapshot;
        index.Apply([], [.. Enumerable.Range(0, 300).Select(i => (long)i)]);
        index.Snapshot.Count.ShouldBe(0);
        older.Search(NaiveVectors.Unit(random, 8), 5).Count.ShouldBe(5);
        index.Dispose();
        index.NativeBytes.ShouldBe(0);
        Should.Throw<ObjectDisposedException>(() => older.Search(NaiveVectors.Unit(random, 8), 5));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Apply_RandomSchedules_EqualANaiveModel(bool quantize) => RandomSchedule.Run(40, random =>
    {
        var dimensions = random.Next(1, 70);
        // Enough candidates that an int8 score never decides: what is tested here is the bookkeeping.
        var settings = new VectorIndexSettings
        {
            Quantize = quantize,
            FloatScanRows = random.Next(2) * 100,
            SegmentRows = 64 << random.Next(3),
            ParallelRows = random.Next(2) * 300,
            CandidateFactor = 1000,
        };
        using var index = new VectorIndex(dimensions, settings);
        var model = new NaiveVectors();
        var older = new List<(VectorSnapshot Snapshot, NaiveVectors Model)>();
        var ascending = random.Next(2) == 0;
        var next = 0L;
        for (var step = 0; step < 60; step++)
        {
            var ids = model.Rows.Keys.ToArray();
            var removals = new List<long>();
            for (var i = random.Next(ids.Length > 300 ? 200 : 20); i > 0 && ids.Length > 0; i--)
                removals.Add(random.Next(10) == 0 ? random.NextInt64() : ids[random.Next(ids.Length)]);
            var upserts = new List<VectorUpsert>();
            for (var i = random.Next(random.Next(4) == 0 ? 150 : 10); i > 0; i--)
            {
                var id = random.Next(8) == 0 && ids.Length > 0 ? ids[random.Next(ids.Length)] : ascending ? next++ : random.NextInt64(-1000, 1000);
                upserts.Add(new VectorUpsert(id, random.Next(20) == 0 ? new float[dimensions] : NaiveVectors.Unit(random, dimensions)));
            }

            index.Apply(upserts, removals);
            model.Apply(upserts, removals);
            Same(random, index.Snapshot, model, dimensions);
            if (random.Next(10) == 0)
                older.Add((index.Snapshot, model.Copy()));
        }

        foreach (var (snapshot, then) in older)
            Same(random, snapshot, then, dimensions);
    });

    [Theory]
    [InlineData(0.02)]
    [InlineData(1.0)]
    [InlineData(30.0)]
    public void Search_CrowdedRows_AreFoundAsByFloats(double spread) => RandomSchedule.Run(10, random =>
    {
        const int Dimensions = 48;
        using var index = new VectorIndex(Dimensions, new VectorIndexSettings { FloatScanRows = 0, CandidateFactor = 1, SegmentRows = 500 });
        var model = new NaiveVectors();
        var centre = NaiveVectors.Unit(random, Dimensions);
        // The int8 error is far larger than what tells these rows apart where the spread is small.
        var upserts = Enumerable.Range(0, 2000).Select(i => new VectorUpsert(i, Near(random, centre, (float)spread))).ToList();
        index.Apply(upserts, []);
        model.Apply(upserts, []);
        for (var i = 0; i < 5; i++)
        {
            var query = Near(random, centre, (float)spread);
            index.Snapshot.Search(query, 10).ShouldBe(model.Search(query, 10));
            index.Snapshot.Search(query, 10, id => id % 2 == 0).ShouldBe(model.Search(query, 10, id => id % 2 == 0));
        }
    });

    [Fact]
    public void Apply_MostRowsRemoved_GivesTheirMemoryBack()
    {
        using var index = new VectorIndex(16, new VectorIndexSettings { SegmentRows = 256 });
        var random = new Random(1);
        index.Apply([.. Enumerable.Range(0, 10_000).Select(i => new VectorUpsert(i, NaiveVectors.Unit(random, 16)))], []);
        var full = index.Snapshot.Bytes;

        for (var i = 0; i < 10_000; i += 250)
            index.Apply([], [.. Enumerable.Range(i, 250).Where(n => n % 100 != 0).Select(n => (long)n)]);

        index.Snapshot.Count.ShouldBe(100);
        index.Snapshot.Bytes.ShouldBeLessThan(full / 25);
        index.Snapshot.Views.Length.ShouldBeLessThan(10);
        index.Apply([], [.. Enumerable.Range(0, 10_000).Select(n => (long)n)]);
        index.Snapshot.Bytes.ShouldBe(0);
    }

    [Fact]
    public void Apply_OneIdReplacedForEver_StaysSmall()
    {
        using var index = new VectorIndex(8);
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
            index.Apply([new VectorUpsert(7, NaiveVectors.Unit(random, 8))], []);

        index.Snapshot.Count.ShouldBe(1);
        index.Snapshot.Views.Length.ShouldBeLessThan(3);
        index.Snapshot.Bytes.ShouldBeLessThan(20_000);
    }

    [Theory]
    [InlineData(3, 0f, "has 3 dimensions; this index has 4")]
    [InlineData(4, float.NaN, "holds NaN")]
    [InlineData(4, float.NegativeInfinity, "holds ∞")]
    [InlineData(4, 1e17f, "at most 1e16")]
    public void Apply_AVectorThatIsNone_ChangesNothingAndSaysWhy(int length, float last, string sentence)
    {
        using var index = new VectorIndex(4);
        var bad = new float[length];
        bad[^1] = last;

        var error = Should.Throw<ArgumentException>(() => index.Apply([new VectorUpsert(1, new float[4]), new VectorUpsert(2, bad)], []));

        error.Message.ShouldContain(sentence.Replace("∞", $"{float.PositiveInfinity}", StringComparison.Ordinal));
        error.Message.ShouldContain("id 2");
        index.Snapshot.Count.ShouldBe(0);
        Should.Throw<ArgumentException>(() => index.Snapshot.Search(bad, 1)).Message.ShouldContain("The query");
    }

    [Fact]
    public void Search_ZeroVectorsAndEqualScores_AreOrderedById()
    {
        using var index = new VectorIndex(2, new VectorIndexSettings { FloatScanRows = 0 });
        index.Apply([new(3, new float[] { 1, 0 }), new(9, new float[2]), new(1, new float[] { 1, 0 }), new(2, new float[] { -1, 0 })], []);

        index.Snapshot.Search([1, 0], 9).ShouldBe([new(1, 1), new(3, 1), new(9, 0), new(2, -1)]);
        index.Snapshot.Search([0, 0], 2).ShouldBe([new(1, 0), new(2, 0)]);
        index.Snapshot.Search([1, 0], 0).ShouldBeEmpty();
        index.Snapshot.Search([1, 0], 5, id => id > 2).ShouldBe([new(3, 1), new(9, 0)]);
    }

    [Fact]
    public void Search_Cancelled_Ends()
    {
        using var index = new VectorIndex(2, new VectorIndexSettings { ParallelRows = 1 });
        index.Apply([.. Enumerable.Range(0, 100).Select(i => new VectorUpsert(i, new float[] { 1, i }))], []);
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();

        Should.Throw<OperationCanceledException>(() => index.Snapshot.Search([1, 0], 1, null, cancel.Token));
        Should.Throw<InvalidOperationException>(() => index.Snapshot.Search([1, 0], 1, _ => throw new InvalidOperationException("mine"))).Message.ShouldBe("mine");
    }

    private static float[] Near(Random random, float[] centre, float spread) =>
        [.. centre.Zip(NaiveVectors.Unit(random, centre.Length), (c, u) => c + spread * u)];

    private static void Same(Random random, VectorSnapshot snapshot, NaiveVectors model, int dimensions)
    {
        snapshot.Count.ShouldBe(model.Rows.Count);
        var query = NaiveVectors.Unit(random, dimensions);
        var k = random.Next(30);
        Predicate<long>? filter = random.Next(2) == 0 ? null : id => id % 3 == 0;
        snapshot.Search(query, k, filter).ShouldBe(model.Search(query, k, filter));
        var vector = new float[dimensions];
        foreach (var id in model.Rows.Keys.Take(20))
        {
            snapshot.TryGet(id, vector).ShouldBeTrue();
            vector.ShouldBe(model.Rows[id]);
        }

        snapshot.TryGet(long.MaxValue, vector).ShouldBeFalse();
    }
}
