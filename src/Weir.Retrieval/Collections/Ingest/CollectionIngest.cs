using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>
/// Takes documents in, batch by batch: cut, embedded, packed, and then named by one commit. A document is in with all of its chunks or not at
/// all, and what was reported is durable. While one batch is stored, the next is read and embedded.
/// </summary>
internal sealed class CollectionIngest(CollectionDefinitions definitions, DocumentEmbedder embedder, CollectionLimits limits, CollectionMetrics metrics, TimeProvider time)
{
    private const int CommitTries = 100;

    // As metrics have it: the client left, its body broke off, or the store is away.
    private static readonly RetrievalError BrokenOff = new(499, "broken_off", "The ingest broke off.");

    /// <param name="collection">Into which.</param>
    /// <param name="items">Read as there is room.</param>
    /// <param name="asker">For whom chunks are embedded.</param>
    /// <param name="progress">Told after each batch; null: nobody asks.</param>
    /// <param name="cancellationToken">Ends it before the next batch: one that is being committed is finished.</param>
    /// <returns>What came of it, and the revision that a search must see to know all of it.</returns>
    /// <exception cref="StoreUnavailableException">The store is away: batches that were reported before are in.</exception>
    public async Task<(IngestOutcome Outcome, long Revision)> RunAsync(
        CollectionRecord collection, IAsyncEnumerable<IngestItem> items, EmbeddingAsker asker, Func<IngestReport, ValueTask>? progress, CancellationToken cancellationToken)
    {
        var tally = new IngestTally(limits.FailuresListed);
        var started = time.GetTimestamp();
        var broke = true;
        RetrievalError? error = null;
        try
        {
            error = await RunAsync(collection, items, asker, progress, tally, cancellationToken).ConfigureAwait(false);
            broke = false;
        }
        finally
        {
            metrics.Ingested(collection.Name, collection.IsGlobal, tally.Report, broke ? BrokenOff : error, time.GetElapsedTime(started));
        }

        return (new IngestOutcome(tally.Report, error), tally.Revision);
    }

    private async Task<RetrievalError?> RunAsync(
        CollectionRecord collection, IAsyncEnumerable<IngestItem> items, EmbeddingAsker asker, Func<IngestReport, ValueTask>? progress, IngestTally tally, CancellationToken cancellationToken)
    {
        var documents = new CollectionDocuments(definitions.Store, collection.Partition);
        var batch = new Dictionary<string, NewDocument>(StringComparer.Ordinal);
        var storing = Task.FromResult(StoredBatch.None);
        var underWay = new HashSet<string>(StringComparer.Ordinal);
        long bytes = 0;
        try
        {
            await foreach (var item in items.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                if (item.Document is not { } document)
                {
                    tally.Fail(item.Failure!);
                    continue;
                }

                // Of one id the last stands, as if they had come one by one.
                batch[document.Id] = document;
                bytes += document.Text.Length;
                if (batch.Count < limits.BatchDocuments && bytes < limits.BatchBytes)
                    continue;
                if (await TakeAsync().ConfigureAwait(false) is { } error)
                    return error;
            }

            var last = batch.Count == 0 ? null : await TakeAsync().ConfigureAwait(false);
            last ??= await SettleAsync().ConfigureAwait(false);
            return last;
        }
        finally
        {
            // What is being stored is finished, whoever has left and whatever failed; its own failure is not the first one.
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (storing.IsCompletedSuccessfully)
                tally.Add(await storing.ConfigureAwait(false));
        }

        async ValueTask<RetrievalError?> TakeAsync()
        {
            // Whether a document is unchanged is asked of the store: what is on its way there must have arrived.
            if (underWay.Overlaps(batch.Keys) && await SettleAsync().ConfigureAwait(false) is { } failed)
                return failed;
            var (ready, error) = await PrepareAsync(collection, documents, batch.Values, asker, cancellationToken).ConfigureAwait(false);
            error = await SettleAsync().ConfigureAwait(false) ?? error;
            if (ready is null || error is not null)
                return error;
            cancellationToken.ThrowIfCancellationRequested();
            storing = StoreAsync(collection, documents, ready);
            underWay.UnionWith(batch.Keys);
            batch.Clear();
            bytes = 0;
            return null;
        }

        async ValueTask<RetrievalError?> SettleAsync()
        {
            var stored = await storing.ConfigureAwait(false);
            storing = Task.FromResult(StoredBatch.None);
            underWay.Clear();
            tally.Add(stored);
            if (progress is not null && stored != StoredBatch.None)
                await progress(tally.Report).ConfigureAwait(false);
            return stored.Error;
        }
    }

