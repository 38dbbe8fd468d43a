using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.Retrieval.Catalogs.Serving;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Preloading;
using Weir.State.Configured;

namespace Weir.Retrieval.Catalogs;

/// <summary>Puts catalogs of tools into a container.</summary>
public static class CatalogRegistration
{
    /// <summary>
    /// Adds <see cref="ToolCatalogs"/> and <see cref="IConfiguredCatalogs"/>, and follows catalogs and their MCP servers in the background. The container
    /// needs an open state store, the embedding service, a clock, randomness, loggers and metrics.
    /// </summary>
    public static IServiceCollection AddCatalogs(this IServiceCollection services)
    {
        services.TryAddSingleton(new CatalogLimits());
        services.TryAddSingleton(new McpLimits());
        services.TryAddSingleton<IMcpTransports, McpTransports>();
        services.AddSingleton<CatalogDocuments>();
        services.AddSingleton<ToolBlobs>();
        services.AddSingleton<CatalogIndexer>();
        services.AddSingleton<CatalogDirectory>();
        services.AddSingleton<CatalogWriter>();
        services.AddSingleton<CatalogEditor>();
        services.AddSingleton<CatalogMetrics>();
        services.AddSingleton<CatalogSources>();
        services.AddSingleton<ConfiguredCatalogs>();
        services.AddSingleton<IConfiguredCatalogs>(provider => provider.GetRequiredService<ConfiguredCatalogs>());
        services.AddSingleton<IConfiguredDocuments, CatalogDrift>();
        services.AddSingleton(provider => new ToolCatalogs(
            provider.GetRequiredService<CatalogDirectory>(),
            provider.GetRequiredService<CatalogIndexer>(),
            provider.GetRequiredService<CatalogWriter>(),
            provider.GetRequiredService<CatalogEditor>(),
            provider.GetRequiredService<EmbeddingService>(),
            provider.GetRequiredService<CatalogMetrics>(),
            provider.GetRequiredService<CatalogLimits>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IPreloadSource, CatalogPreload>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<CatalogDirectory>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ConfiguredCatalogs>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<CatalogSources>());
        return services;
    }
}
