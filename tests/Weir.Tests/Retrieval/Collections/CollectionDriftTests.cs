using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Loading;
using Weir.State.Configured;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionDriftTests : IDisposable
{
    private static readonly CollectionScope Admin = new("admin", IsAdmin: true);
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-drift").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Compare_NothingStored_IsMissing()
    {
        await using var host = await CollectionHost.StartAsync();
        Configure(host, ("handbook", new CollectionOptions()));

        (await CompareAsync(host)).ShouldBe([("handbook", DriftState.Missing, "")]);
    }

    [Fact]
    public async Task Compare_EverySettingStoredOtherwise_TellsEach()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("handbook", new CollectionChange { Global = true, Chunk = new() { Tokens = 64, Overlap = 8 }, Weights = new() { Dense = 0.25, Sparse = 1 } }, Admin);
        Configure(host, ("handbook", new CollectionOptions { EmbeddingModel = "other" }));

        (await CompareAsync(host)).ShouldBe([(
            "handbook", DriftState.Differs,
            "embedding_model is default, configured is other; chunk.tokens is 64, configured is 256; chunk.overlap is 8, configured is 32; weights.dense is 0.25, configured is 0.5; weights.sparse is 1, configured is 0.5")]);
    }

    [Fact]
    public async Task Compare_TenantsCollectionOfTheName_IsNobodysBusiness()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("handbook", new CollectionChange { Chunk = new() { Tokens = 64, Overlap = 8 } });
        await host.PutAsync("private");
        await host.PutAsync("shared", new CollectionChange { Global = true }, Admin);
        Configure(host, ("handbook", new CollectionOptions()));

        (await CompareAsync(host)).ShouldBe([("handbook", DriftState.Missing, ""), ("shared", DriftState.Unnamed, "")]);
    }

    [Fact]
    public async Task Overwrite_Differing_IsAsConfiguredAndKeepsItsDocuments()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("handbook", new CollectionChange { Global = true, Chunk = new() { Tokens = 64, Overlap = 8 } }, Admin);
        Configure(host, ("handbook", new CollectionOptions { Weights = new() { Dense = 1, Sparse = 0.1 } }));
        var drift = host.Service<IConfiguredDocuments>();

        (await drift.OverwriteAsync("handbook", CancellationToken.None)).ShouldBeNull();
        (await drift.OverwriteAsync("handbook", CancellationToken.None)).ShouldBeNull("twice is once");

        (await CompareAsync(host)).ShouldBe([("handbook", DriftState.None, "")]);
        var view = host.Collections.Global.Single();
        (view.Chunk.Tokens, view.Weights.Dense).ShouldBe((256, 1.0));
    }

    [Fact]
    public async Task Overwrite_ModelThatIsNotThere_SaysSoAndChangesNothing()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("handbook", new CollectionChange { Global = true }, Admin);
        Configure(host, ("handbook", new CollectionOptions { EmbeddingModel = "absent", Chunk = new() { Tokens = 64, Overlap = 8 } }));

        (await host.Service<IConfiguredDocuments>().OverwriteAsync("handbook", CancellationToken.None)).ShouldNotBeNull().ShouldContain("absent");

        host.Collections.Global.Single().Chunk.Tokens.ShouldBe(256);
    }

    [Fact]
    public async Task Overwrite_NotConfigured_SaysSo()
    {
        await using var host = await CollectionHost.StartAsync();
        (await host.Service<IConfiguredDocuments>().OverwriteAsync("handbook", CancellationToken.None)).ShouldBe("it is not configured any more");
    }

    [Fact]
    public async Task Overwrite_DeletedCollectionWithFiles_IsMadeAndLoadedAgain()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "a.md"), "# Title\n\nalpha text");
        await using var host = await CollectionHost.StartAsync(limits: new CollectionLimits { FilesEvery = TimeSpan.FromMilliseconds(20) });
        Configure(host, ("handbook", new CollectionOptions { Load = Path.Combine(_folder, "*.md") }));
        await host.RunAsync<ConfiguredCollections>();
        await Eventually.TrueAsync(() => host.Collections.Global is [{ Documents: 1 }]);
        (await host.Collections.DeleteAsync(Admin, "handbook", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync(host)).ShouldBe([("handbook", DriftState.Missing, "")]);

        (await host.Service<IConfiguredDocuments>().OverwriteAsync("handbook", CancellationToken.None)).ShouldBeNull();

        await Eventually.TrueAsync(() => host.Collections.Global is [{ Documents: 1 }]);
        (await host.SearchAsync("alpha", name: "handbook")).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Overwrite_ByManyAtOnceBesideAdmins_EndsAsOneOfThemSaid()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync("handbook", new CollectionChange { Global = true, Chunk = new() { Tokens = 64, Overlap = 8 } }, Admin);
        Configure(host, ("handbook", new CollectionOptions()));
        var drift = host.Service<IConfiguredDocuments>();

        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(async () =>
        {
            if (i % 4 == 0)
                await host.Collections.PutAsync(Admin, "handbook", new CollectionChange { Global = true, Weights = new() { Dense = 1, Sparse = i / 40.0 } }, CancellationToken.None);
            else
                _ = await drift.OverwriteAsync("handbook", CancellationToken.None);
        })));

        (await drift.OverwriteAsync("handbook", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync(host)).ShouldBe([("handbook", DriftState.None, "")]);
    }

    private static void Configure(CollectionHost host, params (string Name, CollectionOptions Options)[] collections) =>
        host.Service<ConfiguredCollections>().Apply(collections.ToDictionary(entry => entry.Name, entry => entry.Options));

    private static async Task<(string, DriftState, string)[]> CompareAsync(CollectionHost host) =>
        [.. (await host.Service<IConfiguredDocuments>().CompareAsync(CancellationToken.None)).Select(drift => (drift.Name, drift.State, string.Join("; ", drift.Differences)))];
}
