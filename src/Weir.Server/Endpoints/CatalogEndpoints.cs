using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Retrieval;
using Weir.Retrieval.Catalogs;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Retrieval;

namespace Weir.Server.Endpoints;

/// <summary>Catalogs of tools: a tenant's own, and everybody's, which an admin or the configuration makes.</summary>
internal static class CatalogEndpoints
{
    private const int UsualTools = 100;
    private const int MostTools = 1_000;

    public static void MapCatalogs(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/catalogs", Guard(ListAsync)).Requires(Role.App).Describe("This tenant's catalogs and everybody's.", typeof(ListOf<CatalogView>));
        app.MapPut("/v1/catalogs/{name}", Guard(PutAsync)).Requires(Role.App)
            .Describe("Makes a catalog, or changes its settings; its tools stay.", typeof(CatalogView), body: typeof(CatalogSettings));
        app.MapGet("/v1/catalogs/{name}", Guard(FindAsync)).Requires(Role.App).Describe("A catalog: its version, its settings, its MCP servers and how they are.", typeof(CatalogView));
        app.MapDelete("/v1/catalogs/{name}", Guard(DeleteAsync)).Requires(Role.App).Describe("Deletes a catalog with its tools; everybody's takes an admin.", null, 204);
        app.MapPut("/v1/catalogs/{name}/tools", Guard(PutToolsAsync)).Requires(Role.App)
            .Describe("Replaces all tools: by a list of tools, by {\"tools\": […]}, or by {\"mcp\": {\"url\" | \"command\"}}, whose tools are followed from then on.", typeof(CatalogView), body: typeof(CatalogTools))
            .Query("global", "true: for all tenants, which takes an admin. The same as in the body, for where that is a list.");
        app.MapPost("/v1/catalogs/{name}/tools", Guard(UpsertAsync)).Requires(Role.App)
            .Describe("Adds tools, each in the place of the one of its name: a list, {\"tools\": […]}, or one tool. Makes the catalog where there is none; 409 where the tools are those of MCP servers.", typeof(CatalogView), body: typeof(CatalogUpsert));
        app.MapGet("/v1/catalogs/{name}/tools", Guard(ToolsAsync)).Requires(Role.App).Describe("The tools, whole, in pages.", typeof(ToolPage))
            .Query("limit", "How many, up to 1,000. Default: 100.").Query("after", "The name of the last tool on the page before.").Query("category", "Only tools of this category.");
        app.MapGet("/v1/catalogs/{name}/tools/{tool}", Guard(ToolAsync)).Requires(Role.App).Describe("One tool, whole, for who is about to call it.", typeof(ToolDefinition));
        app.MapDelete("/v1/catalogs/{name}/tools/{tool}", Guard(DeleteToolAsync)).Requires(Role.App).Describe("Takes one tool out of the catalog; 409 where the tools are those of MCP servers.", null, 204);
        app.MapGet("/v1/catalogs/{name}/tools/{tool}/similar", Guard(SimilarAsync)).Requires(Role.App).Describe("The tools that are most like one, itself left out.", typeof(ToolResults))
            .Query("top_k", "How many, up to 100. Default: 5.").Query("same_category", "false: of any category. Default: true.");
        app.MapPost("/v1/catalogs/{name}/search", Guard(AsRequestAsync)).Requires(Role.App).Describe("The right tool, and why.", typeof(ToolResults), body: typeof(SearchBody));
    }

    private static RequestDelegate Guard(Func<HttpContext, ToolCatalogs, Task> serve) =>
        context => FileEndpoints.GuardAsync(context, inner => serve(inner, inner.Service<ToolCatalogs>()));

    private static string NameOf(HttpContext context) => (string)context.GetRouteValue("name")!;

    // A slash in a tool's name comes escaped, and routing leaves just that as it is.
    private static string ToolOf(HttpContext context) => ((string)context.GetRouteValue("tool")!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static CatalogCaller CallerOf(HttpContext context)
    {
        var caller = context.GetCaller();
        return new CatalogCaller(caller.Tenant, caller.KeyId, caller.Has(Role.Admin)) { Account = new KeyEmbeddingAccount(caller, context.Service<KeyLimits>()) };
    }

    private static Task AnswerAsync<T>(HttpContext context, T? answer, RetrievalError? error)
        where T : class => answer is null ? context.WriteErrorAsync(error!.ToApiError()) : context.Response.WriteJsonAsync(answer);

    private static async Task ListAsync(HttpContext context, ToolCatalogs catalogs) =>
        await context.Response.WriteJsonAsync(new ListOf<CatalogView>(await catalogs.ListAsync(CallerOf(context), context.RequestAborted)));

    private static async Task FindAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (view, error) = await catalogs.FindAsync(CallerOf(context), NameOf(context), context.RequestAborted);
        await AnswerAsync(context, view, error);
    }

    private static async Task PutAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (body, fault) = await context.Request.ReadJsonAsync<CatalogSettings>();
        if (fault is not null)
        {
            await context.WriteErrorAsync(fault);
            return;
        }

