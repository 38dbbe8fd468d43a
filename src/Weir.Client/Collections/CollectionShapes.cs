using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Weir.Client;

/// <summary>How a collection is made. Null: what it has, or the server's default.</summary>
public sealed record CollectionSettings
{
    /// <summary>Another one than it has: its documents are embedded anew in the background.</summary>
    public string? EmbeddingModel { get; init; }

    public ChunkSizes? Chunk { get; init; }

    public SearchWeights? Weights { get; init; }

    /// <summary>For every tenant to read; needs a key of an admin.</summary>
    public bool? Global { get; init; }
}

/// <summary>How large chunks are.</summary>
/// <param name="Tokens">At most so many in a chunk.</param>
/// <param name="Overlap">At most so many of them again in the next.</param>
public sealed record ChunkSizes(int Tokens, int Overlap);

/// <summary>What counts how much in a hybrid search.</summary>
public sealed record SearchWeights(double Dense, double Sparse);

/// <summary>A collection as it stands.</summary>
public sealed record CollectionInfo
{
    public string Name { get; init; } = "";

    /// <summary>Read by all tenants.</summary>
    public bool Global { get; init; }

    public string? EmbeddingModel { get; init; }

    /// <summary>Of the model, where it is known.</summary>
    public string? Revision { get; init; }

    /// <summary><c>idle</c>, <c>loading</c>, <c>ready</c>, <c>embedding</c> or <c>degraded</c>.</summary>
    public string? State { get; init; }

    /// <summary>What is wrong, where something is.</summary>
    public string? Detail { get; init; }

    /// <summary>Null: it is not in the memory of the replica that answered.</summary>
    public long? Documents { get; init; }

    /// <summary>Null: it is not in the memory of the replica that answered.</summary>
    public long? Chunks { get; init; }

    /// <summary>All else that the server says of it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A text under an id: the same id replaces what was there.</summary>
/// <param name="Id">Of the collection's user.</param>
/// <param name="Text">Not empty.</param>
public sealed record CollectionDocument(string Id, string Text)
{
    /// <summary>What filters ask for. Null: nothing.</summary>
    public JsonObject? Metadata { get; init; }
}

/// <summary>What came of an ingest.</summary>
public sealed record IngestResult
{
    /// <summary>New or changed.</summary>
    public long Documents { get; init; }

    /// <summary>Of those documents.</summary>
    public long Chunks { get; init; }

    /// <summary>Documents that were there already with the same content.</summary>
    public long Unchanged { get; init; }

    /// <summary>Documents that were refused; the others are in. Of very many only the first are listed.</summary>
    public IReadOnlyList<IngestFailure> Failed { get; init; } = [];

    /// <summary>How many were refused.</summary>
    public long FailedTotal { get; init; }
}

/// <summary>Why a document was refused.</summary>
public sealed record IngestFailure
{
    public string? Id { get; init; }

    /// <summary>Of a JSON Lines upload, from 1.</summary>
    public long? Line { get; init; }

    public string Code { get; init; } = "unknown";

    public string Message { get; init; } = "";
}

/// <summary>How far an ingest is.</summary>
/// <param name="Documents">That are in, and stay there whatever comes.</param>
/// <param name="Chunks">Of them.</param>
public sealed record IngestProgress(long Documents, long Chunks);

/// <summary>What a search looks by.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SearchMode>))]
public enum SearchMode
{
    /// <summary>Meaning: the nearest vectors.</summary>
    [JsonStringEnumMemberName("dense")]
    Dense,

    /// <summary>Words.</summary>
    [JsonStringEnumMemberName("sparse")]
    Sparse,

    /// <summary>Both.</summary>
    [JsonStringEnumMemberName("hybrid")]
    Hybrid,
}

/// <summary>A search in a collection.</summary>
/// <param name="Query">Not empty.</param>
public sealed record CollectionSearch(string Query)
{
    /// <summary>1 to 1000. Null: the collection's, else 10.</summary>
    public int? TopK { get; init; }

    /// <summary>Null: hybrid.</summary>
    public SearchMode? Mode { get; init; }

    /// <summary>A condition on the metadata, such as <c>{"year":{"$gte":2020}}</c>. Null: none.</summary>
    public JsonObject? Filter { get; init; }

    /// <summary>Results below are left out. Null: none are.</summary>
    public double? MinScore { get; init; }
}

/// <summary>A chunk that was found.</summary>
public sealed record SearchResult
{
    public string DocumentId { get; init; } = "";

    public string ChunkId { get; init; } = "";

    public string Text { get; init; } = "";

    /// <summary>The headings it stands under. Null: none.</summary>
    public string? Heading { get; init; }

    public double Score { get; init; }

    public PartScores? Scores { get; init; }

    public JsonObject? Metadata { get; init; }
}

/// <summary>What each way of searching gave. Null: it did not find the chunk, or was not asked.</summary>
public sealed record PartScores(double? Dense, double? Sparse);

internal sealed record SearchResults
{
    public IReadOnlyList<SearchResult> Results { get; init; } = [];
}

internal sealed record IngestEvent
{
    public string? Type { get; init; }

    public long Documents { get; init; }

    public long Chunks { get; init; }

    public long Unchanged { get; init; }

    public IReadOnlyList<IngestFailure>? Failed { get; init; }

    public long FailedTotal { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }
}
