using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Upkeep;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;
using Weir.Server.Observability.Health;
using Weir.State;

namespace Weir.Server.Leases;

/// <summary>Joins leases to the server: their services, the kinds of the configuration, now and at each reload, and the endpoints.</summary>
internal static class LeaseSetup
{
    public static void AddLeases(this IServiceCollection services, WeirServerSetup setup)
    {
        var server = setup.Options.Server;
        services.AddLeases(server.Fleet);
        services.AddDoors(server.Fleet);
        services.AddLeaseUpkeep();
        services.AddKinds(server.Data);
        services.AddSingleton<SessionCallers>();
        services.AddSingleton<ISessionRights>(provider => provider.GetRequiredService<SessionCallers>());
        services.AddSingleton<UseRenewal>();
        services.AddSingleton<LeaseViews>();
        services.AddSingleton<KindViews>();
        services.AddSingleton<IReadinessCheck, LeaseCheck>();
    }

    public static void MapLeases(this WebApplication app)
    {
        var services = app.Services;
        var (broker, view, desk, doors) = (services.GetRequiredService<ILeaseBroker>(), services.GetRequiredService<IFleetView>(), services.GetRequiredService<IKindDesk>(), services.GetRequiredService<IDoors>());
        var (live, kinds) = (services.GetRequiredService<LiveConfiguration>(), services.GetRequiredService<ConfiguredKinds>());
        live.OnChange(options => kinds.Apply(options.Kinds));
        kinds.Apply(live.Current.Kinds);
        var drain = services.GetRequiredService<Drain>();
        new LeaseEndpoints(broker, view, services.GetRequiredService<LeaseViews>(), drain).Map(app);
        new KindEndpoints(desk, view, services.GetRequiredService<KindViews>()).Map(app);
        app.MapDoors();
        var partition = LeaseDocuments.PartitionOf(services.GetRequiredService<WeirOptions>().Server.Fleet);
        new AgentFlowEndpoints(broker, view, desk, doors, services.GetRequiredService<IStateStore>(), partition, drain).Map(app);
    }
}
