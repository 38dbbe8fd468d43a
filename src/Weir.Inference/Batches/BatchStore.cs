using System.Text.Json;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Requests;
using Weir.State;

namespace Weir.Inference.Batches;

/// <summary>Batches as their tenants see them: made, looked at, cancelled. They are run by <see cref="Execution.BatchScheduler"/>.</summary>
public sealed class BatchStore
{
    private const int MostTries = 20;
    private readonly BatchDocuments _documents;
    private readonly BatchLimits _limits;

    internal BatchStore(BatchDocuments documents, BatchLimits limits) => (_documents, _limits) = (documents, limits);

    /// <summary>The paths that the lines of a batch may name.</summary>
    public static IReadOnlyList<string> Endpoints { get; } =
        [.. Operation.All.Where(operation => operation != Operation.CountTokens).Select(operation => "/v1" + operation.Path)];

    /// <summary>Null where no batch may name it.</summary>
    internal static Operation? OperationOf(string endpoint) => Endpoints.Contains(endpoint) ? Operation.All.First(operation => "/v1" + operation.Path == endpoint) : null;

    /// <summary>Makes a batch, which some replica will take up.</summary>
    public async Task<(BatchRecord? Batch, InferenceError? Error)> CreateAsync(NewBatch wanted, CancellationToken cancellationToken)
    {
        if (Fault(wanted) is { } fault)
        {
            return (null, fault);
        }

        for (var tries = 0; tries < MostTries; tries++)
        {
            var now = _documents.Store.Clock.Now;
            if (!BatchFiles.IsId(wanted.InputFileId)
                || await _documents.FileAsync(wanted.Tenant, wanted.InputFileId, cancellationToken).ConfigureAwait(false) is not { } file
                || file.Value.ExpiresAt <= now)
            {
                return (null, BatchFiles.NotFound(wanted.InputFileId) with { Param = "input_file_id" });
            }

            if (file.Value.Purpose != FileRecord.ForBatch)
            {
                return (null, InferenceError.Malformed($"The file has the purpose '{file.Value.Purpose}': upload it with 'batch'.", "input_file_id"));
            }

            var pending = await _documents.Store.ListAsync(
                BatchDocuments.Partition, BatchDocuments.PendingKey(wanted.Tenant, ""), null, _limits.BatchesPerTenant, cancellationToken).ConfigureAwait(false);
            if (pending.Count >= _limits.BatchesPerTenant)
            {
                return (null, new InferenceError(429, "too_many_batches", $"{pending.Count} batches have not ended, and there may be no more: wait for one, or cancel it.")
                {
                    RetryAfter = TimeSpan.FromMinutes(1),
                });
            }

            var batch = New(wanted, file.Value, now);
            var reading = file.Value with { UsedBy = [.. file.Value.UsedBy, batch.Id] };
            if (await _documents.CommitAsync(
                [
                    BatchDocuments.Put(batch, 0),
                    BatchDocuments.Put(new PendingRecord(batch.Tenant, batch.Id, Cancel: false, batch.ExpiresAt), 0),
                    BatchDocuments.Put(reading, file.Version),
                ],
                cancellationToken).ConfigureAwait(false))
            {
                return (batch, null);
            }
        }

        throw new StoreUnavailableException("The input file changed again and again while the batch was being made.");
    }

    /// <summary>Null where the tenant has none of that id.</summary>
    public async ValueTask<BatchRecord?> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        BatchFiles.IsId(id) ? (await _documents.BatchAsync(tenant, id, cancellationToken).ConfigureAwait(false))?.Value : null;

    /// <summary>The tenant's batches, newest first.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="after">The id that the list goes on after; null: from the first.</param>
    /// <param name="limit">At most so many; fewer only at the end.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public async Task<List<BatchRecord>> ListAsync(string tenant, string? after, int limit, CancellationToken cancellationToken)
    {
        var from = after is null ? null : BatchDocuments.BatchKey(tenant, after);
        var page = await _documents.Store.ListAsync(BatchDocuments.Partition, BatchDocuments.BatchPrefix(tenant), from, limit, cancellationToken).ConfigureAwait(false);
        return [.. page.Select(document => JsonSerializer.Deserialize(document.Body.Span, BatchJson.Default.BatchRecord)!)];
    }

