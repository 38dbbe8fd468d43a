using System.Text.Json;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Retrieval.Collections;

/// <summary>The documents of collections: taken in, listed, read and deleted.</summary>
public sealed class KnowledgeDocuments
{
    private const int Tries = 100;

    private readonly KnowledgeCollections _collections;
    private readonly CollectionIngest _ingest;
    private readonly IStateStore _store;

    internal KnowledgeDocuments(KnowledgeCollections collections, CollectionIngest ingest, IStateStore store) =>
        (_collections, _ingest, _store) = (collections, ingest, store);

    /// <summary>Null: it may be written to, with its model on the asker's account.</summary>
    public async ValueTask<RetrievalError?> CheckAsync(CollectionScope scope, string name, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var (found, error) = await _collections.WritableAsync(scope, name, cancellationToken).ConfigureAwait(false);
        return found is null ? error : asker.Account?.Check(found.Value.EmbeddingModel);
    }

    /// <summary>A body of JSON: a list of documents, or one.</summary>
    public ValueTask<(IReadOnlyList<IngestItem> Items, RetrievalError? Error)> ReadJsonAsync(Stream body, CancellationToken cancellationToken) =>
        _collections.Readers.JsonAsync(body, cancellationToken);

    /// <summary>A body of JSON Lines, read as it comes.</summary>
    public IAsyncEnumerable<IngestItem> ReadLines(Stream body, CancellationToken cancellationToken) => _collections.Readers.LinesAsync(body, cancellationToken);

    /// <summary>A body that is one document.</summary>
    public ValueTask<(IngestItem? Item, RetrievalError? Error)> ReadTextAsync(
        Stream body, bool markdown, string? id, JsonElement? metadata, CancellationToken cancellationToken) =>
        _collections.Readers.TextAsync(body, markdown, id, metadata, cancellationToken);

    /// <summary>Takes documents in; what the report counts is durable, and seen by searches here.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<IngestOutcome> IngestAsync(
        CollectionScope scope, string name, IAsyncEnumerable<IngestItem> items, EmbeddingAsker asker, Func<IngestReport, ValueTask>? progress, CancellationToken cancellationToken)
    {
        var (found, error) = await _collections.WritableAsync(scope, name, cancellationToken).ConfigureAwait(false);
        if (found is null)
            return new IngestOutcome(new IngestReport(), error);
        if (asker.Account?.Check(found.Value.EmbeddingModel) is { } barred)
            return new IngestOutcome(new IngestReport(), barred);
        var (outcome, revision) = await _ingest.RunAsync(found.Value, items, asker, progress, cancellationToken).ConfigureAwait(false);
        await _collections.SeenAsync(found.Value, revision, cancellationToken).ConfigureAwait(false);
        return outcome;
    }

    /// <summary>A page of documents, in an order that is fixed and means nothing.</summary>
    /// <param name="scope">Who asks.</param>
    /// <param name="name">Of which collection.</param>
    /// <param name="after">The id of the last one of the page before; null: the first page.</param>
    /// <param name="limit">How many at most, from 1 to 1000.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<CollectionAnswer<DocumentPage>> ListAsync(CollectionScope scope, string name, string? after, int limit, CancellationToken cancellationToken)
    {
        if (await _collections.FindAsync(scope, name, cancellationToken).ConfigureAwait(false) is not { } found)
            return CollectionErrors.NotFound(name);
        var documents = new CollectionDocuments(_store, found.Value.Partition);
        var page = await documents.PageAsync(after is null ? null : CollectionDocuments.Key(after), limit + 1, cancellationToken).ConfigureAwait(false);
        return new CollectionAnswer<DocumentPage>(new DocumentPage([.. page.Take(limit).Select(document => DocumentView.Of(document.Value))], page.Count > limit), null);
    }

    /// <summary>One document with its text.</summary>
    public async ValueTask<CollectionAnswer<DocumentView>> GetAsync(CollectionScope scope, string name, string id, CancellationToken cancellationToken)
    {
        if (await _collections.FindAsync(scope, name, cancellationToken).ConfigureAwait(false) is not { } found)
            return CollectionErrors.NotFound(name);
        var documents = new CollectionDocuments(_store, found.Value.Partition);
        long seen = 0;
        while (await documents.ReadAsync(CollectionDocuments.Key(id), cancellationToken).ConfigureAwait(false) is { } stored)
        {
            await using var reader = new PackReader(_store.Blobs);
            if (await reader.TextAsync(stored.Value.Text, cancellationToken).ConfigureAwait(false) is { } text)
                return new CollectionAnswer<DocumentView>(DocumentView.Of(stored.Value) with { Text = text.Text, Metadata = text.Metadata }, null);
            // Its bytes moved while it was read, unless it stands there unchanged.
            if (stored.Version == seen)
                return new RetrievalError(500, "document_broken", $"The bytes of document '{id}' are gone or damaged: send it again.");
            seen = stored.Version;
        }

        return CollectionErrors.DocumentNotFound(id);
    }

    /// <summary>Deletes one document; searches here no longer find it.</summary>
    public async ValueTask<RetrievalError?> DeleteAsync(CollectionScope scope, string name, string id, CancellationToken cancellationToken)
    {
        var (found, error) = await _collections.WritableAsync(scope, name, cancellationToken).ConfigureAwait(false);
        if (found is null)
            return error;
        var documents = new CollectionDocuments(_store, found.Value.Partition);
        for (var tries = 0; tries < Tries; tries++)
        {
            var key = CollectionDocuments.Key(id);
            if (await documents.VersionAsync(key, cancellationToken).ConfigureAwait(false) is not (> 0 and var version))
                return CollectionErrors.DocumentNotFound(id);
            if (await documents.CommitAsync([new Write(key, version, null)], cancellationToken).ConfigureAwait(false) is { } revision)
            {
                await _collections.SeenAsync(found.Value, revision, cancellationToken).ConfigureAwait(false);
                return null;
            }
        }

        return CollectionErrors.Conflict(name);
    }
}

/// <param name="Documents">In order.</param>
/// <param name="HasMore">There are others after them.</param>
public sealed record DocumentPage(IReadOnlyList<DocumentView> Documents, bool HasMore);

/// <summary>A document as it is shown.</summary>
public sealed record DocumentView
{
    public required string Id { get; init; }

    public required int Chunks { get; init; }

    /// <summary>Of its text, in UTF-8.</summary>
    public required int Bytes { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>The loaded file that it comes from; null: it was sent.</summary>
    public string? Source { get; init; }

    /// <summary>Only where one document was asked for.</summary>
    public string? Text { get; init; }

    /// <summary>Only where one document was asked for.</summary>
    public JsonElement? Metadata { get; init; }

    internal static DocumentView Of(DocumentRecord record) => new()
    {
        Id = record.Id,
        Chunks = record.Vectors.Chunks,
        Bytes = record.Bytes,
        Updated = record.Updated,
        Source = record.Source,
    };
}
