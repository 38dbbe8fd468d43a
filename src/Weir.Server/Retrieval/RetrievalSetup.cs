using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Embedding;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Observability.Health;

namespace Weir.Server.Retrieval;

/// <summary>Joins retrieval to the server: its services, its configuration, now and at each reload, and its endpoints.</summary>
internal static class RetrievalSetup
{
    public static void AddRetrieval(this IServiceCollection services)
    {
        services.AddSingleton<IEmbeddingRoute>(provider => new GatewayEmbeddings(
            provider.GetRequiredService<InferencePipeline>, provider.GetRequiredService<ModelDirectory>, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(new EmbeddingService(new Dictionary<string, ILocalModel>(StringComparer.Ordinal)));
        services.AddSingleton<EmbeddingAnswers>();
        services.AddSingleton<IServedModels>(provider => provider.GetRequiredService<EmbeddingAnswers>());
        services.AddCatalogs();
        services.AddSingleton<IReadinessCheck, CatalogsCheck>();
    }

    public static void MapRetrieval(this WebApplication app)
    {
        var answers = app.Services.GetRequiredService<EmbeddingAnswers>();
        var live = app.Services.GetRequiredService<LiveConfiguration>();
        live.OnChange(options => Apply(options.Embeddings, answers));
        Apply(live.Current.Embeddings, answers);
        var catalogs = app.Services.GetRequiredService<IConfiguredCatalogs>();
        live.OnChange(options => catalogs.Apply(options.Catalogs));
        catalogs.Apply(live.Current.Catalogs);
        app.MapCatalogs();
    }

    private static void Apply(EmbeddingsOptions options, EmbeddingAnswers answers)
    {
        answers.Offer(options.ModelsWithDefault().Keys);
    }
}
