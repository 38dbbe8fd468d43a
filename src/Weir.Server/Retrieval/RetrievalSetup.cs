using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Loading;
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
        services.AddEmbeddingService();
        services.AddCollections();
        services.AddSingleton<CollectionStatus>();
        services.AddSingleton<IReadinessCheck, CollectionCheck>();
        services.AddSingleton<EmbeddingAnswers>();
        services.AddSingleton<IServedModels>(provider => provider.GetRequiredService<EmbeddingAnswers>());
        services.AddSingleton<IReadinessCheck, EmbeddingCheck>();
        services.AddCatalogs();
        services.AddSingleton<IReadinessCheck, CatalogsCheck>();
    }

    public static void MapRetrieval(this WebApplication app)
    {
        var embeddings = app.Services.GetRequiredService<EmbeddingService>();
        var answers = app.Services.GetRequiredService<EmbeddingAnswers>();
        var live = app.Services.GetRequiredService<LiveConfiguration>();
        live.OnChange(options => Apply(options.Embeddings, embeddings, answers));
        // The files of a model may have been replaced where no setting has changed.
        live.OnReadAgain(() => Apply(live.Current.Embeddings, embeddings, answers));
        Apply(live.Current.Embeddings, embeddings, answers);
        app.MapEmbeddings();
        var collections = app.Services.GetRequiredService<ConfiguredCollections>();
        live.OnChange(options => collections.Apply(options.Collections));
        collections.Apply(live.Current.Collections);
        app.MapCollections();
        var catalogs = app.Services.GetRequiredService<IConfiguredCatalogs>();
        live.OnChange(options => catalogs.Apply(options.Catalogs));
        catalogs.Apply(live.Current.Catalogs);
        app.MapCatalogs();
    }

    // A model is there before it is offered.
    private static void Apply(EmbeddingsOptions options, EmbeddingService embeddings, EmbeddingAnswers answers)
    {
        embeddings.Apply(options.ToService());
        answers.Offer(options.ModelsWithDefault().Keys);
    }
}
