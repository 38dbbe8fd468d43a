using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.State.Expiry;

namespace Weir.State;

public static class StateRegistration
{
    /// <summary>Serves an opened store, and runs its expiry in the background. Whoever opened the store closes it after the host.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, IStateStore store)
    {
        services.AddSingleton(store);
        services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<ExpiryService>(provider, store));
        return services;
    }
}
