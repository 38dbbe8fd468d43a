using Microsoft.Extensions.DependencyInjection;

namespace Weir.Inference.Embeddings;

internal static class EmbeddingRegistration
{
    public static IServiceCollection AddEmbeddings(this IServiceCollection services)
    {
        services.AddSingleton<EmbeddingMetrics>();
        services.AddSingleton<EmbeddingBatch>();
        services.AddSingleton<EmbeddingBatches>();
        services.AddSingleton<EmbeddingJourneys>();
        return services;
    }
}
