using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>Builds indexes, a few at once: reads a version's tools, cuts their fields into words, and has them embedded.</summary>
internal sealed partial class CatalogIndexer(ToolBlobs blobs, EmbeddingService embeddings, ILogger<CatalogIndexer> logger) : IDisposable
{
    private const int Slice = 256;
    private const int AtOnce = 4;

    private readonly SemaphoreSlim _turns = new(AtOnce, AtOnce);
    private readonly CancellationTokenSource _stopping = new();

    /// <returns>Null where the version is gone, or could not be read: the one before keeps answering.</returns>
    public async Task<ToolIndex?> BuildAsync(CatalogEntry entry)
    {
        try
        {
            await _turns.WaitAsync(_stopping.Token).ConfigureAwait(false);
            try
            {
                if (await blobs.ReadAsync(entry.Record.Blob, _stopping.Token).ConfigureAwait(false) is not { } tools)
                    return null;
                var texts = Array.ConvertAll(Enum.GetValues<ToolField>(), field => (IReadOnlyList<string>)[.. tools.Select(tool => ToolFields.Of(tool, field))]);
                return await EmbedAsync(ToolIndex.Build(entry, tools, texts), texts).ConfigureAwait(false);
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return null;
        }
        catch (StoreUnavailableException fault)
        {
            LogAway(entry.Record.Name, fault.Message);
            return null;
        }
        catch (Exception fault)
        {
            LogFailed(fault, entry.Record.Name, entry.Version);
            return null;
        }
    }

    /// <summary>The vector of a query, if it fits the index; else words alone decide.</summary>
    /// <returns>The vector, or why there is none in a few words, and whether because the index is of another revision of the model.</returns>
    public async ValueTask<(ReadOnlyMemory<float> Vector, string? Missing, bool IsOutdated)> EmbedAsync(
        ToolIndex index, string query, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        if (index.Vectors is null)
            return (default, index.VectorsMissing, false);
        // Nothing was embedded, so there is nothing to compare with.
        if (index.Revision.Length == 0)
            return (default, null, false);
        var request = new EmbeddingRequest { Model = index.Entry.Record.EmbeddingModel, Inputs = [EmbeddingInput.OfText(query)], Asker = asker };
        var result = await embeddings.EmbedAsync(request, cancellationToken).ConfigureAwait(false);
        return result.Error is { } error ? (default, error.Message, false)
            : result.Revision != index.Revision ? (default, "the embedding model has changed, and the tools are being embedded anew", true)
            : (result.Vectors[0], null, false);
    }

    /// <summary>Whether the model that made an index's vectors is known to have become another.</summary>
    public bool IsOutdated(ToolIndex index) =>
        index.Vectors is not null && index.Revision.Length > 0 && embeddings.RevisionOf(index.Entry.Record.EmbeddingModel) is { } current && current != index.Revision;

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
        _turns.Dispose();
    }

    private async Task<ToolIndex> EmbedAsync(ToolIndex index, IReadOnlyList<string>[] texts)
    {
        var record = index.Entry.Record;
        var rows = new Dictionary<string, int>(StringComparer.Ordinal);
        var places = Array.ConvertAll(texts, field => field.Select(text => string.IsNullOrWhiteSpace(text) ? -1 : rows.TryAdd(text, rows.Count) ? rows.Count - 1 : rows[text]).ToArray());
        var distinct = rows.Keys.ToArray();
        var asker = new EmbeddingAsker(record.Tenant ?? "weir", $"catalog:{record.Name}") { IsBackground = true };
        var blocks = new List<float[]>();
        var (revision, dimensions) = ("", 0);
        for (var from = 0; from < distinct.Length; from += Slice)
        {
            var inputs = distinct.Skip(from).Take(Slice).Select(EmbeddingInput.OfText).ToList();
            var result = await embeddings.EmbedAsync(new EmbeddingRequest { Model = record.EmbeddingModel, Inputs = inputs, Asker = asker }, _stopping.Token).ConfigureAwait(false);
            if (result.Error is { } error)
            {
                LogWordsAlone(record.Name, error.Message);
                return index.Without(error.Message);
            }

            if (from == 0)
                (revision, dimensions) = (result.Revision, result.Vectors[0].Length);
            else if (result.Revision != revision)
                return index.Without("the embedding model changed while the tools were embedded");
            for (var i = 0; i < inputs.Count; i++)
            {
                var row = from + i;
                if (row % FieldVectors.BlockRows == 0)
                    blocks.Add(new float[Math.Min(FieldVectors.BlockRows, distinct.Length - row) * dimensions]);
                result.Vectors[i].Span.CopyTo(blocks[^1].AsSpan(row % FieldVectors.BlockRows * dimensions, dimensions));
            }
        }

        float[][] shared = [.. blocks];
        return index.With(Array.ConvertAll(places, field => new FieldVectors(dimensions, shared, field)), revision);
    }

    [LoggerMessage(EventId = 421, EventName = "CatalogIndexFailed", Level = LogLevel.Error, Message = "Catalog {Catalog} could not be indexed at version {Version}")]
    private partial void LogFailed(Exception fault, string catalog, long version);

    [LoggerMessage(EventId = 422, EventName = "CatalogIndexDelayed", Level = LogLevel.Warning, Message = "Catalog {Catalog} is indexed when the state store is back: {Reason}")]
    private partial void LogAway(string catalog, string reason);

    [LoggerMessage(EventId = 423, EventName = "CatalogWithoutVectors", Level = LogLevel.Warning, Message = "Catalog {Catalog} is searched by words alone until its embedding model answers: {Reason}")]
    private partial void LogWordsAlone(string catalog, string reason);
}
