using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;

namespace Weir.Server.Leases.Rag;

internal static class RagRegistration
{
    /// <summary>Adds the sort <c>rag</c>.</summary>
    public static IServiceCollection AddRagKind(this IServiceCollection services) => services.AddSingleton<RagAsker>().AddResourceKind<RagKind>();
}
