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

        await TryRemoveAsync(discard.Sort, discard.Name).ConfigureAwait(false);
        return true;
    }

    /// <summary>Removes now what is written down to be removed; what fails is done by a later sweep.</summary>
    public async ValueTask TryRemoveAsync(string sort, string name)
    {
        try
        {
            var key = BatchDocuments.DiscardKey(sort, name);
            if (await documents.ReadAsync(key, BatchJson.Default.DiscardRecord, CancellationToken.None).ConfigureAwait(false) is { } discard)
            {
                await RemoveAsync(discard, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is StoreUnavailableException or IOException or UnauthorizedAccessException)
        {
            LogNotRemoved(sort, name, fault.Message);
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
            if (!(discard.Value.NotBefore > now))
            {
                await RemoveAsync(discard, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask RemoveAsync(Stored<DiscardRecord> discard, CancellationToken cancellationToken)
    {
        var (sort, name, notBefore) = discard.Value;
        // A draft is first given up for good: whoever would keep it at this moment wins, or finds that it is too late.
        if (notBefore is not null
            && !await documents.CommitAsync([BatchDocuments.Discard(discard.Value with { NotBefore = null }, discard.Version)], cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        if (sort == DiscardRecord.Log)
        {
            await documents.Store.Logs.RemoveAsync(name, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await documents.Store.Blobs.RemoveAsync(name, cancellationToken).ConfigureAwait(false);
        }

        if (await documents.ReadAsync(discard.Key, BatchJson.Default.DiscardRecord, cancellationToken).ConfigureAwait(false) is { } stored)
        {
            await documents.CommitAsync([new Write(stored.Key, stored.Version, null)], cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(EventId = 231, EventName = "DiscardDelayed", Level = LogLevel.Warning, Message = "The {Sort} {Name} could not be removed and is tried again later: {Reason}")]
    private partial void LogNotRemoved(string sort, string name, string reason);
}
