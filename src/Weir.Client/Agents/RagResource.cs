using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>A session on a collection of documents.</summary>
public sealed class RagResource : AgentResource
{
    internal RagResource(WeirClient client, LeasedResource resource)
        : base(client, resource)
    {
    }

    /// <summary>The passages that fit best, the best first.</summary>
    /// <param name="query">Not empty.</param>
    /// <param name="topK">1 to 1000. Null: as the lease says, else the kind, else 10.</param>
    /// <param name="mode">Null: as the lease says, else hybrid.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<IReadOnlyList<SearchResult>> QueryAsync(string query, int? topK = null, SearchMode? mode = null, CancellationToken cancellationToken = default) =>
        QueryAsync(new CollectionSearch(query) { TopK = topK, Mode = mode }, cancellationToken);

    /// <summary>The passages that fit best, the best first. A filter holds beside that of the lease.</summary>
    public async Task<IReadOnlyList<SearchResult>> QueryAsync(CollectionSearch search, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(search);
        var answer = await QueryAsync(Body(search, new() { ["query"] = search.Query }), cancellationToken).ConfigureAwait(false);
        return answer.Deserialize(WeirJson.Default.SearchResults)?.Results ?? [];
    }

    /// <summary>Several queries at once, answered in their order; one that fails leaves the others their answers.</summary>
    /// <param name="queries">1 to 64.</param>
    /// <param name="like">What holds for all of them; its own query is not asked. Null: as the lease says.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<QueryAnswer>> QueryManyAsync(IReadOnlyList<string> queries, CollectionSearch? like = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        var texts = new JsonArray([.. queries.Select(query => (JsonNode)query)]);
        var answer = await QueryAsync(Body(like ?? new(""), new() { ["queries"] = texts }), cancellationToken).ConfigureAwait(false);
        return answer.Deserialize(WeirJson.Default.QueryAnswers)?.Results ?? [];
    }

    internal Task<JsonElement> QueryAsync(JsonObject body, CancellationToken cancellationToken) => AskAsync(HttpMethod.Post, "query", body, cancellationToken);

    private static JsonObject Body(CollectionSearch search, JsonObject body)
    {
        if (search.TopK is { } topK)
            body["top_k"] = topK;
        if (search.Mode is { } mode)
            body["search_type"] = mode switch { SearchMode.Dense => "dense", SearchMode.Sparse => "sparse", _ => "hybrid" };
        if (search.Filter is { } filter)
            body["filter"] = filter.DeepClone();
        if (search.MinScore is { } minScore)
            body["min_score"] = minScore;
        return body;
    }
}

/// <summary>What one of several queries gave.</summary>
public sealed record QueryAnswer
{
    public string Query { get; init; } = "";

    /// <summary>Best first. Null: it failed.</summary>
    public IReadOnlyList<SearchResult>? Results { get; init; }

    /// <summary>Why it failed. Null: it did not.</summary>
    public QueryFault? Error { get; init; }
}

/// <summary>Why a query failed.</summary>
/// <param name="Code">Stable, in snake_case.</param>
/// <param name="Message">A sentence.</param>
public sealed record QueryFault(string Code, string Message);

internal sealed record QueryAnswers
{
    public IReadOnlyList<QueryAnswer> Results { get; init; } = [];
}
