using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Doors;

/// <summary>Registers the doors.</summary>
public static class DoorRegistration
{
    /// <summary>
    /// Adds <see cref="IDoors"/>, <see cref="IHomes"/>, <see cref="IKindCalls"/> and <see cref="DoorServing"/>. Needs <see cref="IFleetView"/>, <see cref="ISessionRights"/>,
    /// <see cref="IStateStore"/>, <see cref="State.Replicas.ReplicaView"/>, <see cref="State.Replicas.IReplicaPlace"/>, <see cref="ResourceKinds"/>, <see cref="KindSorts"/>, <see cref="Broker.IInstances"/> and a <see cref="TimeProvider"/>.
    /// </summary>
    /// <param name="services">Where to.</param>
    /// <param name="fleet">Whose leases.</param>
    public static IServiceCollection AddDoors(this IServiceCollection services, string fleet)
    {
        services.AddMetrics();
        services.AddSingleton<DoorMetrics>();
        services.AddSingleton<DoorSigner>();
        services.AddHostedService<DoorSecret>();
        services.AddSingleton(provider => new Pauses(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new FeedFreshness(
            provider.GetRequiredService<IStateStore>(), LeaseDocuments.PartitionOf(fleet), provider.GetRequiredService<IFleetView>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<FeedFreshness>>(), provider.GetRequiredService<Pauses>()));
        services.AddSingleton<ResourceDoors>();
        services.AddSingleton<IDoors>(provider => provider.GetRequiredService<ResourceDoors>());
        services.AddSingleton<DoorTraffic>();
        services.AddSingleton<Upstreams>();
        services.AddSingleton(new ForwardLimits());
        services.AddSingleton<Forwarder>();
        services.AddSingleton<Homes>();
        services.AddSingleton<IHomes>(provider => provider.GetRequiredService<Homes>());
        services.AddSingleton<HomeCalls>();
        services.AddSingleton<IHomeInstances>(provider => provider.GetRequiredService<HomeCalls>());
        services.AddSingleton<LocalKinds>();
        services.AddSingleton<IKindCalls, KindCalls>();
        services.AddSingleton<PrepareCalls>();
        services.AddSingleton(provider => new DoorServing(
            provider.GetRequiredService<ResourceDoors>(), provider.GetRequiredService<ISessionRights>(), provider.GetRequiredService<DoorTraffic>(),
            provider.GetRequiredService<ResourceKinds>(), provider.GetRequiredService<IHomes>(), provider.GetRequiredService<Forwarder>(),
            provider.GetRequiredService<PrepareCalls>(), provider.GetRequiredService<LocalKinds>(), provider.GetRequiredService<DoorMetrics>()));
        return services;
    }
}
