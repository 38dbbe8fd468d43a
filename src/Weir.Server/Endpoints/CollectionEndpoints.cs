using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Embedding;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Retrieval;

namespace Weir.Server.Endpoints;

/// <summary>Collections: made, shown, deleted and searched. Each belongs to a tenant, and to others there is none; global ones are read by all.</summary>
internal sealed class CollectionEndpoints(KnowledgeCollections collections)
{
    private const string Path = "/v1/collections";

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPut(Path + "/{name}", context => FileEndpoints.GuardAsync(context, PutAsync)).Requires(Role.App)
            .Describe("Makes a collection, or changes it; another embedding model embeds everything again in the background.", typeof(CollectionView), 200, typeof(CollectionChange), isBodyOptional: true);
        app.MapGet(Path, context => FileEndpoints.GuardAsync(context, ListAsync)).Requires(Role.App)
            .Describe("The collections of this tenant, and those that all share.", typeof(ListOf<CollectionView>));
        app.MapGet(Path + "/{name}", context => FileEndpoints.GuardAsync(context, GetAsync)).Requires(Role.App)
            .Describe("One collection: its settings, counts and state.", typeof(CollectionView));
        app.MapDelete(Path + "/{name}", context => FileEndpoints.GuardAsync(context, DeleteAsync)).Requires(Role.App)
            .Describe("Deletes a collection with all of its documents.", null, 204);
        app.MapPost(Path + "/{name}/search", context => FileEndpoints.GuardAsync(context, inner => WithAskerAsync(inner, SearchAsync))).Requires(Role.App)
            .Describe("Finds chunks by meaning, by words, or by both.", typeof(SearchView), 200, typeof(SearchBody));
    }

    internal static string NameOf(HttpContext context) => (string)context.GetRouteValue("name")!;

    internal static CollectionScope ScopeOf(HttpContext context)
    {
        var caller = context.GetCaller();
        return new CollectionScope(caller.Tenant, caller.Has(Role.Admin));
    }

    /// <summary>Serves a request that embeds within the limits of its key, and on its account.</summary>
    internal static async Task WithAskerAsync(HttpContext context, Func<HttpContext, EmbeddingAsker, Task> serve)
    {
        var (caller, limits) = (context.GetCaller(), context.Service<KeyLimits>());
        KeyPermit? permit = null;
        if (!InferenceEndpoints.TryReadHeaders(context.Request.Headers, caller, out var priority, out var timeout, out var error) || !limits.TryEnter(caller, 0, out permit, out error))
        {
            context.Response.Headers.Connection = "close";
            await context.WriteErrorAsync(error);
            return;
        }

        using (permit)
            await serve(context, new EmbeddingAsker(caller.Tenant, caller.KeyId) { Priority = priority, Timeout = timeout, Account = new KeyEmbeddingAccount(caller, limits) });
    }

    private async Task PutAsync(HttpContext context)
    {
        var change = new CollectionChange();
        if (context.Request.ContentLength is not 0 && (context.Request.ContentType is not null || context.Request.ContentLength is not null))
        {
            var (body, error) = await context.Request.ReadJsonAsync<CollectionChange>();
            if (body is null)
            {
                await context.WriteErrorAsync(error!);
                return;
            }

            change = body;
        }

        if (change.EmbeddingModel is { } model && !context.GetCaller().MayUseRoute(model))
        {
            await context.WriteErrorAsync(new ApiError(403, "model_not_allowed", $"This key may not use '{model}'. GET /v1/models lists what it may use.") { Param = "embedding_model" });
            return;
        }

        var answer = await collections.PutAsync(ScopeOf(context), NameOf(context), change, context.RequestAborted);
        await (answer.Value is null
            ? context.WriteErrorAsync(answer.Error!.ToApiError())
            : context.Response.WriteJsonAsync(answer.Value, answer.IsNew ? StatusCodes.Status201Created : StatusCodes.Status200OK));
    }

    private Task ListAsync(HttpContext context) => context.Response.WriteJsonAsync(new ListOf<CollectionView>(collections.List(ScopeOf(context))));

    // A path with such segments was resolved before it was routed: what was meant was a document, and it leads to a collection.
    private static bool HasDots(HttpContext context)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var end = raw.IndexOf('?', StringComparison.Ordinal);
        return (end < 0 ? raw : raw[..end]).Replace("%2E", ".", StringComparison.OrdinalIgnoreCase).Split('/').Any(segment => segment is "." or "..");
    }

    private async Task GetAsync(HttpContext context)
    {
        var answer = await collections.GetAsync(ScopeOf(context), NameOf(context), context.RequestAborted);
        await (answer.Value is null ? context.WriteErrorAsync(answer.Error!.ToApiError()) : context.Response.WriteJsonAsync(answer.Value));
    }

    private async Task DeleteAsync(HttpContext context)
    {
        if (HasDots(context))
            await context.WriteErrorAsync(ApiError.Malformed("The path has '.' or '..' in it: nothing is deleted by where that leads. In an id, write the slashes beside it as %2F."));
        else if (await collections.DeleteAsync(ScopeOf(context), NameOf(context), context.RequestAborted) is { } error)
            await context.WriteErrorAsync(error.ToApiError());
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task SearchAsync(HttpContext context, EmbeddingAsker asker)
    {
        var (body, wrong) = await context.Request.ReadJsonAsync<SearchBody>();
        wrong ??= body!.Query is null ? ApiError.Malformed("The body needs a text 'query'.", "query") : null;
        CollectionSearchMode? mode = body?.Mode switch
        {
            null or "hybrid" => CollectionSearchMode.Hybrid,
            "dense" => CollectionSearchMode.Dense,
            "sparse" => CollectionSearchMode.Sparse,
            _ => null,
        };
        wrong ??= mode is null ? ApiError.Malformed("'mode' must be \"dense\", \"sparse\" or \"hybrid\".", "mode") : null;
        wrong ??= body!.MinScore is { } least && !double.IsFinite(least) ? ApiError.Malformed("'min_score' must be a finite number.", "min_score") : null;
        if (wrong is not null)
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        var request = new CollectionSearchRequest { Query = body!.Query!, TopK = body.TopK ?? 10, Mode = mode!.Value, Filter = body.Filter, MinScore = body.MinScore };
        var found = await collections.SearchAsync(
            ScopeOf(context), NameOf(context), request, asker, asker.Timeout ?? collections.Limits.LoadWithin, context.RequestAborted);
        await (found.Error is null ? context.Response.WriteJsonAsync(new SearchView(found.Results, found.Dense, found.Note)) : context.WriteErrorAsync(found.Error.ToApiError()));
    }

    [System.Text.Json.Serialization.JsonNumberHandling(System.Text.Json.Serialization.JsonNumberHandling.Strict)]
    private sealed record SearchBody
    {
        /// <summary>What is looked for.</summary>
        public string? Query { get; init; }

        /// <summary>How many chunks at most, from 1 to 1000. Default: 10.</summary>
        public int? TopK { get; init; }

        /// <summary>dense, sparse or hybrid. Default: hybrid.</summary>
        public string? Mode { get; init; }

        /// <summary>Conditions on the metadata of documents.</summary>
        public System.Text.Json.JsonElement? Filter { get; init; }

        /// <summary>Results below this score are left out.</summary>
        public double? MinScore { get; init; }
    }

    /// <param name="Results">Best first.</param>
    /// <param name="DenseCoverage">Null: every document could be found by meaning, or none was looked for so.</param>
    /// <param name="Note">Why words alone decided in a hybrid search; null: vectors did too, or were not asked for.</param>
    private sealed record SearchView(IReadOnlyList<CollectionHit> Results, DenseCoverage? DenseCoverage, string? Note);
}

internal static class CollectionEndpointExtensions
{
    public static void MapCollections(this WebApplication app)
    {
        new CollectionEndpoints(app.Services.GetRequiredService<KnowledgeCollections>()).Map(app);
        var documents = new CollectionDocumentEndpoints(app.Services.GetRequiredService<KnowledgeDocuments>(), app.Services.GetRequiredService<KnowledgeCollections>().Limits);
        app.Lifetime.ApplicationStopped.Register(documents.Dispose);
        documents.Map(app);
    }
}
