using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Observability.Health;

namespace Weir.Server.Keys;

internal static class KeyServices
{
    public static void AddKeys(this IServiceCollection services, WeirServerSetup setup)
    {
        var server = setup.Options.Server;
        var onLoopback = LoopbackRule.IsLoopback(server.Url);
        services.AddSingleton(new AuthenticationOptions(onLoopback));
        services.AddSingleton(new KeyBootstrapOptions(server.Url, onLoopback, server.Data, setup.AdminKey));
        services.AddSingleton<KeyStates>();
        services.AddSingleton<KeyStore>();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<Authenticator>();
        services.AddSingleton<KeyMetrics>();
        services.AddSingleton<KeyLimits>();
        services.AddSingleton<KeyFeed>();
        services.AddSingleton<UsageLedger>();
        services.AddSingleton<UsageReport>();
        services.AddSingleton<IReadinessCheck>(s => s.GetRequiredService<KeyFeed>());
        services.AddHostedService<KeyBootstrap>();
        services.AddHostedService(s => s.GetRequiredService<KeyFeed>());
        services.AddHostedService(s => s.GetRequiredService<UsageLedger>());
    }
}
