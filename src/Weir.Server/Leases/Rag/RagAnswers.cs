using Weir.Retrieval.Collections.Search;

namespace Weir.Server.Leases.Rag;

/// <summary>What a session is on, as its lease tells it.</summary>
/// <param name="Collection">What is searched.</param>
/// <param name="Documents">Null: its index is not in this replica's memory yet.</param>
/// <param name="Chunks">As for <paramref name="Documents"/>.</param>
/// <param name="EmbeddingModel">Of the collection.</param>
internal sealed record RagDetails(string Collection, int? Documents, int? Chunks, string EmbeddingModel);

/// <param name="Results">Best first.</param>
/// <param name="DenseCoverage">Null: every document could be found by meaning, or none was looked for so.</param>
/// <param name="Note">Why words alone decided in a hybrid search; null: vectors did too, or were not asked for.</param>
internal sealed record RagResults(IReadOnlyList<CollectionHit> Results, DenseCoverage? DenseCoverage, string? Note);

/// <param name="Results">One for each query, in their order.</param>
internal sealed record RagAnswers(IReadOnlyList<RagAnswer> Results);

/// <param name="Query">What was asked.</param>
/// <param name="Results">Null: it failed.</param>
/// <param name="DenseCoverage">As of one query.</param>
/// <param name="Note">As of one query.</param>
/// <param name="Error">Null: it went well.</param>
internal sealed record RagAnswer(string Query, IReadOnlyList<CollectionHit>? Results, DenseCoverage? DenseCoverage, string? Note, RagFault? Error);

internal sealed record RagFault(string Code, string Message);

/// <param name="Status">ok or degraded.</param>
/// <param name="Collection">What is searched.</param>
/// <param name="State">Of the collection.</param>
/// <param name="Detail">What is wrong, where something is.</param>
internal sealed record RagHealth(string Status, string Collection, string State, string? Detail);
