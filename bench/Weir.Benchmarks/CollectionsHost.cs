using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Benchmarks;

/// <summary>Collections as the server has them, without HTTP: over SQLite in a folder, with the hashing model of 384 dimensions.</summary>
internal sealed class CollectionsHost : IAsyncDisposable
{
    public const string Collection = "bench";

    private readonly ServiceProvider _services;
    private readonly IHostedService[] _running;

    private CollectionsHost(IStateStore store)
    {
        _services = new ServiceCollection().AddLogging().AddSingleton(store).AddSingleton(TimeProvider.System).AddSingleton(new Random(1))
            .AddEmbeddingService().AddCollections().BuildServiceProvider();
        Service<EmbeddingService>().Apply(new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["default"] = new() } });
        _running = [.. _services.GetServices<IHostedService>()];
        Store = store;
    }

    public static CollectionScope Scope { get; } = new("bench", false);

    public static EmbeddingAsker Asker { get; } = new("bench", "bench");

    public IStateStore Store { get; }

    public T Service<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public static async Task<CollectionsHost> StartAsync(string folder)
    {
        var host = new CollectionsHost(await StateStores.OpenAsync(new StateOptions { DataFolder = folder }));
        foreach (var service in host._running)
            await service.StartAsync(CancellationToken.None);
        await host.Service<CollectionDirectory>().SeenAsync(static _ => true, TimeSpan.FromSeconds(30), CancellationToken.None);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _running)
            await service.StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
        await Store.DisposeAsync();
    }
}
