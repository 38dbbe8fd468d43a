using Microsoft.Extensions.DependencyInjection;
using Weir.Flow.Limits;

namespace Weir.Inference.Limits;

public static class LimitRegistration
{
    /// <summary>
    /// Makes limits hold over all replicas of a shared store. Without it each process keeps to its own. The container needs the state
    /// store with its replicas, a TimeProvider, logging and metrics.
    /// </summary>
    public static IServiceCollection AddSharedLimits(this IServiceCollection services)
    {
        services.AddSingleton<LimitMetrics>();
        services.AddSingleton<SharedWindows>();
        services.AddSingleton<IPrepaidWindows>(provider => provider.GetRequiredService<SharedWindows>());
        services.AddHostedService(provider => provider.GetRequiredService<SharedWindows>());
        return services;
    }
}