    /// <summary>Asks whoever runs a batch to stop. Cancelling again changes nothing.</summary>
    public async Task<(BatchRecord? Batch, InferenceError? Error)> CancelAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (!BatchFiles.IsId(id) || await _documents.BatchAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } stored)
            {
                return (null, NotFound(id));
            }

            var batch = stored.Value;
            if (batch.Status == BatchStatus.Cancelling)
            {
                return (batch, null);
            }

            var pending = await _documents.ReadAsync(BatchDocuments.PendingKey(tenant, id), BatchJson.Default.PendingRecord, cancellationToken).ConfigureAwait(false);
            if (batch.HasEnded || batch.Status == BatchStatus.Finalizing)
            {
                return (null, new InferenceError(409, "batch_ended", $"The batch is {BatchText.Of(batch.Status)} and can no longer be cancelled.") { ShouldRetry = false });
            }

            if (pending is null)
            {
                continue;
            }

            var cancelling = batch with { Status = BatchStatus.Cancelling, CancellingAt = _documents.Store.Clock.Now };
            if (await _documents.CommitAsync(
                [BatchDocuments.Put(cancelling, stored.Version), BatchDocuments.Put(pending.Value with { Cancel = true }, pending.Version)],
                cancellationToken).ConfigureAwait(false))
            {
                return (cancelling, null);
            }
        }

        throw new StoreUnavailableException("The batch changed again and again while it was being cancelled.");
    }

    public static InferenceError NotFound(string id) =>
        new(404, "batch_not_found", $"There is no batch '{BatchFiles.Shown(id)}'. GET /v1/batches lists those that there are.") { Param = "id", ShouldRetry = false };

    private InferenceError? Fault(NewBatch wanted)
    {
        if (OperationOf(wanted.Endpoint) is null)
        {
            return InferenceError.Malformed($"\"endpoint\" must be one of {string.Join(", ", Endpoints)}.", "endpoint");
        }

        if (wanted.Window < _limits.ShortestWindow || wanted.Window > _limits.LongestWindow)
        {
            return InferenceError.Malformed(
                $"\"completion_window\" must be between {_limits.ShortestWindow.TotalMinutes:0} minutes and {_limits.LongestWindow.TotalDays:0} days, such as \"24h\".", "completion_window");
        }

        var metadata = wanted.Metadata;
        return metadata is not null && (metadata.Count > 16 || metadata.Any(pair => pair.Key.Length > 64 || pair.Value is not { Length: <= 512 }))
            ? InferenceError.Malformed("\"metadata\" takes at most 16 entries, of keys up to 64 characters and values up to 512.", "metadata")
            : null;
    }

    private BatchRecord New(NewBatch wanted, FileRecord file, DateTimeOffset now) => new()
    {
        Id = _documents.NewId("batch_"),
        Tenant = wanted.Tenant,
        KeyId = wanted.KeyId,
        Endpoint = wanted.Endpoint,
        InputFileId = file.Id,
        InputBlob = file.Blob,
        CompletionWindow = wanted.WindowText,
        Metadata = wanted.Metadata,
        OutputSeconds = wanted.OutputLifetime is { } kept ? (long)kept.TotalSeconds : null,
        Status = BatchStatus.Validating,
        CreatedAt = now,
        ExpiresAt = now + wanted.Window,
    };
}

/// <summary>What a client wants done.</summary>
public sealed record NewBatch
{
    public required string Tenant { get; init; }

    /// <summary>Who pays.</summary>
    public required string KeyId { get; init; }

    public required string InputFileId { get; init; }

    public required string Endpoint { get; init; }

    public required TimeSpan Window { get; init; }

    /// <summary>The window as the client wrote it.</summary>
    public required string WindowText { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>How long its files are kept. Null: <see cref="BatchLimits.ResultsKept"/>.</summary>
    public TimeSpan? OutputLifetime { get; init; }
}
