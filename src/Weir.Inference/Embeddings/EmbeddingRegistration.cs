using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Weir.Inference.Embeddings;

internal static class EmbeddingRegistration
{
    public static IServiceCollection AddEmbeddings(this IServiceCollection services)
    {
        services.TryAddSingleton<IBatchPace>(new SteadyBatchPace(BatchPace.Balanced));
        services.AddSingleton<EmbeddingMetrics>();
        services.AddSingleton<EmbeddingBatch>();
        services.AddSingleton<EmbeddingBatches>();
        services.AddSingleton<EmbeddingJourneys>();
        return services;
    }
}
