using Weir.Inference.Batches.Documents;
using Weir.State;

namespace Weir.Inference.Batches;

/// <summary>Files of tenants: input of batches, and what these answered.</summary>
public sealed class BatchFiles
{
    private const int MostTries = 20;
    private readonly BatchDocuments _documents;
    private readonly Discards _discards;
    private readonly BlobDrafts _drafts;

    internal BatchFiles(BatchDocuments documents, Discards discards, BlobDrafts drafts, BatchLimits limits)
    {
        _documents = documents;
        _discards = discards;
        _drafts = drafts;
        Limits = limits;
    }

    public BatchLimits Limits { get; }

    private IStateStore Store => _documents.Store;

    private DateTimeOffset Now => Store.Clock.Now;

    /// <summary>Whether the tenant may keep one more file of so many bytes. Uploads at the same moment may together go a little over.</summary>
    public async ValueTask<InferenceError?> RoomAsync(string tenant, long bytes, CancellationToken cancellationToken)
    {
        var count = 1;
        await foreach (var file in FilesAsync(tenant, cancellationToken).ConfigureAwait(false))
        {
            count++;
            bytes += file.Bytes;
        }

        var reached = count > Limits.FilesPerTenant ? $"{Limits.FilesPerTenant} files"
            : bytes > Limits.BytesPerTenant ? $"{Limits.BytesPerTenant} bytes of files" : null;
        return reached is null ? null : new InferenceError(422, "storage_full", $"There is room for {reached} and no more: delete some, or upload them with expires_after.")
        {
            ShouldRetry = false,
        };
    }

    /// <returns>The blob, durable: it belongs to nobody until <see cref="AddAsync"/> or <see cref="DropAsync"/>.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or full.</exception>
    public ValueTask<string> StoreAsync(Stream content, CancellationToken cancellationToken) => _drafts.WriteAsync(content, cancellationToken);

    /// <summary>Removes a blob that no file came of.</summary>
    public ValueTask DropAsync(string blob) => _drafts.DropAsync(blob);

    /// <summary>Makes a file of a blob.</summary>
    /// <exception cref="StoreUnavailableException">The store is away, or gave the blob up, since it was made longer ago than <see cref="BatchLimits.DraftsKept"/>.</exception>
    /// <param name="file">Its id and time of making are given here.</param>
    /// <param name="lifetime">Null: it is kept until it is deleted.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public async Task<FileRecord> AddAsync(NewFile file, TimeSpan? lifetime, CancellationToken cancellationToken)
    {
        var now = Now;
        var record = new FileRecord
        {
            Id = _documents.NewId("file-"),
            Tenant = file.Tenant,
            Blob = file.Blob,
            Bytes = file.Bytes,
            CreatedAt = now,
            Filename = file.Filename,
            Purpose = file.Purpose,
            ExpiresAt = now + lifetime,
        };
        return await _documents.CommitAsync(
            [BatchDocuments.Put(record, 0), await _documents.KeepAsync(file.Blob, cancellationToken).ConfigureAwait(false)], cancellationToken).ConfigureAwait(false)
            ? record
            : throw new StoreUnavailableException("The state store refused the new file.");
    }

    /// <summary>Null where the tenant has none of that id.</summary>
    public async ValueTask<FileRecord?> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        IsId(id) && await _documents.FileAsync(tenant, id, cancellationToken).ConfigureAwait(false) is { } stored && !stored.Value.IsExpired(Now)
            ? stored.Value
            : null;

    /// <summary>The tenant's files, oldest first.</summary>
    public async Task<List<FileRecord>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        var files = new List<FileRecord>();
        await foreach (var file in FilesAsync(tenant, cancellationToken).ConfigureAwait(false))
        {
            files.Add(file);
        }

        return files;
    }

    /// <summary>Null where its bytes are gone.</summary>
    public ValueTask<Stream?> OpenAsync(FileRecord file, CancellationToken cancellationToken) => Store.Blobs.OpenAsync(file.Blob, cancellationToken);

    /// <returns>Null: it is gone. Else 404, or 409 while a batch reads it.</returns>
    public async Task<InferenceError?> DeleteAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (!IsId(id) || await _documents.FileAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } stored || stored.Value.IsExpired(Now))
            {
                return NotFound(id);
            }

            if (stored.Value.UsedBy is [var batch, ..])
            {
                return new InferenceError(409, "file_in_use", $"The file is being read by {batch}: wait until it has ended, or cancel it.");
            }

            if (await _discards.DeleteAsync(stored, cancellationToken).ConfigureAwait(false))
            {
                return null;
            }
        }

        throw new StoreUnavailableException("The file changed again and again while it was being deleted.");
    }

    public static InferenceError NotFound(string id) =>
        new(404, "file_not_found", $"There is no file '{Shown(id)}'. GET /v1/files lists those that there are.") { Param = "id", ShouldRetry = false };

    internal static string Shown(string id) => id.Length <= 64 ? id : id[..64] + "…";

    // What a client names becomes part of a key.
    internal static bool IsId(string id) => id.Length is > 0 and <= 64 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    private async IAsyncEnumerable<FileRecord> FilesAsync(
        string tenant, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var now = Now;
        await foreach (var stored in _documents.ListAsync(BatchDocuments.FileKey(tenant, ""), BatchJson.Default.FileRecord, cancellationToken).ConfigureAwait(false))
        {
            if (!stored.Value.IsExpired(now))
            {
                yield return stored.Value;
            }
        }
    }
}

/// <summary>What a client uploaded.</summary>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Blob">Its bytes.</param>
/// <param name="Bytes">How many.</param>
/// <param name="Filename">As the client named it.</param>
/// <param name="Purpose">Such as <c>batch</c>.</param>
public sealed record NewFile(string Tenant, string Blob, long Bytes, string Filename, string Purpose);
