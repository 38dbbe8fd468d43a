using System.Globalization;
using System.Text;
using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Search;
using Weir.State.Texts;

namespace Weir.Server.Leases.Rag;

/// <summary>What a lease says of its searches, and what one of them says: the same words for both. What is null is left to whoever says more.</summary>
internal sealed record RagConfig
{
    public static readonly RagConfig Empty = new();

    private const string Known = "collection, top_k, search_type, filter and min_score";

    public string? Collection { get; init; }

    /// <summary>From 1 to 1000.</summary>
    public int? TopK { get; init; }

    public CollectionSearchMode? Mode { get; init; }

    /// <summary>On metadata; sound.</summary>
    public JsonElement? Filter { get; init; }

    public double? MinScore { get; init; }

    /// <summary>Reads a lease's config: an object, or a text that holds one, as models write it.</summary>
    public static (RagConfig? Config, LeaseError? Error) Read(JsonElement? config)
    {
        if (config is not { } given || given.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            return (Empty, null);
        if (given.ValueKind == JsonValueKind.String)
        {
            var (held, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(given.GetString()!), KindLevels.Config);
            if (held is not { } inner)
                return (null, Wrong("config", fault!.Sort == JsonFaultSort.Malformed ? "The config is a text that is not JSON; send an object." : fault.SentenceOf("The config")));
            given = inner;
        }

        if (given.ValueKind != JsonValueKind.Object)
            return (null, Wrong("config", "The config must be an object."));
        var read = Empty;
        foreach (var member in given.EnumerateObject())
        {
            var (next, error) = member.Name == "collection" ? read.WithCollection(member.Value) : read.With(member, Known);
            if (next is null)
                return (null, error);
            read = next;
        }

        return (read, null);
    }

    /// <summary>Takes one member in.</summary>
    /// <param name="member">Its name and value.</param>
    /// <param name="known">What may stand there, for whoever wrote something else.</param>
    public (RagConfig? Config, LeaseError? Error) With(JsonProperty member, string known)
    {
        var value = member.Value;
        if (value.ValueKind == JsonValueKind.Null)
            return IsKnown(member.Name) ? (this, null) : Unknown(member.Name, known);
        switch (member.Name)
        {
            case "top_k":
                return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var most) && most is >= 1 and <= CollectionSearchRequest.MostResults
                    ? (this with { TopK = most }, null)
                    : (null, Wrong("top_k", string.Create(CultureInfo.InvariantCulture, $"top_k must be a whole number from 1 to {CollectionSearchRequest.MostResults}.")));
            case "search_type":
                return ModeOf(value) is { } mode ? (this with { Mode = mode }, null) : (null, Wrong("search_type", "search_type must be \"dense\", \"sparse\" or \"hybrid\"."));
            case "filter":
                return KnowledgeCollections.FaultOf(value) is { } fault ? (null, Wrong(fault.Param ?? "filter", fault.Message)) : (this with { Filter = value }, null);
            case "min_score":
                return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var least) && double.IsFinite(least)
                    ? (this with { MinScore = least }, null)
                    : (null, Wrong("min_score", "min_score must be a finite number."));
            default:
                return Unknown(member.Name, known);
        }
    }

    public static LeaseError Wrong(string param, string message) => new(422, "invalid_value", message) { Param = param };

    private static (RagConfig?, LeaseError?) Unknown(string name, string known) => (null, Wrong(name, $"'{name}' is not known here; there are {known}."));

    private static bool IsKnown(string name) => name is "top_k" or "search_type" or "filter" or "min_score";

    private (RagConfig? Config, LeaseError? Error) WithCollection(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => (this, null),
        JsonValueKind.String when KnowledgeCollections.IsName(value.GetString()!) => (this with { Collection = value.GetString() }, null),
        _ => (null, Wrong("collection", "collection must be the name of a collection: 1 to 64 letters, digits, '.', '_' or '-'.")),
    };

    private static CollectionSearchMode? ModeOf(JsonElement value) => value.ValueKind != JsonValueKind.String ? null : value.GetString() switch
    {
        "dense" => CollectionSearchMode.Dense,
        "sparse" => CollectionSearchMode.Sparse,
        "hybrid" => CollectionSearchMode.Hybrid,
        _ => null,
    };
}
