using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Collections.Upkeep;
using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionUpkeepTests
{
    private static readonly CollectionLimits NoGrace = new() { DraftsKept = TimeSpan.FromTicks(-1), RemovedWatched = TimeSpan.FromTicks(-1), UpkeepEvery = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task ModelChange_ReembedsEverythingAndLetsTheOldVectorsGo()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace);
        host.Models.Set(("default", 64), ("other", 96));
        await host.PutAsync();
        await host.IngestAsync([.. Enumerable.Range(0, 300).Select(i => new NewDocument($"d{i}", $"alpha {i}"))]);
        await host.SearchAsync("alpha");
        await host.PutAsync(change: new CollectionChange { EmbeddingModel = "other" });
        // Before anything is done, the old vectors answer.
        (await host.SearchAsync("alpha 7", CollectionSearchMode.Dense))[0].DocumentId.ShouldBe("d7");
        await LookAsync(host);
        (await host.SearchAsync("alpha 7", CollectionSearchMode.Dense))[0].DocumentId.ShouldBe("d7");
        await host.VerifyStoreAsync();
        await foreach (var document in host.StoredOf().AllAsync(CancellationToken.None))
            (document.Value.Vectors.Shape.Model, document.Value.Next).ShouldBe(("other", null));
        await SettledAsync(host, "other", 96);
    }

    [Fact]
    public async Task ModelRevisionChanged_IsNoticedByItself()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace, upkeep: true);
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "beta"));
        await host.SearchAsync("alpha");
        host.Models.Set(("default", 128));
        // The new model comes into memory with its first use; until all is done again, words find what vectors cannot.
        (await host.SearchAsync("alpha"))[0].DocumentId.ShouldBe("a");
        await SettledAsync(host, "default", 128);
        (await host.SearchAsync("beta", CollectionSearchMode.Dense))[0].DocumentId.ShouldBe("b");
    }

    [Fact]
    public async Task ModelChange_IngestMeanwhile_IsFoundBesideTheOld()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace);
        host.Models.Set(("default", 64), ("other", 96));
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("a", "alpha one"), new NewDocument("b", "alpha two"));
        await host.SearchAsync("alpha");
        await host.PutAsync(change: new CollectionChange { EmbeddingModel = "other" });
        await host.IngestAsync(new NewDocument("c", "alpha three"));
        foreach (var mode in (CollectionSearchMode[])[CollectionSearchMode.Sparse, CollectionSearchMode.Hybrid])
            (await host.SearchAsync("alpha", mode)).Select(hit => hit.DocumentId).ShouldBe(["a", "b", "c"], ignoreOrder: true);
        // By meaning one model is asked, since scores of two say nothing of each other: the one that knows most documents.
        (await host.SearchAsync("alpha", CollectionSearchMode.Dense)).Select(hit => hit.DocumentId).ShouldBe(["a", "b"], ignoreOrder: true);
        (await DenseAsync(host)).ShouldBe(new DenseCoverage(2, 3));
        (await host.Collections.GetAsync(host.Scope, "c", CancellationToken.None)).Value!.DenseDocuments.ShouldBe(2);
        host.Models.Set(("other", 96));
        // The old model is gone: by meaning only what is in the new one, by words all.
        (await host.SearchAsync("alpha", CollectionSearchMode.Dense)).Single().DocumentId.ShouldBe("c");
        (await DenseAsync(host)).ShouldBe(new DenseCoverage(1, 3));
        (await host.SearchAsync("alpha")).Select(hit => hit.ChunkId).ShouldBe(["a#0", "b#0", "c#0"], ignoreOrder: true);
        await LookAsync(host);
        await SettledAsync(host, "other", 96);
        (await host.SearchAsync("alpha", CollectionSearchMode.Dense)).Count.ShouldBe(3);
        (await DenseAsync(host)).ShouldBeNull();
    }

    [Fact]
    public async Task Reembedding_KilledAtEveryStep_GoesOnAndLosesNothing()
    {
        for (var step = 1; ; step++)
        {
            await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
            var dying = new DyingStore(store);
            var models = new TestModels();
            models.Set(("default", 64), ("other", 96));
            var limits = NoGrace with { BatchDocuments = 4 };
            await using var first = await CollectionHost.StartAsync(dying, models, limits);
            await first.PutAsync();
            await first.IngestAsync([.. Enumerable.Range(0, 10).Select(i => new NewDocument($"d{i}", $"alpha {i}"))]);
            await first.PutAsync(change: new CollectionChange { EmbeddingModel = "other" });
            dying.DieAt(step);
            await LookAsync(first);
            var wasKilled = dying.IsDead;

            var later = new TestModels();
            later.Set(("default", 64), ("other", 96));
            await using var second = await CollectionHost.StartAsync(store, later, limits);
            (await second.SearchAsync("alpha", CollectionSearchMode.Dense, 100)).Count.ShouldBe(10, $"step {step}");
            await ReleaseDutiesAsync(store);
            await LookAsync(second);
            await LookAsync(second);
            await second.VerifyStoreAsync();
            await foreach (var document in second.StoredOf().AllAsync(CancellationToken.None))
                (document.Value.Vectors.Shape.Model, document.Value.Next).ShouldBe(("other", null), $"step {step}");
            if (!wasKilled)
            {
                step.ShouldBeGreaterThan(10);
                return;
            }
        }
    }

    [Fact]
    public async Task Ingest_KilledAtEveryStep_LeavesDocumentsInOrOutAndNothingElse()
    {
        for (var step = 1; ; step++)
        {
            await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
            var dying = new DyingStore(store);
            await using var first = await CollectionHost.StartAsync(dying, limits: NoGrace with { BatchDocuments = 2 });
            await first.PutAsync();
            await first.IngestAsync(new NewDocument("d0", "old text"), new NewDocument("d1", "old text"));
            dying.DieAt(step);
            var wasKilled = false;
            try
            {
                await first.IngestAsync([.. Enumerable.Range(0, 4).Select(i => new NewDocument($"d{i}", "new text"))]);
            }
            catch (StoreUnavailableException)
            {
                wasKilled = true;
            }

            await using var second = await CollectionHost.StartAsync(store, limits: NoGrace);
            await LookAsync(second);
            await LookAsync(second);
            await second.VerifyStoreAsync();
            var texts = (await second.SearchAsync("text", CollectionSearchMode.Sparse, 100)).ToDictionary(hit => hit.DocumentId, hit => hit.Text);
            texts["d0"].ShouldBe(texts["d1"], $"step {step}");
            texts.ContainsKey("d2").ShouldBe(texts.ContainsKey("d3"), $"step {step}");
            if (!wasKilled)
            {
                texts.Values.ShouldAllBe(text => text == "new text");
                step.ShouldBeGreaterThan(8);
                return;
            }
        }
    }

    [Fact]
    public async Task Removal_KilledAtEveryStep_IsDoneByTheNext()
    {
        for (var step = 1; ; step++)
        {
            await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
            var dying = new DyingStore(store);
            await using var first = await CollectionHost.StartAsync(dying, limits: NoGrace);
            await first.PutAsync();
            await first.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "beta"));
            var partition = first.StoredOf().Partition;
            var packs = (await first.StoredOf().PacksAsync(CancellationToken.None)).Select(pack => pack.Id).ToList();
            (await first.Collections.DeleteAsync(first.Scope, "c", CancellationToken.None)).ShouldBeNull();
            dying.DieAt(step);
            await LookAsync(first);
            var wasKilled = dying.IsDead;
            await ReleaseDutiesAsync(store);
            await using var second = await CollectionHost.StartAsync(store, limits: NoGrace);
            await LookAsync(second);
            (await store.ListAsync(partition, "", null, 100)).ShouldBeEmpty($"step {step}");
            foreach (var pack in packs)
                (await store.Blobs.OpenAsync(pack)).ShouldBeNull();
            if (!wasKilled)
                return;
        }
    }

    [Fact]
    public async Task Sweep_SmallPacksOfManyDocuments_AreNotWrittenAnewAgainAndAgain()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace with { BatchDocuments = 64 });
        await host.PutAsync();
        (await host.IngestAsync([.. Enumerable.Range(0, 40 * 64).Select(i => new NewDocument($"d{i}", $"alpha {i}"))])).Error.ShouldBeNull();
        var sweep = new PackSweep(host.Service<CollectionDefinitions>(), host.Limits);
        (await sweep.RunAsync(RecordOf(host), CancellationToken.None)).ShouldBe((0, 0));
    }

    [Fact]
    public async Task Sweep_ManySmallPacks_BecomeFewAndSearchesSeeNoDifference()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace);
        await host.PutAsync();
        for (var i = 0; i < 40; i++)
            await host.IngestAsync(new NewDocument($"d{i}", $"alpha {i}"));
        var before = (await host.SearchAsync("alpha", k: 100)).Select(hit => (hit.ChunkId, hit.Text)).ToList();
        await LookAsync(host);
        await new PackSweep(host.Service<CollectionDefinitions>(), host.Limits).RunAsync(RecordOf(host), CancellationToken.None);
        (await host.StoredOf().PacksAsync(CancellationToken.None)).Count.ShouldBeLessThan(40);
        await host.VerifyStoreAsync();
        (await host.SearchAsync("alpha", k: 100)).Select(hit => (hit.ChunkId, hit.Text)).ShouldBe(before);
        await using var fresh = await CollectionHost.StartAsync(host.Store);
        (await fresh.SearchAsync("alpha", k: 100)).Select(hit => (hit.ChunkId, hit.Text)).ShouldBe(before, ignoreOrder: true);
    }

    [Fact]
    public async Task Shelf_TooManyIndexes_LeastRecentlyUsedLeaves()
    {
        await using var host = await CollectionHost.StartAsync(limits: NoGrace with { Indexes = 2 });
        foreach (var name in (string[])["a", "b", "c"])
        {
            await host.PutAsync(name);
            await host.IngestAsync(name, [new NewDocument("x", $"text of {name}")]);
            (await host.SearchAsync("text", name: name)).Single().Text.ShouldBe($"text of {name}");
        }

        host.Collections.List(host.Scope).Select(view => view.State).ShouldBe(["idle", "ready", "ready"]);
        (await host.SearchAsync("text", name: "a")).Single().Text.ShouldBe("text of a");
        var shelf = host.Service<IndexShelf>();
        using var first = (await shelf.AcquireAsync(RecordOf(host, "a"))).Lease;
        using var second = (await shelf.AcquireAsync(RecordOf(host, "b"))).Lease;
        (await host.TrySearchAsync("text", name: "c")).Error!.Code.ShouldBe("collections_busy");
    }

    private static CollectionRecord RecordOf(CollectionHost host, string name = "c") => host.Service<CollectionDirectory>().Find("t", name)!;

    private static async Task<DenseCoverage?> DenseAsync(CollectionHost host) =>
        (await host.Collections.SearchAsync(host.Scope, "c", new CollectionSearchRequest { Query = "alpha" }, CollectionHost.Asker, TimeSpan.FromSeconds(30), CancellationToken.None)).Dense;

    private static Task LookAsync(CollectionHost host) => host.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);

    // A dead holder's claim would end by itself, later.
    private static async Task ReleaseDutiesAsync(IStateStore store)
    {
        foreach (var duty in await store.ListAsync(CollectionDefinitions.Partition, "duty:", null, 100))
            await store.CommitAsync(new Commit(CollectionDefinitions.Partition) { Writes = [new Write(duty.Key, duty.Version, null)] });
    }

    private static async Task SettledAsync(CollectionHost host, string model, int dimensions)
    {
        using var lease = (await host.Service<IndexShelf>().AcquireAsync(RecordOf(host))).Lease!;
        for (long revision = 0; ;)
        {
            var view = (await lease.Index.WhenAsync(revision, TimeSpan.FromSeconds(30), CancellationToken.None)).ShouldNotBeNull();
            if (view.Shapes is [{ Shape: { } shape, Dimensions: var length }] && shape.Model == model && length == dimensions)
                return;
            revision = view.Revision + 1;
        }
    }
}
