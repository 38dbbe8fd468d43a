using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Limits;
using Weir.Server.Observability.Health;

namespace Weir.Server.Limits;

internal static class LimitServices
{
    /// <summary>With a store that replicas share, limits hold over all of them together; else the one process has them for itself.</summary>
    public static void AddLimits(this IServiceCollection services, WeirServerSetup setup)
    {
        if (!setup.Store.IsShared) return;
        services.AddSharedLimits();
        services.AddSingleton<IReadinessCheck, LimitsCheck>();
    }
}
