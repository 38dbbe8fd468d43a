using Microsoft.Extensions.DependencyInjection;

namespace Weir.Server.Providers;

internal static class ProviderServices
{
    public static void AddProviderDesk(this IServiceCollection services)
    {
        services.AddSingleton<ProviderSwitchboard>();
        services.AddSingleton<ProviderDesk>();
        services.AddHostedService<ProviderFeed>();
    }
}
