using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.Retrieval;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Collections.Upkeep;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Loading;
using Weir.Retrieval.Models.Hashing;
using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Retrieval.Collections;

/// <summary>Collections as one replica has them: its own embedding service and indexes over a store that others may share.</summary>
internal sealed class CollectionHost : IAsyncDisposable
{
    public const string Model = "default";
    private readonly ServiceProvider _services;
    private readonly List<BackgroundService> _running = [];
    private readonly bool _ownsStore;

    private CollectionHost(IStateStore? store, TestModels models, CollectionLimits? limits)
    {
        _ownsStore = store is null;
        Store = store ?? new MemoryStateStore(new StateOptions(), TimeProvider.System);
        Models = models;
        Embeddings = new EmbeddingService(new EmbeddingParts { Loader = models });
        models.ApplyTo(Embeddings);
        _services = new ServiceCollection().AddLogging().AddSingleton(Store).AddSingleton(Embeddings).AddSingleton(TimeProvider.System).AddSingleton(new Random(1))
            .AddSingleton(limits ?? new CollectionLimits { UpkeepEvery = TimeSpan.FromMilliseconds(20) })
            .AddCollections().BuildServiceProvider();
    }

    public IStateStore Store { get; }

    public TestModels Models { get; }

    public EmbeddingService Embeddings { get; }

    public KnowledgeCollections Collections => Service<KnowledgeCollections>();

    public KnowledgeDocuments Documents => Service<KnowledgeDocuments>();

    public CollectionLimits Limits => Service<CollectionLimits>();

    public CollectionScope Scope { get; init; } = new("t", false);

    public T Service<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>With what follows the store; upkeep is run by hand unless asked for.</summary>
    public static async Task<CollectionHost> StartAsync(IStateStore? store = null, TestModels? models = null, CollectionLimits? limits = null, bool upkeep = false)
    {
        var host = new CollectionHost(store, models ?? new TestModels(), limits);
        await host.RunAsync<CollectionDirectory>();
        await host.Service<CollectionDirectory>().SeenAsync(_ => true, TimeSpan.FromSeconds(30), CancellationToken.None);
        if (upkeep)
            await host.RunAsync<CollectionUpkeep>();
        return host;
    }

    public async Task RunAsync<T>()
        where T : BackgroundService
    {
        var service = Service<T>();
        _running.Add(service);
        await service.StartAsync(CancellationToken.None);
    }

    /// <summary>What it does is done to its end first.</summary>
    public Task StopAsync<T>()
        where T : BackgroundService => Service<T>().StopAsync(CancellationToken.None);

    public async Task<CollectionView> PutAsync(string name = "c", CollectionChange? change = null, CollectionScope? scope = null)
    {
        var answer = await Collections.PutAsync(scope ?? Scope, name, change ?? new CollectionChange(), CancellationToken.None);
        answer.Error.ShouldBeNull();
        return answer.Value!;
    }

    public Task<IngestOutcome> IngestAsync(params NewDocument[] documents) => IngestAsync("c", documents);

    public Task<IngestOutcome> IngestAsync(string name, IEnumerable<NewDocument> documents) =>
        Documents.IngestAsync(Scope, name, documents.Select(document => new IngestItem(document, null)).ToAsyncEnumerable(), Asker, null, CancellationToken.None);

    public async Task<IReadOnlyList<CollectionHit>> SearchAsync(string query, CollectionSearchMode mode = CollectionSearchMode.Hybrid, int k = 10, string? filter = null, string name = "c")
    {
        var (results, error) = await TrySearchAsync(query, mode, k, filter, name);
        error.ShouldBeNull();
        return results;
    }

    public async Task<(IReadOnlyList<CollectionHit> Results, RetrievalError? Error)> TrySearchAsync(
        string query, CollectionSearchMode mode = CollectionSearchMode.Hybrid, int k = 10, string? filter = null, string name = "c", CollectionScope? scope = null)
    {
        var request = new CollectionSearchRequest { Query = query, Mode = mode, TopK = k, Filter = filter is null ? null : Json(filter) };
        var result = await Collections.SearchAsync(scope ?? Scope, name, request, Asker, TimeSpan.FromSeconds(30), CancellationToken.None);
        return (result.Results, result.Error);
    }

    public static EmbeddingAsker Asker { get; } = new("t", "test");

    public static JsonElement Json(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public CollectionDocuments StoredOf(string name = "c") =>
        new(Store, Service<CollectionDirectory>().Collections.Values.Single(stored => stored.Value.Name == name).Value.Partition);

    /// <summary>
    /// Every byte that a document names is there, and no pack is left that none names. Nothing may change documents meanwhile, and upkeep does: what a listed
    /// document named is gone a moment after it names something else.
    /// </summary>
    public async Task VerifyStoreAsync(string name = "c", bool swept = true)
    {
        var documents = StoredOf(name);
        var named = new HashSet<string>();
        await using var reader = new PackReader(Store.Blobs);
        await foreach (var document in documents.AllAsync(CancellationToken.None))
        {
            (await reader.TextAsync(document.Value.Text, CancellationToken.None)).ShouldNotBeNull();
            (await reader.VectorsAsync(document.Value.Vectors.Slice, CancellationToken.None)).ShouldNotBeNull().Chunks.Count.ShouldBe(document.Value.Vectors.Chunks);
            named.UnionWith(document.Value.Slices.Select(slice => slice.Pack));
        }

        var packs = (await documents.PacksAsync(CancellationToken.None)).Select(pack => pack.Id).ToHashSet();
        named.IsSubsetOf(packs).ShouldBeTrue();
        if (swept)
            packs.ShouldBe(named, ignoreOrder: true);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _running)
            await service.StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
        await Embeddings.DisposeAsync();
        if (_ownsStore)
            await Store.DisposeAsync();
    }
}

/// <summary>Models that a test exchanges; each is named by its dimensions, and two of different dimensions have different revisions.</summary>
internal sealed class TestModels : IModelLoader
{
    private Dictionary<string, string> _names = new() { [CollectionHost.Model] = "64" };
    private EmbeddingService? _service;


    public void Set(params (string Name, int Dimensions)[] models)
    {
        _names = models.ToDictionary(model => model.Name, model => $"{model.Dimensions}");
        if (_service is not null)
            ApplyTo(_service);
    }

    public void ApplyTo(EmbeddingService service)
    {
        _service = service;
        service.Apply(new EmbeddingOptions { Models = _names.ToDictionary(entry => entry.Key, entry => new EmbeddingModelOptions { Path = entry.Value }), UnloadIdle = TimeSpan.Zero });
    }

    public string StampOf(EmbeddingModelOptions options) => "";

    public IEmbeddingModel Load(EmbeddingModelOptions options) => new HashingModel(int.Parse(options.Path!, System.Globalization.CultureInfo.InvariantCulture));
}