        var change = new CatalogChange { Global = body!.Global, EmbeddingModel = body.EmbeddingModel, Weights = body.Weights };
        var (view, error) = await catalogs.PutAsync(CallerOf(context), NameOf(context), change, context.RequestAborted);
        await AnswerAsync(context, view, error);
    }

    private static async Task PutToolsAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (body, fault) = await context.Request.ReadJsonAsync<JsonDocument>();
        using (body)
        {
            var (change, malformed) = fault is null ? CatalogTools.Read(body!.RootElement) : (null, fault);
            if (malformed is null && context.Request.Query.TryGetValue("global", out var asked))
            {
                if (bool.TryParse(asked, out var global)) change = change! with { Global = global };
                else malformed = ApiError.Malformed("'global' must be true or false.", "global");
            }

            if (malformed is not null)
            {
                await context.WriteErrorAsync(malformed);
                return;
            }

            var (view, error) = await catalogs.PutAsync(CallerOf(context), NameOf(context), change!, context.RequestAborted);
            await AnswerAsync(context, view, error);
        }
    }

    private static async Task UpsertAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (body, fault) = await context.Request.ReadJsonAsync<JsonDocument>();
        using (body)
        {
            var (tools, malformed) = fault is null ? CatalogUpsert.Read(body!.RootElement) : (default, fault);
            if (malformed is not null)
            {
                await context.WriteErrorAsync(malformed);
                return;
            }

            var (view, error) = await catalogs.UpsertAsync(CallerOf(context), NameOf(context), tools, context.RequestAborted);
            await AnswerAsync(context, view, error);
        }
    }

    private static async Task DeleteAsync(HttpContext context, ToolCatalogs catalogs) =>
        await GoneAsync(context, await catalogs.DeleteAsync(CallerOf(context), NameOf(context), context.RequestAborted));

    private static async Task DeleteToolAsync(HttpContext context, ToolCatalogs catalogs) =>
        await GoneAsync(context, await catalogs.DeleteToolAsync(CallerOf(context), NameOf(context), ToolOf(context), context.RequestAborted));

    private static Task GoneAsync(HttpContext context, RetrievalError? error)
    {
        if (error is not null)
            return context.WriteErrorAsync(error.ToApiError());
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static async Task ToolsAsync(HttpContext context, ToolCatalogs catalogs)
    {
        if (!TryReadCount(context.Request, "limit", UsualTools, MostTools, out var limit))
        {
            await context.WriteErrorAsync(ApiError.Malformed($"'limit' must be from 1 to {MostTools}.", "limit"));
            return;
        }

        var (after, category) = (TextOf(context.Request, "after"), TextOf(context.Request, "category"));
        var (page, error) = await catalogs.ToolsAsync(CallerOf(context), NameOf(context), after, limit, category, context.RequestAborted);
        await AnswerAsync(context, page, error);
    }

    private static async Task ToolAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (tool, error) = await catalogs.ToolAsync(CallerOf(context), NameOf(context), ToolOf(context), context.RequestAborted);
        await AnswerAsync(context, tool, error);
    }

    private static async Task SimilarAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var sameCategory = true;
        if (!TryReadCount(context.Request, "top_k", 5, 100, out var topK) || (TextOf(context.Request, "same_category") is { } asked && !bool.TryParse(asked, out sameCategory)))
        {
            await context.WriteErrorAsync(ApiError.Malformed("'top_k' must be from 1 to 100, and 'same_category' true or false."));
            return;
        }

        var (results, error) = await catalogs.SimilarAsync(CallerOf(context), NameOf(context), ToolOf(context), topK, sameCategory, context.RequestAborted);
        await AnswerAsync(context, results, error);
    }

    // A search embeds its query: it is one of its key's requests.
    private static async Task AsRequestAsync(HttpContext context, ToolCatalogs catalogs)
    {
        if (!context.Service<KeyLimits>().TryEnter(context.GetCaller(), 0, out var permit, out var refusal))
        {
            await context.WriteErrorAsync(refusal);
            return;
        }

        using (permit)
            await SearchAsync(context, catalogs);
    }

    private static async Task SearchAsync(HttpContext context, ToolCatalogs catalogs)
    {
        var (body, fault) = await context.Request.ReadJsonAsync<SearchBody>();
        fault ??= body!.Query is null ? ApiError.Malformed("The body needs a text 'query'.", "query") : null;
        if (fault is not null)
        {
            await context.WriteErrorAsync(fault);
            return;
        }

        var query = new ToolQuery { Query = body!.Query!, TopK = body.TopK ?? 5, Category = body.Category, MinScore = body.MinScore ?? 0, Include = body.Include };
        var (results, error) = await catalogs.SearchAsync(CallerOf(context), NameOf(context), query, context.RequestAborted);
        await AnswerAsync(context, results, error);
    }

    private static string? TextOf(HttpRequest request, string name) => request.Query[name] is [{ Length: > 0 } text] ? text : null;

    private static bool TryReadCount(HttpRequest request, string name, int usual, int most, out int count)
    {
        count = usual;
        return TextOf(request, name) is not { } text || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count >= 1 && count <= most);
    }

    [JsonNumberHandling(JsonNumberHandling.Strict)]
    private sealed record SearchBody
    {
        /// <summary>In words; at most 4,000 characters.</summary>
        public string? Query { get; init; }

        /// <summary>1 to 100. Default: 5.</summary>
        public int? TopK { get; init; }

        /// <summary>Only tools of this category, small and capital letters alike.</summary>
        public string? Category { get; init; }

        /// <summary>0 to 1; tools below it are left out.</summary>
        public double? MinScore { get; init; }

        /// <summary>What each result holds beside: description, parameters.</summary>
        public IReadOnlyList<string>? Include { get; init; }
    }
}
