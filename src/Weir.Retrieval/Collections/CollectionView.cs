using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;

namespace Weir.Retrieval.Collections;

/// <summary>A collection as it is shown.</summary>
public sealed record CollectionView
{
    public required string Name { get; init; }

    /// <summary>Read by everybody, changed by admins.</summary>
    public required bool Global { get; init; }

    public required string EmbeddingModel { get; init; }

    /// <summary>The model's, of most documents; null: unknown here, or there are none.</summary>
    public string? Revision { get; init; }

    public required CollectionChunkOptions Chunk { get; init; }

    public required CollectionWeightsOptions Weights { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>idle (not in this replica's memory), loading, ready, embedding (the model changes; searches go on) or degraded.</summary>
    public required string State { get; init; }

    /// <summary>What is wrong, where something is.</summary>
    public string? Detail { get; init; }

    /// <summary>Null: it is not in this replica's memory. So are the other counts.</summary>
    public int? Documents { get; init; }

    public int? Chunks { get; init; }

    /// <summary>Those that searches by meaning cover, as long as the model they were embedded with is configured.</summary>
    public int? DenseDocuments { get; init; }

    /// <summary>Of all texts, in UTF-8.</summary>
    public long? Bytes { get; init; }

    /// <summary>What the index holds in memory, estimated.</summary>
    public long? IndexBytes { get; init; }

    /// <summary>While it is loading or embedding.</summary>
    public CollectionProgress? Progress { get; init; }

    internal static CollectionView Of(CollectionRecord record, CollectionIndex? index)
    {
        var view = new CollectionView
        {
            Name = record.Name,
            Global = record.IsGlobal,
            EmbeddingModel = record.EmbeddingModel,
            Chunk = record.Chunk,
            Weights = record.Weights,
            Created = record.Created,
            State = index is null ? "idle" : "loading",
        };
        if (index is null)
            return view;
        if (index.IsTooLarge)
            return view with { State = "degraded", Detail = "Its index does not fit into the memory that indexes may hold here." };
        if (index.View is not { } now)
        {
            var (done, total) = index.Progress;
            return view with { Progress = new CollectionProgress(done, total) };
        }

        var main = now.Shapes.MaxBy(shape => shape.Documents);
        // The newest shape of the wanted model is what documents are on their way to.
        var wanted = now.Shapes.Where(shape => shape.Shape.Model == record.EmbeddingModel && shape.Shape.Tokens == record.Chunk.Tokens && shape.Shape.Overlap == record.Chunk.Overlap)
            .Select(shape => shape.Documents).DefaultIfEmpty(0).Min();
        var isEmbedding = now.Shapes.Length > 1 || (now.Documents.Count > 0 && wanted == 0);
        return view with
        {
            State = now.Broken.Count > 0 ? "degraded" : isEmbedding ? "embedding" : "ready",
            Detail = now.Broken.Count > 0 ? $"{now.Broken.Count} documents cannot be read: send them again ({now.BrokenNames})." : null,
            Revision = main?.Shape.Revision,
            Documents = now.Documents.Count,
            Chunks = main?.Chunks ?? 0,
            DenseDocuments = main?.Documents ?? 0,
            Bytes = now.TextBytes,
            IndexBytes = now.Footprint,
            Progress = isEmbedding ? new CollectionProgress(wanted, now.Documents.Count) : null,
        };
    }
}

/// <param name="Done">Documents.</param>
/// <param name="Total">Documents.</param>
public sealed record CollectionProgress(int Done, int Total);

/// <summary>An answer, or why there is none; exactly one is null.</summary>
public sealed record CollectionAnswer<T>(T? Value, RetrievalError? Error)
    where T : class
{
    /// <summary>It was made by this.</summary>
    public bool IsNew { get; init; }

    public static implicit operator CollectionAnswer<T>(RetrievalError error) => new(null, error);
}
