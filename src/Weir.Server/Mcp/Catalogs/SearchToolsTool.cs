using ModelContextProtocol.Protocol;
using Weir.Retrieval;
using Weir.Retrieval.Catalogs;
using Weir.Server.Keys;
using Weir.Server.Mcp.Tools;
using Weir.Server.Retrieval;

namespace Weir.Server.Mcp.Catalogs;

/// <summary><c>search_tools</c>: the right tools of a catalog, or of all catalogs that the caller may read.</summary>
internal sealed class SearchToolsTool(ToolCatalogs catalogs, KeyLimits limits) : McpTool
{
    // What one call may cost: each catalog embeds the query by its own model.
    private const int MostCatalogs = 32;

    public override Tool Definition { get; } = Define(
        "search_tools",
        "Search tools",
        "Finds tools by what they do, in words, with the reason for each. Answers {results: [{catalog, name, score, category, protocol, reason, description, parameters}]}, best first.",
        """
        { "type": "object", "additionalProperties": false, "required": ["query"], "properties": {
            "query": { "type": "string", "minLength": 1, "maxLength": 4000, "description": "What the tool shall do, in words." },
            "top_k": { "type": "integer", "minimum": 1, "maximum": 100, "default": 5, "description": "How many, from 1 to 100. Default: 5." },
            "category": { "type": "string", "minLength": 1, "maxLength": 200, "description": "Only tools of this category. Default: all." },
            "catalog": { "type": "string", "minLength": 1, "maxLength": 200, "description": "Only this catalog. Default: all that you may read." } } }
        """,
        ToolHints.ReadOnly | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        if (!limits.TryEnter(call.Caller, 0, out var permit, out var refusal)) return McpResults.Failed($"{refusal.Message} ({refusal.Code})");
        using (permit)
            return await SearchAsync(call, cancellationToken);
    }

    private async Task<CallToolResult> SearchAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var caller = new CatalogCaller(call.Caller.Tenant, call.Caller.KeyId, call.Caller.Has(Keys.Role.Admin)) { Account = new KeyEmbeddingAccount(call.Caller, limits) };
        var topK = call.Arguments.Integer("top_k") ?? 5;
        var query = new ToolQuery { Query = call.Arguments.Required("query"), TopK = topK, Category = call.Arguments.Text("category"), Include = ["description", "parameters"] };

        IReadOnlyList<string> names = call.Arguments.Text("catalog") is { } one ? [one] : [.. (await catalogs.ListAsync(caller, cancellationToken)).Select(view => view.Name)];
        if (names.Count == 0) return McpResults.Failed("There is no catalog of tools yet: PUT /v1/catalogs/{name}/tools makes one. (not_found)");
        if (names.Count > MostCatalogs) return McpResults.Failed($"There are {names.Count} catalogs, and one call searches {MostCatalogs}: name one by 'catalog'.");

        var answers = await Task.WhenAll(names.Select(async name => (Name: name, Answer: await catalogs.SearchAsync(caller, name, query, cancellationToken))));
        if (answers.All(answer => answer.Answer.Error is not null))
        {
            var error = answers[0].Answer.Error!;
            return McpResults.Failed($"{error.Message} ({error.Code})");
        }

        var found = answers.SelectMany(answer => answer.Answer.Results?.Results.Select(tool => new FoundTool(answer.Name, tool)) ?? [])
            .OrderByDescending(tool => tool.Score).ThenBy(tool => tool.Name, StringComparer.Ordinal).Take(topK).ToList();
        var missed = answers.Where(answer => answer.Answer.Error is not null).Select(answer => $"{answer.Name}: {answer.Answer.Error!.Message}").ToList();
        return McpResults.Structured(new Found(found) { NotSearched = missed.Count > 0 ? missed : null });
    }

    private sealed record Found(IReadOnlyList<FoundTool> Results)
    {
        public IReadOnlyList<string>? NotSearched { get; init; }
    }

    private sealed record FoundTool
    {
        public FoundTool(string catalog, ToolResult tool)
        {
            (Catalog, Name, Score, Category, Protocol, Reason, Description, Parameters) =
                (catalog, tool.Name, tool.Score, tool.Category, tool.Protocol, tool.Reason, tool.Description, tool.Parameters);
        }

        public string Catalog { get; }

        public string Name { get; }

        public double Score { get; }

        public string? Category { get; }

        public string? Protocol { get; }

        public string Reason { get; }

        public string? Description { get; }

        public System.Text.Json.JsonElement? Parameters { get; }
    }
}
