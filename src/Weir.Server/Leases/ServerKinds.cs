using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Desktops;
using Weir.Leases.Kinds;
using Weir.Leases.Remote;
using Weir.Server.Leases.Rag;

namespace Weir.Server.Leases;

/// <summary>The sorts of resources that this server has.</summary>
internal static class ServerKinds
{
    /// <summary>The same sorts, for judging definitions before anything else is built.</summary>
    public static KindSorts Sorts { get; } = ReadSorts();

    /// <summary>One line registers a sort, and lets the configuration name it.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="dataFolder">Where a sort may keep what must survive a restart.</param>
    public static IServiceCollection AddKinds(this IServiceCollection services, string dataFolder) => services
        .AddRagKind()
        .AddRemoteKind()
        .AddDesktops(dataFolder);

    // What would do their work is registered beside them, and is not made.
    private static KindSorts ReadSorts()
    {
        using var services = new ServiceCollection().AddKinds(dataFolder: "").BuildServiceProvider();
        return new KindSorts(services.GetServices<KindSort>());
    }
}
