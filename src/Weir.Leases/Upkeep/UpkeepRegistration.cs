using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep.Health;
using Weir.Leases.Upkeep.Resets;
using Weir.State;
using Weir.State.Configured;
using Weir.State.Replicas;

namespace Weir.Leases.Upkeep;

/// <summary>Puts the upkeep of resources into a container.</summary>
public static class UpkeepRegistration
{
    /// <summary>
    /// Adds <see cref="IKindDesk"/>, <see cref="IInstances"/> and <see cref="ConfiguredKinds"/>, and what they do in the background. The container needs an open state store,
    /// <see cref="LeaseRegistration.AddLeases"/>, <see cref="IHomes"/>, a clock, a <see cref="Random"/> and logging.
    /// </summary>
    public static IServiceCollection AddLeaseUpkeep(this IServiceCollection services)
    {
        services.TryAddSingleton(new UpkeepLimits());
        services.AddMetrics();
        services.AddSingleton<UpkeepMetrics>();
        services.AddSingleton<FleetCommits>();
        services.AddSingleton(provider => new ReplicaName(provider.GetRequiredService<ReplicaView>().Id));
        services.AddSingleton<KnownKinds>();
        services.AddSingleton<AbleKinds>();
        services.AddSingleton<LeaseTaking>();
        services.AddSingleton<InstanceAdoption>();
        services.AddSingleton<MadeInstances>();
        services.AddSingleton<IInstances>(provider => provider.GetRequiredService<MadeInstances>());
        services.AddSingleton<ResourceReset>();
        services.AddSingleton<ResetDesk>();
        services.AddSingleton<HealthJudge>();
        services.AddSingleton<FirstMaking>();
        services.AddSingleton<IKindDesk, KindDesk>();
        services.AddSingleton(provider => new ConfiguredKinds(
            provider.GetRequiredService<IStateStore>(), provider.GetRequiredService<FleetCommits>(), provider.GetRequiredService<KindSorts>(), provider.GetRequiredService<FleetView>(), provider.GetRequiredService<LeaseFleet>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ConfiguredKinds>>()));
        services.AddSingleton<IConfiguredDocuments, KindDrift>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ConfiguredKinds>());
        services.AddSingleton<IHostedService, FleetUpkeep>();
        services.AddSingleton<IHostedService, HealthRounds>();
        return services;
    }
}
