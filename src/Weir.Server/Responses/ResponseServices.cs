using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Observability.Health;

namespace Weir.Server.Responses;

internal static class ResponseServices
{
    public static void AddResponses(this IServiceCollection services)
    {
        services.AddSingleton<ResponseSecret>();
        services.AddSingleton<IReadinessCheck>(s => s.GetRequiredService<ResponseSecret>());
        services.AddHostedService(s => s.GetRequiredService<ResponseSecret>());
    }
}
