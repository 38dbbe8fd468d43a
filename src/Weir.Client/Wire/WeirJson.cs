using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Weir.Client.Wire;

/// <summary>All shapes of the wire, known at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EmbeddingBody))]
[JsonSerializable(typeof(EmbeddingAnswer))]
[JsonSerializable(typeof(ExplainBody))]
[JsonSerializable(typeof(TextExplanation))]
[JsonSerializable(typeof(CollectionSettings))]
[JsonSerializable(typeof(CollectionInfo))]
[JsonSerializable(typeof(ListOf<CollectionInfo>))]
[JsonSerializable(typeof(CollectionDocument))]
[JsonSerializable(typeof(IReadOnlyList<CollectionDocument>))]
[JsonSerializable(typeof(IngestResult))]
[JsonSerializable(typeof(IngestEvent))]
[JsonSerializable(typeof(CollectionSearch))]
[JsonSerializable(typeof(SearchResults))]
[JsonSerializable(typeof(IReadOnlyList<CatalogTool>))]
[JsonSerializable(typeof(CatalogTool))]
[JsonSerializable(typeof(McpBody))]
[JsonSerializable(typeof(CatalogInfo))]
[JsonSerializable(typeof(ListOf<CatalogInfo>))]
[JsonSerializable(typeof(ListOf<CatalogTool>))]
[JsonSerializable(typeof(ToolSearch))]
[JsonSerializable(typeof(ToolResults))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(ListOf<Lease>))]
[JsonSerializable(typeof(RenewBody))]
[JsonSerializable(typeof(RenewAnswer))]
[JsonSerializable(typeof(ResourceObservation))]
[JsonSerializable(typeof(ListOf<KindInfo>))]
[JsonSerializable(typeof(QueryAnswers))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(JsonNode))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class WeirJson : JsonSerializerContext;

internal sealed record ListOf<T>
{
    public IReadOnlyList<T> Data { get; init; } = [];

    public bool HasMore { get; init; }

    public string? After { get; init; }
}
