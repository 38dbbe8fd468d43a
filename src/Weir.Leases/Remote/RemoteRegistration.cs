using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;

namespace Weir.Leases.Remote;

/// <summary>Registers the sort <c>remote</c>.</summary>
public static class RemoteRegistration
{
    /// <summary>Adds the kinds <c>remote:…</c>. Needs what <see cref="Doors.DoorRegistration.AddDoors"/> adds.</summary>
    public static IServiceCollection AddRemoteKind(this IServiceCollection services) => services.AddSingleton<RemoteCalls>().AddResourceKind<RemoteKind>();
}
