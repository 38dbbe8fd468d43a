using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Filters;
using Weir.Retrieval.Fusion;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Retrieval.Collections.Search;

/// <summary>
/// Searches one view of a collection. While its model changes, documents are in several shapes. By meaning, one shape is searched: scores of two models are not
/// comparable. It is the one that holds most documents of those whose model can embed the query. By words, each document is searched in that shape too,
/// or in the next that it has, so that both rankings speak of the same chunks.
/// </summary>
internal sealed class CollectionSearch(EmbeddingService embeddings)
{
    // Both rankings are read deeper than what is asked for: what is far down in one may be first in the other.
    private const int Depth = 4;
    private const int LeastDepth = 100;

    public static RetrievalError? Check(CollectionSearchRequest request, out MetadataFilter? filter)
    {
        filter = null;
        if (string.IsNullOrWhiteSpace(request.Query))
            return new RetrievalError(422, "empty_query", "query is empty.") { Param = "query" };
        if (Encoding.UTF8.GetByteCount(request.Query) > CollectionSearchRequest.MostQueryBytes)
            return new RetrievalError(422, "query_too_large", $"query has more than {CollectionSearchRequest.MostQueryBytes} bytes.") { Param = "query" };
        if (request.TopK is < 1 or > CollectionSearchRequest.MostResults)
            return new RetrievalError(422, "invalid_value", $"top_k must be from 1 to {CollectionSearchRequest.MostResults}.") { Param = "top_k" };
        return request.Filter is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } json && !MetadataFilter.TryParse(json, out filter, out var error) ? error : null;
    }

    public async ValueTask<CollectionSearchResult> SearchAsync(
        CollectionRecord collection, IndexView view, CollectionSearchRequest request, MetadataFilter? filter, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var shapes = view.Shapes.OrderByDescending(shape => shape.Documents).ThenByDescending(shape => IsWanted(collection, shape.Shape)).ToList();
        var allowed = Filter(view, filter);
        var k = request.Mode == CollectionSearchMode.Hybrid ? Math.Max(request.TopK * Depth, LeastDepth) : request.TopK;
        IReadOnlyList<VectorHit> dense = [];
        DenseCoverage? coverage = null;
        string? note = null;
        if (request.Mode != CollectionSearchMode.Sparse && view.Parts.Count > 0)
        {
            var (shape, query, error) = await ShapeAsync(collection, shapes, request.Query, asker, cancellationToken).ConfigureAwait(false);
            if (error is not null && (request.Mode == CollectionSearchMode.Dense || error.Code != CollectionErrors.ModelUnavailableCode))
                return new CollectionSearchResult([], error);
            note = error is null ? null : $"Words alone decide: {error.Message}";
            if (shape is not null)
            {
                dense = shape.Vectors!.Search(query.Span, k, allowed is null ? null : id => allowed(ServedPart.NumberOf(id)), cancellationToken);
                shapes = [shape, .. shapes.Where(other => other != shape)];
            }

            if ((shape?.Documents ?? 0) < view.Documents.Count)
                coverage = new DenseCoverage(shape?.Documents ?? 0, view.Documents.Count);
        }

        var sparse = request.Mode == CollectionSearchMode.Dense ? [] : Sparse(view, shapes, request.Query, k, allowed);
        var hits = request.Mode switch
        {
            CollectionSearchMode.Dense => dense.Select(hit => new FusedHit(hit.Id, hit.Score, hit.Score, null)),
            CollectionSearchMode.Sparse => sparse.Select(hit => new FusedHit(hit.Id, hit.Score, null, hit.Score)),
            _ => HybridRanking.Fuse(
                dense, sparse, new FusionSettings { Dense = collection.Weights.Dense, Sparse = collection.Weights.Sparse }, request.TopK),
        };
        return new CollectionSearchResult([.. hits.Where(hit => !((float)hit.Score < (float?)request.MinScore)).Select(hit => Show(view, hit))], null) { Dense = coverage, Note = note };
    }

    private static bool IsWanted(CollectionRecord collection, EmbeddingShape shape) =>
        shape.Model == collection.EmbeddingModel && shape.Tokens == collection.Chunk.Tokens && shape.Overlap == collection.Chunk.Overlap;

    private static CollectionHit Show(IndexView view, FusedHit hit)
    {
        var number = ServedPart.NumberOf(hit.Id);
        var document = view.Parts[number];
        var at = ServedPart.ChunkOf(hit.Id);
        var chunk = document.Parts.First(part => part.Number == number).Chunks[at];
        return new CollectionHit(
            document.Id, $"{document.Id}#{at}", document.Text.Substring(chunk.Start, chunk.Length), (float)hit.Score, new CollectionScores((float?)hit.Dense, (float?)hit.Sparse), chunk.Heading, document.Metadata);
    }

    // Judged once for each document and query; indexes may ask from several threads.
    private static Func<long, bool>? Filter(IndexView view, MetadataFilter? filter)
    {
        if (filter is null)
            return null;
        using var none = JsonDocument.Parse("{}");
        var empty = none.RootElement.Clone();
        var judged = new ConcurrentDictionary<long, bool>();
        return part => judged.GetOrAdd(part, static (part, asked) => asked.filter.Matches(asked.view.Parts[part].Metadata ?? asked.empty), (filter, view, empty));
    }

    // Every document in the first of the shapes that it has.
    private static Predicate<long>? InFirst(IndexView view, List<ShapeView> shapes, int place, Func<long, bool>? allowed)
    {
        if (view.Shapes.Length == 1)
            return allowed is null ? null : id => allowed(ServedPart.NumberOf(id));
        var before = shapes.Take(place).Select(shape => shape.Shape).ToList();
        return id =>
        {
            var part = ServedPart.NumberOf(id);
            return (before.Count == 0 || !view.Parts[part].Parts.Any(other => before.Contains(other.Shape))) && (allowed is null || allowed(part));
        };
    }

    private static List<SparseHit> Sparse(IndexView view, List<ShapeView> shapes, string query, int k, Func<long, bool>? allowed)
    {
        var hits = new List<SparseHit>();
        for (var i = 0; i < shapes.Count; i++)
            hits.AddRange(shapes[i].Sparse.Search(query, k, InFirst(view, shapes, i, allowed)));
        return shapes.Count <= 1 ? hits : [.. hits.OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Id).Take(k)];
    }

    // Old vectors whose model is gone are no reason to fail: the documents that have been done answer, and words find the others.
    private async ValueTask<(ShapeView? Shape, ReadOnlyMemory<float> Query, RetrievalError? Error)> ShapeAsync(
        CollectionRecord collection, List<ShapeView> shapes, string query, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var queries = new Dictionary<string, EmbeddingResult>(StringComparer.Ordinal);
        RetrievalError? error = null;
        foreach (var shape in shapes.Where(shape => shape.Vectors is not null))
        {
            var model = shape.Shape.Model;
            if (!queries.TryGetValue(model, out var result))
            {
                queries[model] = result = await embeddings.EmbedAsync(
                    new EmbeddingRequest { Model = model, Inputs = [EmbeddingInput.OfText(query)], Asker = asker }, cancellationToken).ConfigureAwait(false);
            }

            if (result.Error is null && result.Revision == shape.Shape.Revision && result.Vectors[0].Length == shape.Dimensions)
                return (shape, result.Vectors[0], null);
            // What is wrong with the question, or with who asks, is theirs to know; what is wrong with the model, words can stand in for.
            error ??= result.Error switch
            {
                { Code: "model_not_found" } => CollectionErrors.ModelMissing(collection.Name, model),
                { Status: >= 500 } away => CollectionErrors.ModelAway(collection.Name, model, away),
                var other => other,
            };
        }

        return (null, default, error);
    }
}
