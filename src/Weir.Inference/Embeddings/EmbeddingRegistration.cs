using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Load;

namespace Weir.Inference.Embeddings;

internal static class EmbeddingRegistration
{
    public static IServiceCollection AddEmbeddings(this IServiceCollection services)
    {
        services.AddSingleton<IBatchPace>(provider => new LoadBatchPace(provider.GetRequiredService<LoadProfiles>()));
        services.AddSingleton<EmbeddingMetrics>();
        services.AddSingleton<EmbeddingBatch>();
        services.AddSingleton<EmbeddingBatches>();
        services.AddSingleton<EmbeddingJourneys>();
        return services;
    }
}
