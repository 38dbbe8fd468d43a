using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;
using Weir.Leases.Remote;
using Weir.Server.Leases.Rag;

namespace Weir.Server.Leases;

/// <summary>The sorts of resources that this server has.</summary>
internal static class KindSorts
{
    /// <summary>
    /// The same sorts, for judging definitions before anything else is built: what a sort says of a definition looks at nothing but the definition, so these have
    /// none of what they do their work with.
    /// </summary>
    public static ResourceKinds Definitions { get; } = ReadDefinitions();

    /// <summary>One line registers a sort, and lets the configuration name it.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="dataFolder">Where a sort may keep what must survive a restart.</param>
    public static IServiceCollection AddKindSorts(this IServiceCollection services, string dataFolder) => services
        .AddRagKind()
        .AddRemoteKind();

    private static ResourceKinds ReadDefinitions()
    {
        var services = new ServiceCollection();
        services.AddKindSorts("");
        return new ResourceKinds(services.Where(service => service.ServiceType == typeof(ResourceKind))
            .Select(service => (ResourceKind)RuntimeHelpers.GetUninitializedObject(service.ImplementationType!)));
    }
}
