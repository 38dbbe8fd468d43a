using System.Runtime.CompilerServices;
using Weir.Retrieval.Vectors;
using Weir.Tests.Flow;

namespace Weir.Tests.Retrieval.Vectors;

public sealed class VectorIndexConcurrencyTests
{
    [Fact]
    public Task Search_WhileTheIndexChanges_AnswersFromOneSnapshot() => RandomSchedule.RunAsync(6, async random =>
    {
        const int Dimensions = 24;
        using var index = new VectorIndex(Dimensions, new VectorIndexSettings { SegmentRows = 128, FloatScanRows = 0, ParallelRows = 500 });
        // Each change adds a generation of ten and removes an older one: what a snapshot holds tells which generations it is of.
        var seeds = Enumerable.Range(0, 4).Select(_ => random.Next()).ToArray();
        var published = 0L;
        var writer = Task.Run(() =>
        {
            for (var generation = 0L; generation < 400; generation++)
            {
                var upserts = Enumerable.Range(0, 10).Select(i => new VectorUpsert(generation * 10 + i, Of(generation * 10 + i, Dimensions))).ToList();
                var removals = generation >= 60 ? Enumerable.Range(0, 10).Select(i => (generation - 60) * 10 + i).ToList() : [];
                index.Apply(upserts, removals);
                Volatile.Write(ref published, generation + 1);
            }
        });
        var readers = seeds.Select(seed => Task.Run(() =>
        {
            var own = new Random(seed);
            var vector = new float[Dimensions];
            var searches = 0;
            while (!writer.IsCompleted || searches == 0)
            {
                var atLeast = Volatile.Read(ref published);
                var snapshot = index.Snapshot;
                if (snapshot.Count == 0)
                    continue;
                var all = snapshot.Search(NaiveVectors.Unit(own, Dimensions), int.MaxValue);
                all.Count.ShouldBe(snapshot.Count);
                var ids = all.Select(h => h.Id).Order().ToArray();
                // One run of whole generations: nothing missing, nothing dead, nothing half.
                ids.Length.ShouldBe((int)(ids[^1] - ids[0] + 1));
                (ids[0] % 10).ShouldBe(0);
                (ids.Length % 10).ShouldBe(0);
                ids.Length.ShouldBeLessThanOrEqualTo(600);
                (ids[^1] + 1).ShouldBeGreaterThanOrEqualTo(atLeast * 10);
                var id = ids[own.Next(ids.Length)];
                snapshot.TryGet(id, vector).ShouldBeTrue();
                vector.ShouldBe(Of(id, Dimensions));
                snapshot.TryGet(ids[0] - 1, vector).ShouldBeFalse();
                searches++;
            }
        })).ToArray();
        await Task.WhenAll([writer, .. readers]);
    });

    [Fact]
    public void Dispose_NothingSearched_FreesAtOnce()
    {
        var index = Filled();
        var old = index.Snapshot;
        index.NativeBytes.ShouldBeGreaterThan(1000 * 64 * 4);

        index.Dispose();

        index.NativeBytes.ShouldBe(0);
        index.Snapshot.Count.ShouldBe(0);
        Should.Throw<ObjectDisposedException>(() => old.Search(new float[64], 1));
        Should.Throw<ObjectDisposedException>(() => old.TryGet(1, new float[64]));
        Should.Throw<ObjectDisposedException>(() => index.Apply([], [1]));
        index.Dispose();
    }

    [Fact]
    public void Dispose_DuringASearch_LetsItFinish()
    {
        var index = Filled();
        var held = 0L;

        var hits = index.Snapshot.Search(Of(5, 64), 1, id =>
        {
            index.Dispose();
            held = index.NativeBytes;
            return id == 5;
        });

        hits.ShouldHaveSingleItem().Id.ShouldBe(5);
        held.ShouldBeGreaterThan(0);
        index.NativeBytes.ShouldBe(0);
    }

    [Fact]
    public void Apply_SegmentsWrittenAnew_FreesTheOldOnesOnceNoSnapshotHasThem()
    {
        using var index = Filled();

        RemoveMostWhileHeld(index);

        Collect();
        index.NativeBytes.ShouldBe(index.Snapshot.Bytes);
    }

    // Methods of their own, so that no local of the test keeps what it should let go.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RemoveMostWhileHeld(VectorIndex index)
    {
        var kept = index.Snapshot;
        index.Apply([], [.. Enumerable.Range(0, 1000).Where(i => i % 10 != 0).Select(i => (long)i)]);
        Collect();
        index.NativeBytes.ShouldBe(kept.Bytes + index.Snapshot.Bytes);
        kept.Count.ShouldBe(1000);
        kept.Search(Of(6, 64), 1)[0].Id.ShouldBe(6);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static VectorIndex Filled()
    {
        var index = new VectorIndex(64, new VectorIndexSettings { SegmentRows = 256 });
        index.Apply([.. Enumerable.Range(0, 1000).Select(i => new VectorUpsert(i, Of(i, 64)))], []);
        return index;
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static float[] Of(long id, int dimensions) => NaiveVectors.Unit(new Random((int)id), dimensions);
}
