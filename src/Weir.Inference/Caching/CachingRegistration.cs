using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Coalescing;
using Weir.State;

namespace Weir.Inference.Caching;

internal static class CachingRegistration
{
    public static IServiceCollection AddCaching(this IServiceCollection services)
    {
        services.AddSingleton<CacheMetrics>();
        services.AddSingleton<LocalAnswers>();
        services.AddSingleton(provider => new SharedAnswers(
            provider.GetService<IStateStore>()?.Cache, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<CacheMetrics>()));
        services.AddSingleton<AnswerCache>();
        services.AddSingleton<AnswerFlights>();
        services.AddSingleton<CachedJourneys>();
        return services;
    }
}
