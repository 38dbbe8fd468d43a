using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Retrieval;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Embedding;
using Weir.Server.Hosting;
using Weir.State;

namespace Weir.Server.Leases.Rag;

/// <summary>A scoped session on a collection. Nothing is kept for it: what a query may see stands in its lease.</summary>
internal sealed class RagKind(KnowledgeCollections collections, RagAsker askers) : ResourceKind, IKindOfSort
{
    private static readonly string[] Required = ["query"];

    public static KindSort Sort { get; } = new("rag")
    {
        FaultsOf = (_, options) => FaultsOf(options),
        ConfigFaultOf = (_, config) => RagConfig.Read(config).Error,
    };

    public override IReadOnlyList<KindTool> Tools { get; } =
    [
        Tool("dense", "by meaning: passages that say the same in other words are found too"),
        Tool("sparse", "by its words: names, numbers and codes are found exactly"),
        Tool("hybrid", "by meaning and by its words together"),
    ];

    public override async ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        var (view, error) = await FindAsync(resource with { Config = config, Details = null }, cancellationToken);
        return view is null
            ? KindResult.Failed<JsonElement?>(error!)
            : KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement(new RagDetails(view.Name, view.Documents, view.Chunks, view.EmbeddingModel), WireJson.Options));
    }

    public override async ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        var (view, error) = await FindAsync(resource, cancellationToken);
        if (view is null)
            return KindResult.Failed<Observation?>(error!);
        var (config, _) = RagConfig.Read(resource.Config);
        var holds = view is { Documents: { } documents, Chunks: { } chunks } ? $" of {documents} documents in {chunks} passages" : "";
        var bounds = config?.Filter is null ? "" : " Only what the lease's filter lets through is found.";
        return KindResult.Of<Observation?>(new Observation
        {
            Text = $"The collection '{view.Name}'{holds} may be searched by meaning (dense), by words (sparse) or by both (hybrid). A query gives up to {config?.TopK ?? resource.Options.TopK ?? 10} passages.{bounds}",
        });
    }

    public override async ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) => (call.Verb, call.Method) switch
    {
        ("query", "POST") => await QueryAsync(resource, call.Body, cancellationToken),
        ("health", "GET") => await HealthAsync(resource, cancellationToken),
        _ => KindReply.Unknown(resource, call),
    };

    private static List<KindFault> FaultsOf(KindOptions options)
    {
        var faults = new List<KindFault>();
        if (options.Collection is { } collection && !KnowledgeCollections.IsName(collection))
            faults.Add(new KindFault("collection", "must be the name of a collection: 1 to 64 letters, digits, '.', '_' or '-'."));
        if (options.TopK is < 1 or > CollectionSearchRequest.MostResults)
            faults.Add(new KindFault("top_k", $"must be from 1 to {CollectionSearchRequest.MostResults}."));
        foreach (var (setting, isSet) in (ReadOnlySpan<(string, bool)>)[("size", options.Size is not null), ("network", options.Network is not null), ("program", options.Program is not null), ("isolation", options.Isolation is not null), ("endpoints", options.Endpoints.Count > 0)])
        {
            if (isSet)
                faults.Add(new KindFault(setting, "means nothing for rag: leave it out."));
        }

        return faults;
    }

    private async ValueTask<KindReply> QueryAsync(LeasedResource resource, JsonElement? body, CancellationToken cancellationToken)
    {
        var (query, wrong) = RagQuery.Read(body);
        if (query is null)
            return KindReply.Failed(wrong!);
        var (name, config, error) = Scope(resource);
        if (name is null)
            return KindReply.Failed(error!);
        var asker = askers.TryEnter(resource.Session, out var permit, out var refusal);
        using (permit)
        {
            if (asker is null)
                return KindReply.Failed(refusal!);
            // All at once: they share one batch of the embedding model where that makes one.
            var found = await Task.WhenAll(query.Queries.Select(text => SearchAsync(resource.Session, name, query.For(text, config, resource.Options.TopK), asker, cancellationToken)));
            if (!query.IsMany)
                return found[0].Error is { } fault ? KindReply.Failed(Of(fault)) : Json(new RagResults(found[0].Results, found[0].Dense, found[0].Note));
            // One that fails leaves the others their answers, unless there are none.
            return Array.TrueForAll(found, result => result.Error is not null)
                ? KindReply.Failed(Of(found[0].Error!))
                : Json(new RagAnswers([.. found.Select((result, i) => new RagAnswer(
                    query.Queries[i], result.Error is null ? result.Results : null, result.Dense, result.Note, result.Error is { } fault ? new RagFault(fault.Code, fault.Message) : null))]));
        }
    }

    private async Task<CollectionSearchResult> SearchAsync(LeaseSession session, string name, CollectionSearchRequest request, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        try
        {
            return await collections.SearchAsync(new CollectionScope(session.Tenant, IsAdmin: false), name, request, asker, collections.Limits.LoadWithin, cancellationToken);
        }
        catch (StoreUnavailableException away)
        {
            return new CollectionSearchResult([], new RetrievalError(503, "unavailable", away.Message) { RetryAfter = TimeSpan.FromSeconds(1) });
        }
    }

    private async ValueTask<KindReply> HealthAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        var (view, error) = await FindAsync(resource, cancellationToken);
        return view is null ? KindReply.Failed(error!) : Json(new RagHealth(view.State is "degraded" ? "degraded" : "ok", view.Name, view.State, view.Detail));
    }

    /// <summary>The collection that a lease may search: of its tenant, else one that all share.</summary>
    private async ValueTask<(CollectionView? View, LeaseError? Error)> FindAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        var (name, _, error) = Scope(resource);
        if (name is null)
            return (null, error);
        var (caller, refusal) = askers.Find(resource.Session);
        if (caller is null)
            return (null, refusal);
        try
        {
            var found = await collections.LookAsync(new CollectionScope(resource.Session.Tenant, IsAdmin: false), name, cancellationToken);
            return found.Value is null ? (null, Of(found.Error!))
                : caller.MayUseRoute(found.Value.EmbeddingModel) ? (found.Value, null)
                : (null, new LeaseError(403, "model_not_allowed", $"This key may not use the embedding model '{found.Value.EmbeddingModel}', and so not the collection '{name}', which is made with it."));
        }
        catch (StoreUnavailableException away)
        {
            return (null, new LeaseError(503, "unavailable", away.Message) { RetryAfter = TimeSpan.FromSeconds(1) });
        }
    }

    private static (string? Collection, RagConfig Config, LeaseError? Error) Scope(LeasedResource resource)
    {
        var (config, error) = RagConfig.Read(resource.Config);
        if (config is null)
            return (null, RagConfig.Empty, error);
        return (config.Collection ?? resource.Options.Collection ?? InitialisedOn(resource.Details)) is { } name
            ? (name, config, null)
            : (null, config, RagConfig.Wrong("collection", $"The kind '{resource.Resource.Kind}' has no collection of its own: name one in the config, {{\"collection\":\"…\"}}."));
    }

    // The definition that named the collection may have been ended, or changed, since: the session stays where it was begun.
    private static string? InitialisedOn(JsonElement? details) =>
        details is { ValueKind: JsonValueKind.Object } told && told.TryGetProperty("collection", out var name) ? name.GetString() : null;

    private static LeaseError Of(RetrievalError error) => new(error.Status, error.Code, error.Message) { Param = error.Param, RetryAfter = error.RetryAfter };

    private static KindReply Json<T>(T value) => KindReply.Json(value, (JsonTypeInfo<T>)WireJson.Options.GetTypeInfo(typeof(T)));

    private static KindTool Tool(string type, string how) => new(
        "query_knowledge_base_" + type,
        $"Searches the knowledge base {how}.",
        JsonSerializer.SerializeToElement(new
        {
            type = "object",
            properties = new
            {
                query = new { type = "string", description = "What is looked for, in plain words." },
                top_k = new { type = "integer", minimum = 1, maximum = CollectionSearchRequest.MostResults, description = "How many passages at most. Default: what the lease says, else 10." },
            },
            required = Required,
            additionalProperties = false,
        }),
        arguments =>
        {
            var body = new Dictionary<string, JsonElement> { ["search_type"] = JsonSerializer.SerializeToElement(type) };
            foreach (var name in (ReadOnlySpan<string>)["query", "top_k"])
            {
                if (arguments.TryGetProperty(name, out var value))
                    body[name] = value;
            }

            return new KindCall("query", JsonSerializer.SerializeToElement(body));
        }) { IsReadOnly = true };
}
