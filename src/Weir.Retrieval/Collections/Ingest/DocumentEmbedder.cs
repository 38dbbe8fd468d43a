using Weir.Retrieval.Chunking;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>Cuts documents and embeds their chunks, all with one revision of one model.</summary>
internal sealed class DocumentEmbedder(EmbeddingService service, CollectionLimits limits)
{
    private const int Tries = 4;
    private const int UsualDimensions = 1536;

    /// <summary>The revisions of models that have been loaded; none is loaded for it.</summary>
    public IReadOnlyDictionary<string, string?> Revisions() =>
        service.Snapshot().Models.ToDictionary(model => model.Name, model => model.Revision, StringComparer.Ordinal);

    /// <summary>How documents of a collection are cut and embedded now, or why nobody knows.</summary>
    public async ValueTask<(EmbeddingShape? Shape, RetrievalError? Error)> ShapeAsync(CollectionRecord collection, CancellationToken cancellationToken)
    {
        var (lease, error) = await service.AcquireAsync(collection.EmbeddingModel, cancellationToken).ConfigureAwait(false);
        using (lease)
            return lease is null ? (null, error) : (ShapeOf(collection, lease.Model), null);
    }

    /// <returns>In the order of the texts; or why there are none.</returns>
    public async ValueTask<(EmbeddedTexts? Texts, RetrievalError? Error)> EmbedAsync(
        CollectionRecord collection, IReadOnlyList<PackedText> texts, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var (lease, error) = await service.AcquireAsync(collection.EmbeddingModel, cancellationToken).ConfigureAwait(false);
            using var _ = lease;
            if (lease is null)
                return (null, error);
            var shape = ShapeOf(collection, lease.Model);
            ITokenCounter counter = lease.Model.Tokenizer is { } tokenizer ? new TokenizerCounter(tokenizer) : WordTokenCounter.Instance;
            var settings = new ChunkSettings(shape.Tokens, shape.Overlap);
            var chunks = texts.Select(text => Cut(text, settings, counter)).ToList();
            if (TooMany(texts.Count, chunks.Sum(static list => (long)list.Count), lease.Model.Dimensions) is { } refusal)
                return (null, refusal);
            var (vectors, revision, fault) = await VectorsAsync(collection.EmbeddingModel, texts, chunks, asker, cancellationToken).ConfigureAwait(false);
            if (fault is not null)
                return (null, fault);
            // A model that was swapped meanwhile may have another tokenizer too: all of it is done again.
            if (revision == shape.Revision)
                return (new EmbeddedTexts(shape, chunks, vectors), null);
            if (tries == Tries)
                return (null, new RetrievalError(503, "model_changing", $"The embedding model '{collection.EmbeddingModel}' is being exchanged: send this again.") { RetryAfter = TimeSpan.FromSeconds(2) });
        }
    }

    /// <summary>What is embedded and searched by words: the chunk, under the headings that lead to it.</summary>
    public static string SearchText(string text, PackedChunk chunk) =>
        chunk.Heading is { Length: > 0 } heading ? string.Concat(heading, "\n", text.AsSpan(chunk.Start, chunk.Length)) : text.Substring(chunk.Start, chunk.Length);

    private static EmbeddingShape ShapeOf(CollectionRecord collection, IEmbeddingModel model) =>
        new(collection.EmbeddingModel, model.Revision, collection.Chunk.Tokens, collection.Chunk.Overlap);

    // The dimensions of a provider's model are 0 until its first answer: then it is judged by what is usual.
    private RetrievalError? TooMany(int texts, long chunks, int dimensions) =>
        chunks * (dimensions > 0 ? dimensions : UsualDimensions) * sizeof(float) <= limits.BatchVectorBytes ? null
        : new RetrievalError(422, "too_many_chunks", $"{texts} documents that are taken in together make {chunks} chunks, whose vectors are more than {limits.BatchVectorBytes >> 20} MiB: raise chunk.tokens, or divide long documents.");

    private static List<PackedChunk> Cut(PackedText text, ChunkSettings settings, ITokenCounter counter) =>
        [.. TextChunker.Split(text.Text, text.Markdown ? TextFormat.Markdown : TextFormat.Plain, settings, counter)
            .Select(chunk => new PackedChunk(chunk.Start, chunk.Length, chunk.Heading))];

    private async ValueTask<(List<ReadOnlyMemory<float>> Vectors, string? Revision, RetrievalError? Error)> VectorsAsync(
        string model, IReadOnlyList<PackedText> texts, List<List<PackedChunk>> chunks, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var vectors = new List<ReadOnlyMemory<float>>(chunks.Sum(list => list.Count));
        string? revision = null;
        foreach (var part in texts.Zip(chunks).SelectMany(pair => pair.Second.Select(chunk => SearchText(pair.First.Text, chunk))).Chunk(limits.EmbedAtOnce))
        {
            var result = await service.EmbedAsync(
                new EmbeddingRequest { Model = model, Inputs = [.. part.Select(EmbeddingInput.OfText)], Asker = asker }, cancellationToken).ConfigureAwait(false);
            if (result.Error is { } error)
                return (vectors, null, error);
            revision ??= result.Revision;
            if (revision != result.Revision)
                return (vectors, "", null);
            vectors.AddRange(result.Vectors);
        }

        if (vectors.Any(vector => vector.Length != vectors[0].Length))
            return (vectors, null, new RetrievalError(502, "model_inconsistent", $"The embedding model '{model}' gives vectors of different lengths."));
        if (revision is null)
        {
            var (lease, _) = await service.AcquireAsync(model, cancellationToken).ConfigureAwait(false);
            using (lease)
                revision = lease?.Model.Revision;
        }

        return (vectors, revision, null);
    }
}

/// <summary>Texts, cut and embedded.</summary>
/// <param name="Shape">How.</param>
/// <param name="Chunks">Of each text.</param>
/// <param name="Vectors">Of all chunks, one after the other.</param>
internal sealed record EmbeddedTexts(EmbeddingShape Shape, IReadOnlyList<IReadOnlyList<PackedChunk>> Chunks, List<ReadOnlyMemory<float>> Vectors)
{
    /// <summary>Adds each text's chunks and vectors to a pack.</summary>
    public IReadOnlyList<VectorSlice> AddTo(PackBuilder pack)
    {
        var slices = new List<VectorSlice>(Chunks.Count);
        var at = 0;
        foreach (var chunks in Chunks)
        {
            slices.Add(new VectorSlice(pack.Add(chunks, Vectors.GetRange(at, chunks.Count)), Shape, chunks.Count));
            at += chunks.Count;
        }

        return slices;
    }
}
