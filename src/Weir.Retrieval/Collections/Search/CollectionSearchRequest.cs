using System.Text.Json;

namespace Weir.Retrieval.Collections.Search;

/// <summary>What is searched in a collection.</summary>
public sealed record CollectionSearchRequest
{
    /// <summary>The most bytes of a query, in UTF-8.</summary>
    public const int MostQueryBytes = 64 << 10;

    /// <summary>The greatest <see cref="TopK"/>.</summary>
    public const int MostResults = 1000;

    /// <summary>In the words of whoever asks.</summary>
    public required string Query { get; init; }

    /// <summary>How many chunks at most, from 1 to 1000. Default: 10.</summary>
    public int TopK { get; init; } = 10;

    /// <summary>Default: hybrid.</summary>
    public CollectionSearchMode Mode { get; init; } = CollectionSearchMode.Hybrid;

    /// <summary>On metadata. Null: every document.</summary>
    public JsonElement? Filter { get; init; }

    /// <summary>Results below it are left out: of the score as it is answered, which depends on the mode. Null: none.</summary>
    public double? MinScore { get; init; }
}

/// <summary>By what chunks are found.</summary>
public enum CollectionSearchMode
{
    /// <summary>Likeness of vectors: the score is their cosine.</summary>
    Dense,

    /// <summary>Words in common: the score is BM25's.</summary>
    Sparse,

    /// <summary>Both rankings fused: the score is from 0 to 1, 1 for what is first in both.</summary>
    Hybrid,
}

/// <summary>One chunk that was found.</summary>
/// <param name="DocumentId">Its document.</param>
/// <param name="ChunkId">The document's id, '#', and the place of the chunk in it, from 0.</param>
/// <param name="Text">The chunk as it stands in the document.</param>
/// <param name="Score">By the mode.</param>
/// <param name="Scores">Of each part.</param>
/// <param name="Heading">The headings it stands under; null: none.</param>
/// <param name="Metadata">The document's.</param>
public sealed record CollectionHit(string DocumentId, string ChunkId, string Text, float Score, CollectionScores Scores, string? Heading, JsonElement? Metadata);

/// <param name="Dense">Cosine; null: not found by it.</param>
/// <param name="Sparse">BM25; null: not found by it.</param>
public sealed record CollectionScores(float? Dense, float? Sparse);

/// <summary>What was found, best first, or why nothing could be. Several chunks of one document may be among it.</summary>
public sealed record CollectionSearchResult(IReadOnlyList<CollectionHit> Results, RetrievalError? Error)
{
    /// <summary>Null: every document could be found by meaning, or none was looked for so.</summary>
    public DenseCoverage? Dense { get; init; }

    /// <summary>Why words alone decided in a hybrid search. Null: vectors did too, or were not asked for.</summary>
    public string? Note { get; init; }
}

/// <summary>While the model of a collection changes, or after it was taken away, not every document can be found by meaning.</summary>
/// <param name="Documents">That could be.</param>
/// <param name="Of">All there are.</param>
public sealed record DenseCoverage(int Documents, int Of);
