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
    /// <see cref="IFleetView"/>, <see cref="IHomes"/>, <see cref="ResourceKinds"/>, a clock, a <see cref="Random"/> and logging.
    /// </summary>
    public static IServiceCollection AddLeaseUpkeep(this IServiceCollection services, string fleet)
    {
        services.TryAddSingleton(new UpkeepLimits());
        services.TryAddSingleton<KindTally>();
        services.AddMetrics();
        services.AddSingleton<UpkeepMetrics>();
        services.AddSingleton(provider => new FleetCommits(provider.GetRequiredService<IStateStore>(), provider.GetRequiredService<IFleetView>(), fleet));
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
        services.AddSingleton<IKindDesk>(provider => ActivatorUtilities.CreateInstance<KindDesk>(provider, fleet));
        services.AddSingleton(provider => new ConfiguredKinds(
            provider.GetRequiredService<IStateStore>(), provider.GetRequiredService<FleetCommits>(), provider.GetRequiredService<ResourceKinds>(), fleet,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ConfiguredKinds>>()));
        services.AddSingleton<IConfiguredDocuments>(provider => ActivatorUtilities.CreateInstance<KindDrift>(provider));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ConfiguredKinds>());
        services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<FleetUpkeep>(provider));
        services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<HealthRounds>(provider));
        return services;
    }
}
