using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Weir.Inference.Attempts;
using Weir.Inference.Caching;
using Weir.Inference.Capturing;
using Weir.Inference.Embeddings;
using Weir.Inference.Load;
using Weir.Inference.Models;
using Weir.Inference.Providers;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.Inference.Status;

namespace Weir.Inference;

/// <summary>Puts the gateway into a container.</summary>
public static class InferenceRegistration
{
    /// <summary>Adds <see cref="InferencePipeline"/>, <see cref="ModelDirectory"/> and <see cref="Gateway"/>. The container needs a TimeProvider, a Random that is safe to share, logging and metrics; where it has an IStateStore, replicas share what the cache keeps.</summary>
    public static IServiceCollection AddInference(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<RouteTables>();
        services.AddSingleton(provider => new LoadProfiles(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<IMeterFactory>()));
        services.AddSingleton<ModelCatalog>();
        services.AddSingleton<InferenceMetrics>();
        services.AddSingleton<ResponseIds>();
        services.AddSingleton<ResponseDirectory>();
        services.AddSingleton(provider => new ServedModels(provider.GetServices<IServedModels>()));
        services.AddSingleton(provider => new ModelDirectory(
            provider.GetRequiredService<RouteTables>(), provider.GetRequiredService<ModelCatalog>(), provider.GetRequiredService<ServedModels>()));
        services.AddSingleton(provider => new ProviderControl(provider.GetRequiredService<RouteTables>()));
        services.AddSingleton(provider => new GatewayStatus(provider.GetRequiredService<RouteTables>()));
        services.AddSingleton<GatewayMinutes>();
        services.AddSingleton(provider => new GatewayGauges(provider.GetRequiredService<IMeterFactory>(), provider.GetRequiredService<RouteTables>()));
        services.AddSingleton<CapturePoint>();
        services.AddCaching();
        services.AddEmbeddings();
        services.AddSingleton(provider => new Gateway(
            provider.GetRequiredService<RouteTables>(), provider.GetRequiredService<AnswerCache>(), provider.GetRequiredService<LoadProfiles>()));
        services.AddSingleton(provider => new Journeys(
            new JourneyServices(
                new DeploymentPicker(provider.GetRequiredService<Random>()),
                new RetryPolicy(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Random>(), provider.GetRequiredService<LoadProfiles>()),
                provider.GetRequiredService<ResponseDirectory>(),
                provider.GetRequiredService<InferenceMetrics>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<InferencePipeline>>())));
        services.AddSingleton(provider => new InferencePipeline(
            provider.GetRequiredService<ModelDirectory>(),
            provider.GetRequiredService<ResponseDirectory>(),
            provider.GetRequiredService<LoadProfiles>(),
            provider.GetRequiredService<Journeys>(),
            provider.GetRequiredService<CachedJourneys>(),
            provider.GetRequiredService<EmbeddingJourneys>(),
            provider.GetRequiredService<CapturePoint>()));
        return services;
    }
}
