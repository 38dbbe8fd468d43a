using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Retrieval.Collections.Upkeep;

/// <summary>
/// Brings every document of a collection into one shape. The new vectors stand beside the old ones until all documents have them; only then are the old
/// ones let go. How far it came stands in the documents alone, so that it goes on wherever it was broken off.
/// </summary>
internal sealed class Reembedding(CollectionDefinitions definitions, DocumentEmbedder embedder, CollectionLimits limits)
{
    private const int Tries = 3;

    /// <returns>How many documents were embedded, and why it stopped; null: it did not.</returns>
    public async Task<(int Embedded, RetrievalError? Error)> RunAsync(CollectionRecord collection, EmbeddingShape target, CancellationToken cancellationToken)
    {
        var documents = new CollectionDocuments(definitions.Store, collection.Partition);
        var embedded = 0;
        for (var tries = 0; tries < Tries; tries++)
        {
            var (done, left, error) = await EmbedAsync(collection, documents, target, cancellationToken).ConfigureAwait(false);
            embedded += done;
            if (error is not null)
                return (embedded, error);
            if (left > 0)
                continue;
            await SettleAsync(documents, target, cancellationToken).ConfigureAwait(false);
            return (embedded, null);
        }

        return (embedded, new RetrievalError(409, "documents_changing", "Documents kept changing while they were embedded."));
    }

    private async Task<(int Done, int Left, RetrievalError? Error)> EmbedAsync(
        CollectionRecord collection, CollectionDocuments documents, EmbeddingShape target, CancellationToken cancellationToken)
    {
        var (done, left, bytes) = (0, 0, 0L);
        var batch = new List<StoredDocument>();
        await foreach (var document in documents.AllAsync(cancellationToken).ConfigureAwait(false))
        {
            if (document.Value.In(target) is not null)
                continue;
            batch.Add(document);
            bytes += document.Value.Bytes;
            if (batch.Count < limits.BatchDocuments && bytes < limits.BatchBytes)
                continue;
            if (await TakeAsync().ConfigureAwait(false) is { } error)
                return (done, left, error);
        }

        return (done, left, batch.Count == 0 ? null : await TakeAsync().ConfigureAwait(false));

        async ValueTask<RetrievalError?> TakeAsync()
        {
            var (taken, error) = await EmbedAsync(collection, documents, target, batch, cancellationToken).ConfigureAwait(false);
            done += taken;
            left += batch.Count - taken;
            bytes = 0;
            batch.Clear();
            return error;
        }
    }

    private async ValueTask<(int Done, RetrievalError? Error)> EmbedAsync(
        CollectionRecord collection, CollectionDocuments documents, EmbeddingShape target, List<StoredDocument> batch, CancellationToken cancellationToken)
    {
        await using var reader = new PackReader(definitions.Store.Blobs);
        var (found, texts) = (new List<StoredDocument>(), new List<PackedText>());
        var broken = 0;
        foreach (var document in batch.OrderBy(document => document.Value.Text.Pack, StringComparer.Ordinal).ThenBy(document => document.Value.Text.Offset))
        {
            if (await reader.TextAsync(document.Value.Text, cancellationToken).ConfigureAwait(false) is { } text)
            {
                found.Add(document);
                texts.Add(text);
            }
            else if ((await documents.ReadAsync(document.Key, cancellationToken).ConfigureAwait(false))?.Version == document.Version)
            {
                // Its bytes are gone: it keeps what vectors it has, and must not hold up all others.
                broken++;
            }
        }

        if (found.Count == 0)
            return (broken, null);
        var asker = new EmbeddingAsker(collection.Tenant ?? "global", collection.Client) { IsBackground = true };
        var (embedded, error) = await embedder.EmbedAsync(collection, texts, asker, cancellationToken).ConfigureAwait(false);
        if (embedded is null)
            return (0, error);
        if (embedded.Shape != target)
            return (0, new RetrievalError(409, "model_changing", "The model changed again meanwhile."));

        var pack = new PackBuilder();
        var slices = embedded.AddTo(pack);
        var drafts = await documents.StoreAsync([pack], cancellationToken).ConfigureAwait(false);
        // Documents that changed meanwhile were taken in with a model of their own: those left are tried again.
        while (found.Count > 0)
        {
            if (!await definitions.StandsAsync(collection, cancellationToken).ConfigureAwait(false))
                return (0, CollectionErrors.Deleted(collection.Name));
            var writes = found.Select((document, i) => CollectionDocuments.Put(document.Value with { Next = slices[i] }, document.Version));
            if (await documents.CommitAsync([.. writes, drafts[0].Live()], CancellationToken.None).ConfigureAwait(false) is not null)
                return (found.Count + broken, null);
            var now = await documents.ReadAsync(found.Select(document => document.Key), cancellationToken).ConfigureAwait(false);
            var same = found.Zip(slices).Where(pair => now.GetValueOrDefault(pair.First.Key)?.Version == pair.First.Version).ToList();
            if (same.Count == found.Count)
                break;
            (found, slices) = ([.. same.Select(pair => pair.First)], [.. same.Select(pair => pair.Second)]);
        }

        await documents.RemoveAsync(drafts[0], cancellationToken).ConfigureAwait(false);
        return (broken, null);
    }

    // Every document has the new vectors: they become its only ones. A search between two commits finds each in the shape that all still have.
    private async Task SettleAsync(CollectionDocuments documents, EmbeddingShape target, CancellationToken cancellationToken)
    {
        var writes = new List<Write>();
        await foreach (var document in documents.AllAsync(cancellationToken).ConfigureAwait(false))
        {
            if (document.Value.Next is null || document.Value.In(target) is not { } slice)
                continue;
            writes.Add(CollectionDocuments.Put(document.Value with { Vectors = slice, Next = null }, document.Version));
            if (writes.Count == limits.BatchDocuments)
                await CommitAsync().ConfigureAwait(false);
        }

        await CommitAsync().ConfigureAwait(false);

        async ValueTask CommitAsync()
        {
            // One that changed meanwhile keeps the others back: they go one by one.
            if (writes.Count > 0 && await documents.CommitAsync([.. writes], cancellationToken).ConfigureAwait(false) is null)
            {
                foreach (var write in writes)
                    await documents.CommitAsync([write], cancellationToken).ConfigureAwait(false);
            }

            writes.Clear();
        }
    }
}
