using System.Collections.Concurrent;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Collections.Upkeep;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Collections;

/// <summary>Everything at once on two replicas, beside what a dictionary holds.</summary>
public sealed class CollectionScheduleTests
{
    private static readonly CollectionLimits Hurried = new()
    {
        BatchDocuments = 5,
        DraftsKept = TimeSpan.FromSeconds(30),
        UpkeepEvery = TimeSpan.FromMilliseconds(5),
        ScanEvery = TimeSpan.FromMilliseconds(30),
    };

    [Fact]
    public Task RandomSchedule_TwoReplicas_HoldWhatANaiveModelHolds() => RandomSchedule.RunAsync(6, async random =>
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var models = (new TestModels(), new TestModels());
        models.Item1.Set(("default", 64), ("other", 96));
        models.Item2.Set(("default", 64), ("other", 96));
        await using var one = await CollectionHost.StartAsync(store, models.Item1, Hurried, upkeep: true);
        await using var two = await CollectionHost.StartAsync(store, models.Item2, Hurried, upkeep: true);
        CollectionHost[] hosts = [one, two];
        await one.PutAsync();
        await KnownAsync(two, one);
        var naive = new Dictionary<string, string>();
        // Whatever was ever written; what a search finds was written once.
        var written = new ConcurrentDictionary<(string Id, string Text), bool>();
        using var done = new CancellationTokenSource();
        var searchers = hosts.Select((host, i) => SearchAsync(host, new Random(random.Next() + i), written, done.Token)).ToArray();
        for (var step = 0; step < 60; step++)
        {
            var host = hosts[random.Next(2)];
            var isNewer = true;
            switch (random.Next(20))
            {
                case < 10:
                    var batch = Enumerable.Range(0, random.Next(1, 8)).Select(_ => new NewDocument($"d{random.Next(20)}", $"common word{random.Next(50)}")).ToArray();
                    foreach (var document in batch)
                        written[(document.Id, document.Text)] = true;
                    var outcome = await host.IngestAsync(batch);
                    outcome.Error.ShouldBeNull();
                    isNewer = outcome.Report.Documents > 0;
                    foreach (var document in batch)
                        naive[document.Id] = document.Text;
                    break;
                case < 15:
                    var id = $"d{random.Next(20)}";
                    isNewer = await host.Documents.DeleteAsync(host.Scope, "c", id, CancellationToken.None) is null;
                    isNewer.ShouldBe(naive.Remove(id));
                    break;
                case < 18:
                    await host.PutAsync(change: new CollectionChange { EmbeddingModel = random.Next(2) == 0 ? "default" : "other" });
                    isNewer = false;
                    break;
                case 18:
                    (await host.Collections.DeleteAsync(host.Scope, "c", CancellationToken.None)).ShouldBeNull();
                    await host.PutAsync();
                    await KnownAsync(one, host);
                    await KnownAsync(two, host);
                    naive.Clear();
                    break;
                default:
                    // Another replica may not have come so far.
                    isNewer = false;
                    break;
            }

            // Whoever wrote sees it at once, and all that was written before it.
            if (isNewer)
                await CheckAsync(host, naive, $"step {step}");
        }

        foreach (var host in hosts)
        {
            await Eventually.TrueAsync(() => host.SearchAsync("common", CollectionSearchMode.Sparse, 100).GetAwaiter().GetResult()
                .ToDictionary(hit => hit.DocumentId, hit => hit.Text) is var held && held.Count == naive.Count && held.All(entry => naive.GetValueOrDefault(entry.Key) == entry.Value));
            await CheckAsync(host, naive, "at the end");
        }

        await done.CancelAsync();
        await Task.WhenAll(searchers);
        foreach (var host in hosts)
            await host.StopAsync<CollectionUpkeep>();
        await one.VerifyStoreAsync(swept: false);
    });

    [Fact]
    public async Task Drop_UnderSearches_FreesAllNativeMemory()
    {
        await using var host = await CollectionHost.StartAsync(limits: Hurried with { BatchDocuments = 256 }, upkeep: true);
        var indexes = new List<CollectionIndex>();
        for (var round = 0; round < 4; round++)
        {
            await host.PutAsync();
            await host.IngestAsync([.. Enumerable.Range(0, 300).Select(i => new NewDocument($"d{i}", $"alpha {i}"))]);
            await host.SearchAsync("alpha", CollectionSearchMode.Dense);
            var index = host.Service<IndexShelf>().Find(host.Service<CollectionDirectory>().Find("t", "c")!.Id).ShouldNotBeNull();
            index.NativeBytes.ShouldBeGreaterThan(300 * 64 * 4);
            indexes.Add(index);
            using var searching = new SemaphoreSlim(0);
            var isDropped = false;
            var searchers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (await host.TrySearchAsync("alpha 7", CollectionSearchMode.Dense) is { Error: null } found)
                {
                    // One that had found the collection just before may see it empty.
                    found.Results.Count.ShouldBe(Volatile.Read(ref isDropped) ? found.Results.Count : 10);
                    searching.Release();
                }
            })).ToArray();
            for (var searches = 0; searches < 20; searches++)
                await searching.WaitAsync();
            Volatile.Write(ref isDropped, true);
            (await host.Collections.DeleteAsync(host.Scope, "c", CancellationToken.None)).ShouldBeNull();
            await Task.WhenAll(searchers);
        }

        await Eventually.TrueAsync(() => indexes.TrueForAll(index => index.NativeBytes == 0 && index.View is null));
    }

    [Fact]
    public async Task ModelChange_UnderSearches_FreesTheOldVectors()
    {
        await using var host = await CollectionHost.StartAsync(limits: Hurried, upkeep: true);
        host.Models.Set(("default", 64), ("other", 96));
        await host.PutAsync();
        await host.IngestAsync([.. Enumerable.Range(0, 100).Select(i => new NewDocument($"d{i}", $"alpha {i}"))]);
        await host.SearchAsync("alpha");
        var index = host.Service<IndexShelf>().Find(host.Service<CollectionDirectory>().Find("t", "c")!.Id).ShouldNotBeNull();
        using var done = new CancellationTokenSource();
        var searchers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
                (await host.SearchAsync("alpha 7", CollectionSearchMode.Dense)).Count.ShouldBe(10);
        })).ToArray();
        foreach (var model in (string[])["other", "default", "other"])
        {
            await host.PutAsync(change: new CollectionChange { EmbeddingModel = model });
            await Eventually.TrueAsync(() => index.View is { Shapes: [{ Documents: 100 } shape] } && shape.Shape.Model == model);
            await Eventually.TrueAsync(() => index.NativeBytes == index.View!.Shapes.Sum(shape => shape.Vectors!.Bytes));
        }

        await done.CancelAsync();
        await Task.WhenAll(searchers);
    }

    private static async Task SearchAsync(CollectionHost host, Random random, ConcurrentDictionary<(string Id, string Text), bool> written, CancellationToken done)
    {
        await Task.Yield();
        while (!done.IsCancellationRequested)
        {
            var mode = Enum.GetValues<CollectionSearchMode>()[random.Next(3)];
            var (found, error) = await host.TrySearchAsync($"common word{random.Next(50)}", mode, 100);
            // Between a drop and what comes after it there is none.
            if (error is not null)
                error.Status.ShouldBe(404, error.Message);
            found.Select(hit => hit.ChunkId).ShouldBeUnique();
            found.ShouldAllBe(hit => written.ContainsKey(new(hit.DocumentId, hit.Text)));
        }
    }

    private static async Task CheckAsync(CollectionHost host, Dictionary<string, string> naive, string context)
    {
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
        {
            var request = new CollectionSearchRequest { Query = "common", Mode = mode, TopK = 100 };
            var result = await host.Collections.SearchAsync(host.Scope, "c", request, CollectionHost.Asker, TimeSpan.FromSeconds(30), CancellationToken.None);
            result.Error.ShouldBeNull(context);
            var found = result.Results.ToDictionary(hit => hit.DocumentId, hit => hit.Text);
            found.ShouldAllBe(entry => naive.GetValueOrDefault(entry.Key) == entry.Value, $"{context}, {mode}");
            found.Count.ShouldBe(mode == CollectionSearchMode.Dense ? result.Dense?.Documents ?? naive.Count : naive.Count, $"{context}, {mode}");
            (result.Dense?.Of ?? naive.Count).ShouldBe(naive.Count, $"{context}, {mode}");
        }
    }

    private static Task KnownAsync(CollectionHost host, CollectionHost by)
    {
        var id = by.Service<CollectionDirectory>().Find("t", "c")!.Id;
        return host.Service<CollectionDirectory>().SeenAsync(all => all.Values.Any(stored => stored.Value.Id == id), TimeSpan.FromSeconds(30), CancellationToken.None).AsTask();
    }
}
