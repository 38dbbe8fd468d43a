using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Loading;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Upkeep;
using Weir.Retrieval.Files;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionStoresTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-collections-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Sqlite_AfterARestart_EverythingIsThere()
    {
        var options = new StateOptions { DataFolder = _folder };
        await using (var store = await StateStores.OpenAsync(options))
        {
            await using var host = await CollectionHost.StartAsync(store);
            await host.PutAsync();
            await host.IngestAsync([.. Enumerable.Range(0, 300).Select(i => new NewDocument($"d{i}", $"alpha {i}") { Metadata = CollectionHost.Json($$"""{"n":{{i}}}""") })]);
        }

        await using var again = await StateStores.OpenAsync(options);
        await using var later = await CollectionHost.StartAsync(again);
        var inputs = later.Embeddings.Snapshot().Inputs;
        var hit = (await later.SearchAsync("alpha 123"))[0];
        (hit.DocumentId, hit.Metadata!.Value.GetProperty("n").GetInt32()).ShouldBe(("d123", 123));
        (later.Embeddings.Snapshot().Inputs - inputs).ShouldBe(1);
        await later.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);
        await later.VerifyStoreAsync();
    }

    [Fact]
    public async Task Redis_TwoReplicas_SeeTheSame()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var two = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var first = await CollectionHost.StartAsync(one);
        await using var second = await CollectionHost.StartAsync(two);
        await first.PutAsync();
        await first.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "beta"));
        (await second.SearchAsync("alpha"))[0].DocumentId.ShouldBe("a");
        await second.IngestAsync(new NewDocument("a", "gamma"));
        (await second.SearchAsync("alpha", CollectionSearchMode.Sparse)).ShouldBeEmpty();
        (await first.SearchAsync("beta", CollectionSearchMode.Sparse)).Single().DocumentId.ShouldBe("b");
        await Eventually.TrueAsync(() => first.SearchAsync("gamma", CollectionSearchMode.Sparse).GetAwaiter().GetResult().Count == 1);
        await first.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);
        await first.VerifyStoreAsync();
    }

    [Fact]
    public async Task Load_Files_AreTakenInChangedAndRemovedWithTheFolder()
    {
        var docs = Path.Combine(_folder, "docs");
        Directory.CreateDirectory(Path.Combine(docs, "deep"));
        await File.WriteAllTextAsync(Path.Combine(docs, "a.md"), "# Title\n\nalpha text");
        await File.WriteAllTextAsync(Path.Combine(docs, "deep", "b.txt"), "beta text");
        await File.WriteAllTextAsync(Path.Combine(docs, "c.jsonl"), "{\"id\":\"x\",\"text\":\"gamma text\"}\n{\"id\":\"y\",\"text\":\"delta text\"}\n");
        await File.WriteAllTextAsync(Path.Combine(docs, "skip.html"), "not read");
        await File.WriteAllBytesAsync(Path.Combine(docs, "bad.txt"), [0x61, 0xFF]);
        await using var host = await CollectionHost.StartAsync(limits: new CollectionLimits { FilesEvery = TimeSpan.FromMilliseconds(20) });
        await host.PutAsync("c", new CollectionChange { Global = true }, new CollectionScope("admin", true));
        var record = host.Service<Weir.Retrieval.Collections.Storage.CollectionDirectory>().Find(null, "c")!;
        var loader = new FileLoader(
            record, new FilePatterns(["./docs/**/*"], _folder, FileLoader.Kinds), host.Store, host.Service<CollectionIngest>(), new DocumentReaders(host.Limits), host.Limits, new RecordingLogger<FileLoader>());
        await host.Documents.IngestAsync(
            new CollectionScope("admin", true), "c", new[] { new IngestItem(new NewDocument("sent", "sent text"), null) }.ToAsyncEnumerable(), CollectionHost.Asker, null, CancellationToken.None);

        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        await IdsAsync("docs/a.md", "docs/deep/b.txt", "x", "y", "sent");
        loader.Report.Faults.Single().ShouldContain("docs/bad.txt");

        await File.WriteAllTextAsync(Path.Combine(docs, "c.jsonl"), "{\"id\":\"y\",\"text\":\"delta two\"}\n");
        File.Delete(Path.Combine(docs, "deep", "b.txt"));
        File.Delete(Path.Combine(docs, "bad.txt"));
        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        await IdsAsync("docs/a.md", "y", "sent");
        loader.Report.Faults.ShouldBeEmpty();

        // What vanished while nobody looked is noticed by the next loader; a folder that is not there at all removes nothing.
        File.Delete(Path.Combine(docs, "c.jsonl"));
        var next = new FileLoader(
            record, new FilePatterns(["docs/**"], _folder, FileLoader.Kinds), host.Store, host.Service<CollectionIngest>(), new DocumentReaders(host.Limits), host.Limits, new RecordingLogger<FileLoader>());
        await next.LookAsync(CancellationToken.None);
        await IdsAsync("docs/a.md", "sent");
        Directory.Move(docs, docs + "2");
        await next.LookAsync(CancellationToken.None);
        await IdsAsync("docs/a.md", "sent");
        next.Report.Faults.Single().ShouldContain("no such folder");

        async Task IdsAsync(params string[] ids) =>
            (await host.Documents.ListAsync(host.Scope, "c", null, 100, CancellationToken.None)).Value!.Documents.Select(document => document.Id).ShouldBe(ids, ignoreOrder: true);
    }

    [Fact]
    public async Task Load_LinksAndWhatCannotBeRead_AreToldAndDoNotStopTheOthers()
    {
        var docs = Path.Combine(_folder, "docs");
        Directory.CreateDirectory(Path.Combine(docs, "deep"));
        Directory.CreateDirectory(Path.Combine(_folder, "elsewhere"));
        await File.WriteAllTextAsync(Path.Combine(docs, "a.md"), "alpha text");
        await File.WriteAllTextAsync(Path.Combine(_folder, "elsewhere", "b.md"), "beta text");
        File.CreateSymbolicLink(Path.Combine(docs, "b.md"), Path.Combine(_folder, "elsewhere", "b.md"));
        File.CreateSymbolicLink(Path.Combine(docs, "circle.md"), Path.Combine(docs, "circle.md"));
        File.CreateSymbolicLink(Path.Combine(docs, "gone.md"), Path.Combine(docs, "nowhere.md"));
        Directory.CreateSymbolicLink(Path.Combine(docs, "deep", "up"), docs);
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("c", new CollectionChange { Global = true }, new CollectionScope("admin", true));
        var record = host.Service<Weir.Retrieval.Collections.Storage.CollectionDirectory>().Find(null, "c")!;
        var loader = new FileLoader(
            record, new FilePatterns(["docs"], _folder, FileLoader.Kinds), host.Store, host.Service<CollectionIngest>(), new DocumentReaders(host.Limits), host.Limits, new RecordingLogger<FileLoader>());

        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        loader.Report.Files.ShouldBe(2);
        loader.Report.Faults.Count.ShouldBe(2);
        loader.Report.Faults.ShouldContain(fault => fault.StartsWith("docs/circle.md: cannot be read", StringComparison.Ordinal));
        loader.Report.Faults.ShouldContain(fault => fault.StartsWith("docs/gone.md: cannot be read", StringComparison.Ordinal));

        // What a link leads to is noticed when it changes; what did not change is not read again.
        var revision = loader.Revision;
        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        loader.Revision.ShouldBe(revision);
        await File.WriteAllTextAsync(Path.Combine(_folder, "elsewhere", "b.md"), "beta text that is longer");
        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        loader.Revision.ShouldBeGreaterThan(revision);
        (await host.Documents.GetAsync(host.Scope, "c", "docs/b.md", CancellationToken.None)).Value!.Text.ShouldBe("beta text that is longer");
    }

    [Fact]
    public async Task Load_ManyFiles_TakesFewCommits()
    {
        var docs = Path.Combine(_folder, "docs");
        Directory.CreateDirectory(docs);
        for (var i = 0; i < 1200; i++)
            await File.WriteAllTextAsync(Path.Combine(docs, $"f{i}.txt"), $"text of file {i}");
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("c", new CollectionChange { Global = true }, new CollectionScope("admin", true));
        var record = host.Service<Weir.Retrieval.Collections.Storage.CollectionDirectory>().Find(null, "c")!;
        var loader = new FileLoader(
            record, new FilePatterns(["docs"], _folder, FileLoader.Kinds), host.Store, host.Service<CollectionIngest>(), new DocumentReaders(host.Limits), host.Limits, new RecordingLogger<FileLoader>());
        (await loader.LookAsync(CancellationToken.None)).ShouldBeNull();
        loader.Report.ShouldBe(new FileReport(1200, true, loader.Report.Faults));
        // A text and a vector pack for each of five batches.
        (await host.StoredOf().PacksAsync(CancellationToken.None)).Count.ShouldBe(10);
    }

    [Fact]
    public async Task Configured_Collection_IsMadeLoadedAndTold()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "a.md"), "# Title\n\nalpha text");
        await using var host = await CollectionHost.StartAsync(limits: new CollectionLimits { FilesEvery = TimeSpan.FromMilliseconds(20) });
        var configured = host.Service<ConfiguredCollections>();
        configured.Apply(new Dictionary<string, CollectionOptions> { ["handbook"] = new() { Load = Path.Combine(_folder, "*.md") } });
        await host.RunAsync<ConfiguredCollections>();
        await Eventually.TrueAsync(() => configured.States.GetValueOrDefault("handbook") is { IsLoaded: true, Files: 1 });
        // What is told to be loaded is found.
        host.Collections.Global.Single().Documents.ShouldBe(1);
        (await host.SearchAsync("alpha", name: "handbook")).Single().Heading.ShouldBe("Title");
        host.Collections.Global.Single().State.ShouldBe("ready");
    }
}
