using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Caching;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Caching;

public sealed class StoredVectorsTests
{
    private readonly FakeCacheStore _store = new();

    [Theory]
    [InlineData("m")]
    [InlineData("r")]
    public async Task Embed_AfterARestart_ComputesNothing(string model)
    {
        float[] before;
        await using (var first = new ServiceHarness(_store))
            before = (await first.EmbedAsync(model, "a", "b")).Vectors[1].ToArray();
        _store.Entries.Count.ShouldBe(2);

        await using var second = new ServiceHarness(_store);
        var result = await second.EmbedAsync(model, "b", "a");
        result.Vectors[0].ToArray().ShouldBe(before);
        (result.Hits, result.PaidTokens, result.Cost).ShouldBe((2, 0, 0.0));
        result.Tokens.ShouldBe(model == "m" ? 2 : 20);
        second.Route.Calls.ShouldBe(0);
        second.Loader.Loaded.Sum(loaded => loaded.Calls).ShouldBe(0);
        second.Service.Snapshot().Cache.StoreHits.ShouldBe(2);
        (await second.EmbedAsync(model, "a")).Hits.ShouldBe(1);
        second.Service.Snapshot().Cache.StoreHits.ShouldBe(2);
    }

    [Fact]
    public async Task Keep_IsWrittenWithinASecond()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(_store, time);
        await harness.EmbedAsync("m", "a");
        _store.Entries.ShouldBeEmpty();
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            return !_store.Entries.IsEmpty;
        });
        harness.Service.Snapshot().Cache.ShouldSatisfyAllConditions(c => c.StoreWrites.ShouldBe(1), c => c.StoreDropped.ShouldBe(0));
        VectorWriter.Linger.ShouldBeLessThan(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Embed_StoreThatHangs_IsAMissAfterItsPatienceAndIsThenLeftAlone()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(_store, time);
        (await harness.Service.AcquireAsync("m")).Model!.Dispose();
        var hangs = new TaskCompletionSource();
        _store.Reading = hangs.Task;
        var asking = harness.EmbedAsync("m", "a");
        // Its own deadline, and the store's patience.
        await time.WhenArmedAsync(2);
        time.Advance(StoredVectors.Patience);
        (await asking).Error.ShouldBeNull();
        (await harness.EmbedAsync("m", "b")).Error.ShouldBeNull();
        _store.Reads.ShouldBe(1);
        harness.Service.Snapshot().Cache.StoreFaults.ShouldBe(1);

        hangs.SetResult();
        time.Advance(StoredVectors.Rest);
        (await harness.EmbedAsync("m", "c")).Error.ShouldBeNull();
        _store.Reads.ShouldBe(2);
    }

    [Fact]
    public async Task Embed_StoreThatFails_IsAMissAndCountsWhatWasNotWritten()
    {
        _store.Fails = true;
        var harness = new ServiceHarness(_store);
        (await harness.EmbedAsync("r", "a")).Error.ShouldBeNull();
        await harness.DisposeAsync();
        harness.Service.Snapshot().Cache.ShouldSatisfyAllConditions(c => c.StoreDropped.ShouldBe(1), c => c.StorePending.ShouldBe(0));
    }

    [Fact]
    public async Task Embed_CorruptValues_AreMissesAndMadeAnew()
    {
        await using (var first = new ServiceHarness(_store))
            await first.EmbedAsync("m", "a", "b", "c", "d");
        var names = _store.Entries.Keys.ToArray();
        _store.Entries[names[0]] = _store.Entries[names[0]][..^1];
        _store.Entries[names[1]] = [];
        _store.Entries[names[2]][20] ^= 64;
        await using var second = new ServiceHarness(_store);
        var result = await second.EmbedAsync("m", "a", "b", "c", "d");
        result.Vectors.Select(vector => vector.ToArray()).ShouldBe(new[] { "a", "b", "c", "d" }.Select(text => FakeModel.VectorOf("one", text, 8)));
        result.Hits.ShouldBe(1);
        second.Loader.Last.Calls.ShouldBe(3);
        second.Service.Snapshot().Cache.StoreCorrupt.ShouldBe(3);
    }

    [Fact]
    public async Task Embed_NotPersisted_NeitherReadsNorWrites()
    {
        var options = ServiceHarness.Usual with
        {
            Cache = new EmbeddingCacheOptions { Persist = false },
            Models = new Dictionary<string, EmbeddingModelOptions>(ServiceHarness.Usual.Models) { ["kept"] = new() { Path = "kept", Persist = true } },
        };
        await using (var harness = new ServiceHarness(_store, options: options))
        {
            await harness.EmbedAsync("m", "a");
            _store.Reads.ShouldBe(0);
            await harness.EmbedAsync("kept", "a");
            harness.Service.Snapshot().Cache.Persist.ShouldBeFalse();
        }

        _store.Entries.Count.ShouldBe(1);
        _store.Bounded.ShouldBe(512L << 20);
    }

    [Fact]
    public async Task Clear_ForgetsHereAndInTheStore()
    {
        var harness = new ServiceHarness(_store);
        await harness.EmbedAsync("m", "a", "b");
        (await harness.Service.ClearAsync()).ShouldBe(2);
        harness.Service.Snapshot().Cache.ShouldSatisfyAllConditions(c => c.Entries.ShouldBe(0), c => c.Bytes.ShouldBe(0));
        await harness.DisposeAsync();
        _store.Entries.ShouldBeEmpty();
    }

    [Fact]
    public async Task Find_ManyMoreThanOneReadHolds_AreAllFound()
    {
        var texts = Enumerable.Range(0, 1500).Select(i => $"t{i}").ToArray();
        await using (var first = new ServiceHarness(_store))
            await first.EmbedAsync("r", texts);
        await using var second = new ServiceHarness(_store);
        (await second.EmbedAsync("r", texts)).Hits.ShouldBe(1500);
        _store.Reads.ShouldBe(3 + 3);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Keep_StoreThatIsAwayForAWhile_IsWrittenWhenItIsBack(bool throws)
    {
        var time = new ManualTimeProvider();
        (_store.Fails, _store.Loses) = (throws, !throws);
        await using var harness = new ServiceHarness(_store, time);
        await harness.EmbedAsync("r", "a");
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return _store.Writes >= 3;
        });
        harness.Service.Snapshot().Cache.ShouldSatisfyAllConditions(c => c.StorePending.ShouldBe(1), c => c.StoreDropped.ShouldBe(0));
        (_store.Fails, _store.Loses) = (false, false);
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return harness.Service.Snapshot().Cache.StoreWrites == 1;
        });
        _store.Entries.Count.ShouldBe(1);
        harness.Service.Snapshot().Cache.ShouldSatisfyAllConditions(c => c.StorePending.ShouldBe(0), c => c.StoreDropped.ShouldBe(0));
    }

    [Fact]
    public async Task Add_WhileTheStoreHangs_PilesUpNoMoreThanItsBound()
    {
        var hangs = new TaskCompletionSource();
        _store.Writing = hangs.Task;
        var writer = new VectorWriter(_store, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var vector = KeptVector.Of(new float[64 * 1024], 1, VectorPrecision.Float32);
        for (var i = 0; i < 400; i++)
            writer.Add(new VectorKey((ulong)i, 0, 0, 0), vector);
        var (pending, _, dropped) = writer.Count();
        dropped.ShouldBeGreaterThan(400 - 128 - 256);
        pending.ShouldBeLessThanOrEqualTo((int)(VectorWriter.MostBytes / vector.Bytes));
        hangs.SetResult();
        await writer.DisposeAsync();
        _store.Entries.Count.ShouldBe(400 - (int)dropped);
    }
}
