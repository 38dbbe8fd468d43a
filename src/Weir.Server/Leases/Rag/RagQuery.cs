using System.Globalization;
using System.Text.Json;
using Weir.Leases;
using Weir.Retrieval.Collections.Search;

namespace Weir.Server.Leases.Rag;

/// <summary>What is asked of a session: one query, or several at once.</summary>
/// <param name="Queries">In the order of the answer.</param>
/// <param name="IsMany">They came as a list, and are answered as one.</param>
/// <param name="Config">What this call says beside what its lease says.</param>
internal sealed record RagQuery(IReadOnlyList<string> Queries, bool IsMany, RagConfig Config)
{
    /// <summary>The most queries of one call.</summary>
    public const int Most = 64;

    private const string Known = "query, queries, top_k, search_type, filter and min_score";

    public static (RagQuery? Query, LeaseError? Error) Read(JsonElement? body)
    {
        if (body is not { ValueKind: JsonValueKind.Object } given)
            return (null, new LeaseError(400, "malformed", "The body must be an object such as {\"query\":\"…\"}."));
        string? one = null;
        List<string>? many = null;
        var config = RagConfig.Empty;
        foreach (var member in given.EnumerateObject())
        {
            switch (member.Name)
            {
                case "query" when member.Value.ValueKind == JsonValueKind.String:
                    one = member.Value.GetString();
                    break;
                case "queries" when member.Value.ValueKind == JsonValueKind.Array && member.Value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String):
                    many = [.. member.Value.EnumerateArray().Select(item => item.GetString()!)];
                    break;
                case "query":
                    return (null, RagConfig.Wrong("query", "query must be a text."));
                case "queries":
                    return (null, RagConfig.Wrong("queries", "queries must be a list of texts."));
                default:
                    var (next, error) = config.With(member, Known);
                    if (next is null)
                        return (null, error);
                    config = next;
                    break;
            }
        }

        if (one is null == many is null)
            return (null, RagConfig.Wrong("query", "The body needs either a text 'query' or a list 'queries'."));
        return many?.Count is 0 or > Most
            ? (null, RagConfig.Wrong("queries", string.Create(CultureInfo.InvariantCulture, $"queries must hold from 1 to {Most} texts.")))
            : (new RagQuery(many ?? [one!], many is not null, config), null);
    }

    /// <summary>The search for one of them: what the call says, else the lease, else the kind.</summary>
    public CollectionSearchRequest For(string query, RagConfig lease, int? topK) => new()
    {
        Query = query,
        TopK = Config.TopK ?? lease.TopK ?? topK ?? 10,
        Mode = Config.Mode ?? lease.Mode ?? CollectionSearchMode.Hybrid,
        Filter = Both(lease.Filter, Config.Filter),
        MinScore = Config.MinScore ?? lease.MinScore,
    };

    // A call searches within what its lease lets it see.
    private static JsonElement? Both(JsonElement? lease, JsonElement? call) => lease is null ? call : call is null ? lease
        : JsonSerializer.SerializeToElement(new Dictionary<string, JsonElement[]> { ["$and"] = [lease.Value, call.Value] });
}