    private static string ContentOf(NewDocument document)
    {
        var text = Encoding.UTF8.GetBytes(document.Text);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[9];
        BinaryPrimitives.WriteInt64LittleEndian(head, text.Length);
        head[8] = document.Markdown ? (byte)1 : (byte)0;
        hash.AppendData(head);
        hash.AppendData(text);
        if (document.Metadata is { } metadata)
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(metadata, CollectionJson.Compact.JsonElement));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private async ValueTask<(ReadyBatch? Batch, RetrievalError? Error)> PrepareAsync(
        CollectionRecord collection, CollectionDocuments documents, IEnumerable<NewDocument> batch, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        // The definition is read for each batch: it may have come to name another model.
        var now = await definitions.ReadAsync(collection.Tenant, collection.Name, cancellationToken).ConfigureAwait(false);
        if (now?.Value.Id != collection.Id)
            return (null, CollectionErrors.Deleted(collection.Name));
        var (shape, unknown) = await embedder.ShapeAsync(now.Value, cancellationToken).ConfigureAwait(false);
        if (shape is null)
            return (null, unknown);

        var contents = batch.Select(document => (Document: document, Key: CollectionDocuments.Key(document.Id), Content: ContentOf(document))).ToList();
        var stored = await documents.ReadAsync(contents.Select(entry => entry.Key), cancellationToken).ConfigureAwait(false);
        var changed = contents
            .Where(entry => stored.GetValueOrDefault(entry.Key)?.Value is not { } known
                || known.Content != entry.Content || known.Source != entry.Document.Source || known.In(shape) is null)
            .ToList();
        var unchanged = contents.Count - changed.Count;
        if (changed.Count == 0)
            return (new ReadyBatch([], [], 0, unchanged), null);

        var texts = changed.Select(entry => new PackedText(entry.Document.Text, entry.Document.Markdown, entry.Document.Metadata)).ToList();
        var (embedded, error) = await embedder.EmbedAsync(now.Value, texts, asker, cancellationToken).ConfigureAwait(false);
        if (embedded is null)
            return (null, error);

        var (textPack, vectorPack) = (new PackBuilder(), new PackBuilder());
        var vectors = embedded.AddTo(vectorPack);
        var updated = definitions.Store.Clock.Now;
        var records = changed.Select((entry, i) => new DocumentRecord
        {
            Id = entry.Document.Id,
            Content = entry.Content,
            Bytes = Encoding.UTF8.GetByteCount(entry.Document.Text),
            Updated = updated,
            Source = entry.Document.Source,
            Text = textPack.Add(texts[i]),
            Vectors = vectors[i],
        }).ToList();
        return (new ReadyBatch(records, [textPack, vectorPack], embedded.Vectors.Count, unchanged), null);
    }

    // Once begun it is finished, whoever has left.
    private async Task<StoredBatch> StoreAsync(CollectionRecord collection, CollectionDocuments documents, ReadyBatch batch)
    {
        if (batch.Records.Count == 0)
            return new StoredBatch(0, 0, batch.Unchanged, 0, null);
        var drafts = await documents.StoreAsync(batch.Packs, CancellationToken.None).ConfigureAwait(false);
        if (await CommitAsync(collection, documents, batch.Records, drafts).ConfigureAwait(false) is { } revision)
            return new StoredBatch(batch.Records.Count, batch.Chunks, batch.Unchanged, revision, null);
        foreach (var draft in drafts)
            await documents.RemoveAsync(draft, CancellationToken.None).ConfigureAwait(false);
        return new StoredBatch(0, 0, batch.Unchanged, 0, CollectionErrors.Deleted(collection.Name));
    }

    // Whoever commits last wins: a document that changed meanwhile is replaced at its new version. Null: the collection is gone.
    private async ValueTask<long?> CommitAsync(CollectionRecord collection, CollectionDocuments documents, List<DocumentRecord> records, IReadOnlyList<StoredPack> drafts)
    {
        for (var tries = 0; tries < CommitTries; tries++)
        {
            if (!await definitions.StandsAsync(collection, CancellationToken.None).ConfigureAwait(false))
                return null;
            // The store pipelines what is asked at once.
            var versions = await Task.WhenAll(records.Select(record => documents.VersionAsync(CollectionDocuments.Key(record.Id), CancellationToken.None).AsTask())).ConfigureAwait(false);
            var writes = records.Select((record, i) => CollectionDocuments.Put(record, versions[i]));
            if (await documents.CommitAsync([.. writes, .. drafts.Select(draft => draft.Live())], CancellationToken.None).ConfigureAwait(false) is { } revision)
                return revision;
            foreach (var draft in drafts)
            {
                var pack = await documents.PackAsync(draft.Id, CancellationToken.None).ConfigureAwait(false);
                // Live at our version's successor: a try of ours landed after all.
                if (pack is { Value.State: PackState.Live })
                    return pack.Version;
                if (pack?.Version != draft.Version)
                    throw new StoreUnavailableException("Storing the documents took so long that it was given up: send them again.");
            }
        }

        throw new StoreUnavailableException("Other writers changed the same documents again and again: send them again.");
    }
}
