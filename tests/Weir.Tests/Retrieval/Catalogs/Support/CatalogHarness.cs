using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.Retrieval.Catalogs.Serving;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models.Hashing;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Catalogs.Support;

/// <summary>One replica's catalogs over a store that others may share.</summary>
internal sealed class CatalogHarness : IAsyncDisposable
{
    public static readonly CatalogCaller Alice = new("alice", "key_a", IsAdmin: false);
    public static readonly CatalogCaller Bob = new("bob", "key_b", IsAdmin: false);
    public static readonly CatalogCaller Admin = new("admin", "key_admin", IsAdmin: true);

    private readonly bool _ownsStore;
    private readonly CatalogIndexer _indexer;
    private readonly CatalogEditor _editor;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public CatalogHarness(IStateStore? store = null, IMcpTransports? transports = null, CatalogLimits? limits = null, McpLimits? mcp = null, EmbeddingService? embeddings = null)
    {
        _ownsStore = store is null;
        Store = store ?? new MemoryStateStore(new StateOptions(), TimeProvider.System);
        limits ??= new CatalogLimits();
        mcp ??= Quick;
        Embeddings = embeddings ?? new EmbeddingService(new Dictionary<string, ILocalModel> { ["default"] = new HashingModel(64) });
        Documents = new CatalogDocuments(Store);
        Blobs = new ToolBlobs(Documents, limits, NullLogger<ToolBlobs>.Instance);
        _indexer = new CatalogIndexer(Blobs, Embeddings, NullLogger<CatalogIndexer>.Instance);
        Directory = new CatalogDirectory(Documents, Blobs, _indexer, limits, TimeProvider.System, NullLogger<CatalogDirectory>.Instance);
        Writer = new CatalogWriter(Documents, Blobs, Directory, limits, TimeProvider.System);
        _editor = new CatalogEditor(Documents, Blobs, Writer, limits);
        var metrics = new CatalogMetrics(Meters, Directory);
        Catalogs = new ToolCatalogs(Directory, _indexer, Writer, _editor, Embeddings, metrics, limits, TimeProvider.System);
        Sources = new CatalogSources(
            Directory, Documents, Blobs, transports ?? new McpTransports(mcp, TimeProvider.System, NullLoggerFactory.Instance), limits, mcp, metrics, TimeProvider.System, new Random(7),
            NullLoggerFactory.Instance, NullLogger<CatalogSources>.Instance);
    }

    /// <summary>Limits that let a test see in milliseconds what takes seconds.</summary>
    public static McpLimits Quick => new()
    {
        ConnectWithin = TimeSpan.FromSeconds(20),
        RefreshApart = TimeSpan.FromMilliseconds(5),
        FirstPause = TimeSpan.FromMilliseconds(20),
        LongestPause = TimeSpan.FromMilliseconds(100),
        LeaveWithin = TimeSpan.FromMilliseconds(300),
    };

    public IStateStore Store { get; }

    public IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public EmbeddingService Embeddings { get; }

    public CatalogDocuments Documents { get; }

    public ToolBlobs Blobs { get; }

    public CatalogDirectory Directory { get; }

    public CatalogWriter Writer { get; }

    public ToolCatalogs Catalogs { get; }

    public CatalogSources Sources { get; }

    public async Task<CatalogHarness> StartAsync()
    {
        await Directory.StartAsync(CancellationToken.None);
        await Sources.StartAsync(CancellationToken.None);
        await Directory.Known;
        return this;
    }

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    public static CatalogChange Tools(params string[] names) =>
        new() { Tools = JsonSerializer.SerializeToElement(names.Select(name => new { name, description = $"Does {name.Replace('_', ' ')}." })) };

    public async Task<CatalogView> PutAsync(CatalogCaller caller, string name, CatalogChange change)
    {
        var (view, error) = await Catalogs.PutAsync(caller, name, change);
        error.ShouldBeNull();
        return view!;
    }

    public async Task<ToolResults> SearchAsync(CatalogCaller caller, string name, string query, int topK = 5)
    {
        var (results, error) = await Catalogs.SearchAsync(caller, name, new ToolQuery { Query = query, TopK = topK });
        error.ShouldBeNull();
        return results!;
    }

    public async Task<CatalogSourceView> SourceAsync(string name, int at = 0) => (await Catalogs.FindAsync(Admin, name)).View!.Sources![at];

    public Task EventuallyAsync(string name, Func<CatalogView, bool> condition) =>
        Eventually.TrueAsync(() => Catalogs.FindAsync(Admin, name).AsTask().GetAwaiter().GetResult().View is { } view && condition(view));

    public async ValueTask DisposeAsync()
    {
        await Sources.StopAsync(CancellationToken.None);
        await Directory.StopAsync(CancellationToken.None);
        _indexer.Dispose();
        _editor.Dispose();
        await _services.DisposeAsync();
        await Embeddings.DisposeAsync();
        if (_ownsStore)
            await Store.DisposeAsync();
    }
}
