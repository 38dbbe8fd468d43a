using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>Joins retrieval to the server: its services, its configuration, now and at each reload, and its endpoints.</summary>
internal static class RetrievalSetup
{
    public static void AddRetrieval(this IServiceCollection services)
    {
        services.AddSingleton(new EmbeddingService(new Dictionary<string, ILocalModel>(StringComparer.Ordinal)));
    }

    public static void MapRetrieval(this WebApplication app)
    {
        _ = app.Services.GetRequiredService<EmbeddingService>();
    }
}
