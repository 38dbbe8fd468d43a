using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Execution;

namespace Weir.Inference.Batches;

/// <summary>Puts files and batches into a container.</summary>
public static class BatchRegistration
{
    /// <summary>
    /// Adds <see cref="BatchFiles"/> and <see cref="BatchStore"/>, and runs batches in the background. The container needs what
    /// <see cref="InferenceRegistration.AddInference"/> adds and needs, an open state store and <see cref="IBatchAccounts"/>.
    /// </summary>
    public static IServiceCollection AddBatches(this IServiceCollection services)
    {
        services.TryAddSingleton(new BatchLimits());
        services.AddSingleton<BatchDocuments>();
        services.AddSingleton<Discards>();
        services.AddSingleton<BlobDrafts>();
        services.AddSingleton<BatchMetrics>();
        services.AddSingleton<LineSender>();
        services.AddSingleton<BatchRunner>();
        services.AddSingleton<BatchScheduler>();
        services.AddSingleton(provider => new BatchFiles(
            provider.GetRequiredService<BatchDocuments>(), provider.GetRequiredService<Discards>(), provider.GetRequiredService<BlobDrafts>(), provider.GetRequiredService<BatchLimits>()));
        services.AddSingleton(provider => new BatchStore(provider.GetRequiredService<BatchDocuments>(), provider.GetRequiredService<BatchLimits>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<BatchScheduler>());
        return services;
    }
}
