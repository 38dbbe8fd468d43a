using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

public static class LeaseRegistration
{
    /// <summary>The broker of a fleet's leases, its view and its background work. Doors and upkeep are added beside it.</summary>
    public static IServiceCollection AddLeases(this IServiceCollection services, string fleet)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton(new LeaseFleet(fleet));
        services.TryAddSingleton<KindSorts>();
        services.TryAddSingleton<ResourceKinds>();
        services.AddSingleton<FleetView>();
        services.AddSingleton<IFleetView>(provider => provider.GetRequiredService<FleetView>());
        services.AddSingleton(provider =>
        {
            var metrics = ActivatorUtilities.CreateInstance<LeaseMetrics>(provider);
            metrics.Observe(provider.GetRequiredService<FleetView>());
            return metrics;
        });
        services.AddSingleton<LeaseCommits>();
        services.AddSingleton<LeaseClients>();
        services.AddSingleton<LeaseCapacity>();
        services.AddSingleton<LeaseKeys>();
        services.AddSingleton<LeaseRequests>();
        services.AddSingleton<LeaseLookup>();
        services.AddSingleton<LeasePicks>();
        services.AddSingleton<LeaseSteps>();
        services.AddSingleton<LeaseEnds>();
        services.AddSingleton<LeaseRenewals>();
        services.AddSingleton<LeaseGrants>();
        services.AddSingleton<LeaseArrivals>();
        services.AddSingleton<LeaseQueue>();
        services.AddSingleton<LeaseExpiry>();
        services.AddSingleton<ILeaseBroker, LeaseBroker>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<FleetView>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<LeaseQueue>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<LeaseExpiry>());
        return services;
    }
}
