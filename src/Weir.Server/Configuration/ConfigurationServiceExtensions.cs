using Microsoft.Extensions.DependencyInjection;

namespace Weir.Server.Configuration;

public static class ConfigurationServiceExtensions
{
    /// <summary>
    /// Adds <see cref="LiveConfiguration"/>, starting with what was loaded, and the watcher that reloads the file.
    /// Needs a <see cref="TimeProvider"/>.
    /// </summary>
    public static IServiceCollection AddLiveConfiguration(
        this IServiceCollection services, ConfigurationSources sources, LoadedConfiguration loaded)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        services.AddSingleton(sources);
        services.AddSingleton(loaded);
        services.AddSingleton(new LiveConfiguration(loaded.Options));
        services.AddSingleton<ConfigurationWatcher>();
        return services.AddHostedService(provider => provider.GetRequiredService<ConfigurationWatcher>());
    }
}
