using Weir.Inference.Batches.Documents;
using Weir.State;

namespace Weir.Inference.Batches;

/// <summary>
/// Blobs that no document names yet. Each is written down as something to be removed before its first byte is stored, and crossed out by
/// the commit that names it (<see cref="BatchDocuments.KeepAsync"/>): wherever a crash falls, <see cref="Discards"/> finds what it left.
/// </summary>
internal sealed class BlobDrafts(BatchDocuments documents, Discards discards, BatchLimits limits)
{
    /// <returns>The blob, durable: it belongs to nobody until it is kept, or dropped.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or full.</exception>
    public async ValueTask<string> WriteAsync(Stream content, CancellationToken cancellationToken)
    {
        var blob = IBlobStore.NewId();
        var draft = new DiscardRecord(DiscardRecord.Blob, blob, documents.Store.Clock.Now + limits.DraftsKept);
        if (!await documents.CommitAsync([BatchDocuments.Discard(draft)], cancellationToken).ConfigureAwait(false))
        {
            throw new StoreUnavailableException("The state store refused a new blob.");
        }

        try
        {
            await documents.Store.Blobs.WriteAsync(blob, content, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await DropAsync(blob).ConfigureAwait(false);
            throw;
        }

        return blob;
    }

    /// <summary>Removes a blob of which nothing came; what is kept already stays.</summary>
    public ValueTask DropAsync(string blob) => discards.TryRemoveAsync(DiscardRecord.Blob, blob);
}
