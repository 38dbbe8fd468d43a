using Microsoft.Extensions.Logging;
using Weir.Inference.Batches.Documents;
using Weir.State;

namespace Weir.Inference.Batches;

/// <summary>
/// Removes blobs and logs that no document names any more, and files whose time is up. What is to go is a document until it is gone, so
/// that a crash leaves nothing behind; any replica may do it, twice is only wasted work.
/// </summary>
internal sealed partial class Discards(BatchDocuments documents, ILogger<Discards> logger)
{
    /// <summary>Deletes a file, first its document and then its bytes.</summary>
    /// <returns>False: it was changed meanwhile.</returns>
    public async ValueTask<bool> DeleteAsync(Stored<FileRecord> file, CancellationToken cancellationToken)
    {
        var discard = new DiscardRecord(DiscardRecord.Blob, file.Value.Blob);
        if (!await documents.CommitAsync([new Write(file.Key, file.Version, null), BatchDocuments.Discard(discard)], cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        await TryRemoveAsync(discard).ConfigureAwait(false);
        return true;
    }

    /// <summary>Removes now what is written down to be removed; what fails is done by a later sweep.</summary>
    public async ValueTask TryRemoveAsync(DiscardRecord discard)
    {
        try
        {
            await RemoveAsync(discard, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is StoreUnavailableException or IOException or UnauthorizedAccessException)
        {
            LogNotRemoved(discard.Sort, discard.Name, fault.Message);
        }
    }

    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        var now = documents.Store.Clock.Now;
        await foreach (var file in documents.ListAsync(BatchDocuments.FilePrefix, BatchJson.Default.FileRecord, cancellationToken).ConfigureAwait(false))
        {
            if (file.Value.IsExpired(now))
            {
                await DeleteAsync(file, cancellationToken).ConfigureAwait(false);
            }
        }

        await foreach (var discard in documents.ListAsync(BatchDocuments.DiscardPrefix, BatchJson.Default.DiscardRecord, cancellationToken).ConfigureAwait(false))
        {
            await RemoveAsync(discard.Value, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask RemoveAsync(DiscardRecord discard, CancellationToken cancellationToken)
    {
        if (discard.Sort == DiscardRecord.Log)
        {
            await documents.Store.Logs.RemoveAsync(discard.Name, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await documents.Store.Blobs.RemoveAsync(discard.Name, cancellationToken).ConfigureAwait(false);
        }

        var key = BatchDocuments.Discard(discard).Key;
        if (await documents.ReadAsync(key, BatchJson.Default.DiscardRecord, cancellationToken).ConfigureAwait(false) is { } stored)
        {
            await documents.CommitAsync([new Write(key, stored.Version, null)], cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(EventId = 231, EventName = "DiscardDelayed", Level = LogLevel.Warning, Message = "The {Sort} {Name} could not be removed and is tried again later: {Reason}")]
    private partial void LogNotRemoved(string sort, string name, string reason);
}
