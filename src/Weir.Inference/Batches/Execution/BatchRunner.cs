using Microsoft.Extensions.Logging;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Input;
using Weir.Inference.Batches.Results;
using Weir.State;

namespace Weir.Inference.Batches.Execution;

/// <summary>
/// Takes a batch from the state in which it stands to its end, under a claim. Every step can be broken off and done again: what lines
/// were answered is read back from the log.
/// </summary>
internal sealed partial class BatchRunner(
    BatchDocuments documents, LineSender sender, Discards discards, BlobDrafts drafts, BatchLimits limits, BatchMetrics metrics, TimeProvider time, Random random, ILogger<BatchRunner> logger)
{
    private IStateStore Store => documents.Store;

    private DateTimeOffset Now => Store.Clock.Now;

    /// <param name="pending">Which.</param>
    /// <param name="isLook">Only what waits for no provider: it is validated, and ended if its time is over or it was cancelled.</param>
    /// <param name="fence">Of the claim.</param>
    /// <param name="signals">What it is told meanwhile.</param>
    /// <param name="ends">The claim ends.</param>
    /// <exception cref="StaleFenceException">Another holds it, or it was changed while it was being taken.</exception>
    public async Task RunAsync(PendingRecord pending, bool isLook, long fence, BatchSignals signals, CancellationToken ends)
    {
        if (await HeldBatch.TakeAsync(documents, pending, fence, ends).ConfigureAwait(false) is not { } held)
        {
            return;
        }

        if (held.Record.Status == BatchStatus.Cancelling)
        {
            signals.Cancel();
        }

        if (held.Record.Status == BatchStatus.Validating && !await ValidateAsync(held, ends).ConfigureAwait(false))
        {
            return;
        }

        if (held.Record is { Status: BatchStatus.Cancelling, Total: 0 })
        {
            await EndAsync(held, BatchStatus.Cancelled, [], null, ends).ConfigureAwait(false);
            return;
        }

        if (isLook && held.Record is { Status: BatchStatus.InProgress, FinalizingAt: null } && held.Record.ExpiresAt > Now && !signals.Cancelled.IsCancellationRequested)
        {
            return;
        }

        if (await AnswerAsync(held, signals, ends).ConfigureAwait(false) is { } tally)
        {
            await FinishAsync(held, tally, ends).ConfigureAwait(false);
        }
    }

    private static string LogOf(BatchRecord batch) => "batch/" + batch.Id;

    // Whether it can be run; else it has ended.
    private async Task<bool> ValidateAsync(HeldBatch held, CancellationToken ends)
    {
        BatchValidation validation;
        if (await Store.Blobs.OpenAsync(held.Record.InputBlob, ends).ConfigureAwait(false) is not { } content)
        {
            validation = new BatchValidation(0, [new BatchFault("file_missing", null, "The bytes of the input file are gone: upload it again.", null)]);
        }
        else
        {
            await using (content.ConfigureAwait(false))
            {
                validation = await BatchValidator.ValidateAsync(content, held.Record.Endpoint, limits, ends).ConfigureAwait(false);
            }
        }

        if (validation.Faults.Count > 0)
        {
            await held.EndAsync(
                batch => batch with { Status = BatchStatus.Failed, FailedAt = Now, Faults = validation.Faults }, [], null, limits.BatchesKept, ends).ConfigureAwait(false);
            LogEnded(held.Record.Id, BatchStatus.Failed, 0, 0, validation.Lines);
            metrics.Ended(BatchStatus.Failed);
            return false;
        }

        await held.UpdateAsync(
            batch => batch with
            {
                Total = validation.Lines,
                InProgressAt = Now,
                Status = batch.Status == BatchStatus.Validating ? BatchStatus.InProgress : batch.Status,
            },
            ends).ConfigureAwait(false);
        return true;
    }

    // Until every line has a result; null: it stopped before.
    private async Task<BatchTally?> AnswerAsync(HeldBatch held, BatchSignals signals, CancellationToken ends)
    {
        var name = LogOf(held.Record);
        var log = await ResultLog.OpenAsync(Store.Logs, name, held.Fence, time, logger, ends).ConfigureAwait(false);
        await using var _ = log.ConfigureAwait(false);
        // After the log was opened nobody else adds to it.
        var tally = await BatchTally.ReadAsync(Store.Logs, name, held.Record.Total, ends).ConfigureAwait(false);
        if (held.Record.FinalizingAt is null)
        {
            LogStarted(held.Record.Id, tally.Done, tally.Lines);
            var content = await OpenInputAsync(held.Record, ends).ConfigureAwait(false);
            await using var __ = content.ConfigureAwait(false);
            var work = new BatchWork(held, tally, log, new LineReader(content, limits.LineBytes), signals, Store.Clock);
            if (await new BatchRun(work, sender, limits, metrics, time, random).RunAsync(ends).ConfigureAwait(false) is not { } end)
            {
                return null;
            }

            await held.UpdateAsync(
                batch => batch.Status == BatchStatus.Cancelling
                    ? batch with { Ending = BatchStatus.Cancelled, FinalizingAt = Now }
                    : batch with { Ending = end, FinalizingAt = Now, Status = BatchStatus.Finalizing },
                ends).ConfigureAwait(false);
        }

        if (tally.Done < tally.Lines)
        {
            await FillAsync(held.Record, tally, log, ends).ConfigureAwait(false);
        }

        return tally;
    }

    // Lines that were never answered get a result that says so.
    private async Task FillAsync(BatchRecord batch, BatchTally tally, ResultLog log, CancellationToken ends)
    {
        const int Group = 256;
        var (code, message) = batch.Ending == BatchStatus.Expired
            ? ("batch_expired", "This line was not answered before the completion window of the batch was over.")
            : ("batch_cancelled", "This line was not answered before the batch was cancelled.");
        var content = await OpenInputAsync(batch, ends).ConfigureAwait(false);
        await using var _ = content.ConfigureAwait(false);
        var reader = new LineReader(content, limits.LineBytes);
        var group = new List<LineRecord>(Group);
        while (await reader.NextAsync(ends).ConfigureAwait(false))
        {
            if (tally.KindOf(reader.Number) != LineKind.None)
            {
                continue;
            }

            var customId = BatchLine.Parse(reader.Line, batch.Endpoint, out var line) is null ? line.CustomId : $"line {reader.Number}";
            group.Add(ResultLine.Unanswered(batch.Id, reader.Number, customId, code, message));
            if (group.Count == Group)
            {
                await AddAsync().ConfigureAwait(false);
            }
        }

        await AddAsync().ConfigureAwait(false);

        async Task AddAsync()
        {
            await Task.WhenAll(group.Select(result => log.AppendAsync(result))).ConfigureAwait(false);
            group.ForEach(result => tally.Add(result));
            group.Clear();
        }
    }

    private async Task FinishAsync(HeldBatch held, BatchTally tally, CancellationToken ends)
    {
        var files = new List<FileRecord>();
        try
        {
            foreach (var (kind, name) in new[] { (LineKind.Output, "output"), (LineKind.Error, "error") })
            {
                if (await new ResultFile(Store.Logs, drafts, LogOf(held.Record), tally, kind).WriteAsync(ends).ConfigureAwait(false) is { } written)
                {
                    files.Add(FileOf(held.Record, name, written.Blob, written.Bytes));
                }
            }

            await EndAsync(held, held.Record.Ending, files, tally, ends).ConfigureAwait(false);
        }
        catch (StaleFenceException)
        {
            // What another holder writes has blobs of its own.
            foreach (var file in files)
            {
                await drafts.DropAsync(file.Blob).ConfigureAwait(false);
            }

            throw;
        }
    }

    private FileRecord FileOf(BatchRecord batch, string name, string blob, long bytes) => new()
    {
        Id = documents.NewId("file-"),
        Tenant = batch.Tenant,
        Blob = blob,
        Bytes = bytes,
        CreatedAt = Now,
        Filename = $"{batch.Id}_{name}.jsonl",
        Purpose = FileRecord.OfBatch,
        ExpiresAt = Now + (batch.OutputSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : limits.ResultsKept),
    };

    private async Task EndAsync(HeldBatch held, BatchStatus status, List<FileRecord> files, BatchTally? tally, CancellationToken ends)
    {
        var log = tally is null ? null : new DiscardRecord(DiscardRecord.Log, LogOf(held.Record));
        var now = Now;
        await held.EndAsync(
            batch => batch with
            {
                Status = status,
                CompletedAt = status == BatchStatus.Completed ? now : null,
                ExpiredAt = status == BatchStatus.Expired ? now : null,
                CancelledAt = status == BatchStatus.Cancelled ? now : null,
                Completed = tally?.Completed ?? 0,
                Failed = tally?.Failed ?? 0,
                Usage = tally?.Usage ?? default,
                OutputFileId = files.Find(file => file.Filename.EndsWith("_output.jsonl", StringComparison.Ordinal))?.Id,
                ErrorFileId = files.Find(file => file.Filename.EndsWith("_error.jsonl", StringComparison.Ordinal))?.Id,
            },
            files,
            log,
            limits.BatchesKept,
            ends).ConfigureAwait(false);
        metrics.Ended(status);
        LogEnded(held.Record.Id, status, tally?.Completed ?? 0, tally?.Failed ?? 0, held.Record.Total);
        if (log is not null)
        {
            await discards.TryRemoveAsync(log.Sort, log.Name).ConfigureAwait(false);
        }
    }

    private async Task<Stream> OpenInputAsync(BatchRecord batch, CancellationToken ends) =>
        await Store.Blobs.OpenAsync(batch.InputBlob, ends).ConfigureAwait(false)
            ?? throw new InvalidDataException($"The input of {batch.Id} is gone: blob {batch.InputBlob}.");

    [LoggerMessage(EventId = 235, EventName = "BatchStarted", Level = LogLevel.Information, Message = "{Batch} is run from here: {Done} of {Lines} lines have a result")]
    private partial void LogStarted(string batch, int done, int lines);

    [LoggerMessage(EventId = 236, EventName = "BatchEnded", Level = LogLevel.Information, Message = "{Batch} is {Status}: {Completed} lines completed and {Failed} failed of {Lines}")]
    private partial void LogEnded(string batch, BatchStatus status, int completed, int failed, int lines);
}
