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
        // A store wrapped around another leaves expiry to the one inside.
        if (store is IExpiryIndex)
            services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<ExpiryService>(provider, store));
        return services;
    }
}
