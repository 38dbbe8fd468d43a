using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Retrieval.Catalogs.Documents;

/// <summary>A catalog as it is stored. Its document's version is the catalog's version: every change of tools or settings makes a new one.</summary>
internal sealed record CatalogRecord
{
    /// <summary>Never used again, also not by a later catalog of the same name.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Whose it is. Null: everybody's.</summary>
    public string? Tenant { get; init; }

    /// <summary>The tools, as one list of <see cref="ToolDefinition"/>. Null: none yet.</summary>
    public string? Blob { get; init; }

    /// <summary>Of what is in the blob: the same tools need no new one.</summary>
    public string? Digest { get; init; }

    public int Count { get; init; }

    /// <summary>Empty: the tools were given in a list.</summary>
    public IReadOnlyList<McpSource> Sources { get; init; } = [];

    public string EmbeddingModel { get; init; } = "default";

    public CatalogWeightOptions Weights { get; init; } = new();

    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>An MCP server behind a catalog. What <see cref="Env"/> and <see cref="Headers"/> hold is shown to nobody.</summary>
internal sealed record McpSource
{
    /// <summary>Unique in its catalog.</summary>
    public required string Name { get; init; }

    public string? Command { get; init; }

    public IReadOnlyList<string> Args { get; init; } = [];

    public IReadOnlyDictionary<string, string> Env { get; init; } = new Dictionary<string, string>();

    public string? Url { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Named by an admin or the configuration: its url may lead anywhere, also to loopback and private networks.</summary>
    public bool IsTrusted { get; init; }
}

/// <summary>How the MCP servers of a catalog are, as the replica that holds them says.</summary>
/// <param name="Id">Of the catalog: a status of an earlier one of the same name is not believed.</param>
/// <param name="Sources">In the order of the catalog's.</param>
internal sealed record CatalogStatusRecord(string Id, IReadOnlyList<McpSourceStatus> Sources);

/// <summary>A list that is to be removed.</summary>
/// <param name="Blob">Which.</param>
/// <param name="NotBefore">In store time.</param>
/// <param name="IsDraft">No catalog names it yet; the one that comes to name it takes this away.</param>
internal sealed record BlobDiscard(string Blob, DateTimeOffset NotBefore, bool IsDraft);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(CatalogRecord))]
[JsonSerializable(typeof(CatalogStatusRecord))]
[JsonSerializable(typeof(BlobDiscard))]
[JsonSerializable(typeof(List<ToolDefinition>))]
internal sealed partial class CatalogJson : JsonSerializerContext
{
    /// <summary>Null where it cannot be read: written by a newer version, or not by us.</summary>
    public static T? Read<T>(ReadOnlyMemory<byte> body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body.Span, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
