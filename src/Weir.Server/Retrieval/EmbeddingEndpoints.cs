using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Retrieval.Embedding;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Server.Retrieval;

/// <summary>For a person who wonders why: what is known of a text, and what the embedding service has done.</summary>
internal static class EmbeddingEndpoints
{
    public static void MapEmbeddings(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/embeddings/explain", Explain).Requires(Role.App)
            .Describe("How a model cuts a text, whether its vector is kept and where, and how often the asker's tenant asked for it; for an admin, who did of all tenants.", typeof(EmbeddingExplanation), body: typeof(ExplainRequest));
        app.MapGet("/v1/embeddings/stats", Stats).Requires(Role.Any)
            .Describe("What the embedding service keeps and has done on this replica; of clients, those of the asker's tenant. An admin sees all of them, and what went wrong.", typeof(EmbeddingStats));
        app.MapDelete("/v1/embeddings/cache", Clear).Requires(Role.Admin)
            .Describe("Forgets every kept vector, here and in the state store.", status: StatusCodes.Status204NoContent);
    }

    private static async Task Explain(HttpContext context)
    {
        var caller = context.GetCaller();
        var (request, error) = await context.Request.ReadJsonAsync<ExplainRequest>();
        error ??= request!.Text is { Length: > 0 } ? null : ApiError.Malformed("\"text\" is missing or empty: give the text that is to be explained.", "text");
        error ??= caller.MayUseRoute(request!.Model)
            ? null
            : new ApiError(403, "model_not_allowed", $"This key may not use '{request.Model}'. GET /v1/models lists what it may use.") { Param = "model" };
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var (explanation, refusal) = await context.Service<EmbeddingService>().ExplainAsync(
            request!.Model, request.Text!, new EmbeddingAsker(caller.Tenant, caller.KeyId), request.Dimensions, caller.Has(Role.Admin), context.RequestAborted);
        await (explanation is null ? context.WriteErrorAsync(refusal!.ToApiError()) : context.Response.WriteJsonAsync(explanation));
    }

    private static Task Stats(HttpContext context)
    {
        var caller = context.GetCaller();
        var stats = context.Service<EmbeddingService>().Snapshot();
        return context.Response.WriteJsonAsync(caller.Has(Role.Admin) ? stats : stats with
        {
            Clients = [.. stats.Clients.Where(client => client.Tenant == caller.Tenant)],
            // Errors and names of files are of this machine, and for whoever runs it.
            Models = [.. stats.Models.Select(static model => model with { Error = null })],
            Preload = stats.Preload with { Sources = [] },
        });
    }

    private static async Task Clear(HttpContext context)
    {
        await context.Service<EmbeddingService>().ClearAsync(context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}

/// <summary>A text that somebody wonders about.</summary>
internal sealed record ExplainRequest
{
    /// <summary>An embedding model. Default: default.</summary>
    public string Model { get; init; } = EmbeddingsOptions.DefaultModel;

    public string? Text { get; init; }

    /// <summary>As requests for embeddings have it. Default: all of the model's.</summary>
    public int? Dimensions { get; init; }
}
