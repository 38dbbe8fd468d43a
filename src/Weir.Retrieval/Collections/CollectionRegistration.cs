using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Loading;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Collections.Upkeep;
using Weir.Retrieval.Embedding;
using Weir.State;
using Weir.State.Configured;

namespace Weir.Retrieval.Collections;

/// <summary>Puts collections into a container.</summary>
public static class CollectionRegistration
{
    /// <summary>
    /// Adds <see cref="KnowledgeCollections"/>, <see cref="KnowledgeDocuments"/> and <see cref="ConfiguredCollections"/>, and what they do in the background.
    /// The container needs an open state store, <see cref="EmbeddingService"/>, a clock, a <see cref="Random"/> and logging.
    /// </summary>
    public static IServiceCollection AddCollections(this IServiceCollection services)
    {
        services.TryAddSingleton(new CollectionLimits());
        services.AddMetrics();
        services.AddSingleton<CollectionMetrics>();
        services.AddSingleton<CollectionDefinitions>();
        services.AddSingleton<CollectionDirectory>();
        services.AddSingleton<DocumentEmbedder>();
        services.AddSingleton<CollectionIngest>();
        services.AddSingleton<CollectionSearch>();
        services.AddSingleton<IndexShelf>();
        services.AddSingleton<CollectionUpkeep>();
        services.AddSingleton(provider => new KnowledgeCollections(
            provider.GetRequiredService<CollectionDefinitions>(), provider.GetRequiredService<CollectionDirectory>(), provider.GetRequiredService<CollectionSearch>(),
            provider.GetRequiredService<IndexShelf>(), provider.GetRequiredService<EmbeddingService>(), provider.GetRequiredService<CollectionLimits>(),
            provider.GetRequiredService<CollectionMetrics>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new KnowledgeDocuments(
            provider.GetRequiredService<KnowledgeCollections>(), provider.GetRequiredService<CollectionIngest>(), provider.GetRequiredService<IStateStore>()));
        services.AddSingleton(provider => new ConfiguredCollections(
            provider.GetRequiredService<CollectionDefinitions>(), provider.GetRequiredService<CollectionDirectory>(), provider.GetRequiredService<CollectionIngest>(),
            provider.GetRequiredService<IndexShelf>(), provider.GetRequiredService<CollectionLimits>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Random>(), provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<IConfiguredDocuments>(provider => new CollectionDrift(
            provider.GetRequiredService<ConfiguredCollections>(), provider.GetRequiredService<CollectionDirectory>(), provider.GetRequiredService<KnowledgeCollections>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<CollectionDirectory>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<CollectionUpkeep>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ConfiguredCollections>());
        return services;
    }
}
