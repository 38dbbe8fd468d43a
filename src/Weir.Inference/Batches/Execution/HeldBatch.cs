using Weir.Inference.Batches.Documents;
using Weir.State;

namespace Weir.Inference.Batches.Execution;

/// <summary>
/// A batch's document in the hand of whoever runs it: every write names the version that was read, and one that finds the fence of a
/// later holder in it writes no more.
/// </summary>
internal sealed class HeldBatch
{
    private readonly BatchDocuments _documents;
    private readonly long _fence;
    private Stored<BatchRecord> _stored;

    private HeldBatch(BatchDocuments documents, Stored<BatchRecord> stored, long fence) => (_documents, _stored, _fence) = (documents, stored, fence);

    public BatchRecord Record => _stored.Value;

    public long Fence => _fence;

    private DateTimeOffset Now => _documents.Store.Clock.Now;

    /// <returns>Null where there is nothing left to do.</returns>
    /// <exception cref="StaleFenceException">A later holder has it.</exception>
    public static async Task<HeldBatch?> TakeAsync(BatchDocuments documents, PendingRecord pending, long fence, CancellationToken cancellationToken)
    {
        if (await documents.BatchAsync(pending.Tenant, pending.Id, cancellationToken).ConfigureAwait(false) is not { } stored || stored.Value.HasEnded)
        {
            return null;
        }

        if (stored.Value.Fence > fence)
        {
            throw Stale(pending.Id);
        }

        var held = new HeldBatch(documents, stored with { Value = stored.Value with { Fence = fence } }, fence);
        if (!await held.TryCommitAsync([BatchDocuments.Put(held.Record, stored.Version)], cancellationToken).ConfigureAwait(false))
        {
            // It was cancelled, or taken, just now: the next try sees which.
            throw Stale(pending.Id);
        }

        await held.ReadAgainAsync(cancellationToken).ConfigureAwait(false);
        return held;
    }

    /// <param name="change">Is given what stands there now, and may be asked more than once.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public async Task UpdateAsync(Func<BatchRecord, BatchRecord> change, CancellationToken cancellationToken)
    {
        while (!await TryCommitAsync([BatchDocuments.Put(change(Record), _stored.Version)], cancellationToken).ConfigureAwait(false))
        {
            await ReadAgainAsync(cancellationToken).ConfigureAwait(false);
        }

        await ReadAgainAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends the batch: it, its files, the file that it read and what says that it has not ended change together.</summary>
    /// <param name="change">To a state that is an end.</param>
    /// <param name="results">Files that came of it, their blobs durable drafts.</param>
    /// <param name="discard">What is not needed any more; null: nothing.</param>
    /// <param name="kept">How long the batch is shown.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public async Task EndAsync(
        Func<BatchRecord, BatchRecord> change, IReadOnlyList<FileRecord> results, DiscardRecord? discard, TimeSpan kept, CancellationToken cancellationToken)
    {
        while (true)
        {
            var ended = change(Record);
            var writes = new List<Write> { BatchDocuments.Put(ended, _stored.Version, Now + kept) };
            foreach (var file in results)
            {
                writes.Add(BatchDocuments.Put(file, 0));
                writes.Add(await _documents.KeepAsync(file.Blob, cancellationToken).ConfigureAwait(false));
            }

            if (discard is not null)
            {
                writes.Add(BatchDocuments.Discard(discard));
            }

            var pendingKey = BatchDocuments.PendingKey(ended.Tenant, ended.Id);
            if (await _documents.ReadAsync(pendingKey, BatchJson.Default.PendingRecord, cancellationToken).ConfigureAwait(false) is { } pending)
            {
                writes.Add(new Write(pendingKey, pending.Version, null));
            }

            if (await _documents.FileAsync(ended.Tenant, ended.InputFileId, cancellationToken).ConfigureAwait(false) is { } input)
            {
                writes.Add(BatchDocuments.Put(input.Value.WithoutUser(ended.Id), input.Version));
            }

            if (await TryCommitAsync(writes, cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            await ReadAgainAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private ValueTask<bool> TryCommitAsync(IReadOnlyList<Write> writes, CancellationToken cancellationToken) =>
        _documents.CommitAsync(writes, cancellationToken);

    private async Task ReadAgainAsync(CancellationToken cancellationToken)
    {
        var read = await _documents.BatchAsync(Record.Tenant, Record.Id, cancellationToken).ConfigureAwait(false);
        if (read is null || read.Value.Fence != _fence || read.Value.HasEnded)
        {
            throw Stale(Record.Id);
        }

        _stored = read;
    }

    private static StaleFenceException Stale(string id) => new($"Batch '{id}' has changed hands or was changed just now: its holder goes on with it.");
}
