using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.State.Expiry;
using Weir.State.Replicas;

namespace Weir.State;

public static class StateRegistration
{
    /// <summary>
    /// Serves an opened store; runs its expiry and, where it is shared, the announcement of this replica in the background. Whoever
    /// opened the store closes it after the host.
    /// </summary>
    public static IServiceCollection AddState(this IServiceCollection services, IStateStore store)
    {
        services.AddSingleton(store);
        // A store wrapped around another leaves expiry to the one inside.
        if (store is IExpiryIndex)
            services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<ExpiryService>(provider, store));
        // A name for this run alone: one that comes back is another replica.
        services.AddSingleton(new ReplicaView(Guid.NewGuid().ToString("N")[..12]));
        services.AddHostedService<ReplicaAnnouncer>();
        return services;
    }
}
