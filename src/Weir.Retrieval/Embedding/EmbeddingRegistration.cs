using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Embedding.Loading;
using Weir.Retrieval.Embedding.Preloading;
using Weir.State;

namespace Weir.Retrieval.Embedding;

public static class EmbeddingRegistration
{
    /// <summary>
    /// Adds <see cref="EmbeddingService"/>, without any model until <see cref="EmbeddingService.Apply"/> is called. Where the container has an
    /// IStateStore, vectors outlive a restart; where it has an <see cref="IEmbeddingRoute"/>, models may be routes; what it has of
    /// <see cref="IPreloadSource"/> can be embedded in advance. All of them may themselves be built over the service.
    /// </summary>
    public static IServiceCollection AddEmbeddingService(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new EmbeddingService(new EmbeddingParts
        {
            Loader = new ModelLoader(provider.GetService<IEmbeddingRoute>),
            Store = provider.GetService<IStateStore>()?.Cache,
            Time = provider.GetRequiredService<TimeProvider>(),
            Logger = provider.GetRequiredService<ILogger<EmbeddingService>>(),
            Meters = provider.GetService<IMeterFactory>(),
            PreloadSources = provider.GetServices<IPreloadSource>,
        }));
        return services;
    }
}
