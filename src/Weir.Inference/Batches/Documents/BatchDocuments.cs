using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Weir.State;

namespace Weir.Inference.Batches.Documents;

/// <summary>
/// Files, batches, which batches have not ended, and what is to be removed: one partition, so that a batch and the file it reads
/// change together. Keys of files and batches begin with their tenant, which no other tenant's request can name.
/// </summary>
internal sealed class BatchDocuments(IStateStore store)
{
    public const string Partition = "batches";
    public const string PendingPrefix = "pending/";
    public const string DiscardPrefix = "discard/";
    public const string FilePrefix = "file/";
    private const int Page = 500;

    public IStateStore Store => store;

    public static string FileKey(string tenant, string id) => $"{FilePrefix}{tenant}/{id}";

    public static string BatchPrefix(string tenant) => $"batch/{tenant}/";

    /// <summary>With every hexadecimal digit turned round, so that the newest comes first.</summary>
    public static string BatchKey(string tenant, string id) =>
        BatchPrefix(tenant) + string.Create(id.Length, id, static (key, id) =>
        {
            for (var i = 0; i < key.Length; i++)
            {
                key[i] = char.IsAsciiHexDigitLower(id[i]) ? "fedcba9876543210"[Convert.ToInt32(id[i].ToString(), 16)] : id[i];
            }
        });

    public static string PendingKey(string tenant, string id) => $"{PendingPrefix}{tenant}/{id}";

    /// <summary>An id whose order is the order of time.</summary>
    public string NewId(string prefix) => prefix + Guid.CreateVersion7(store.Clock.Now).ToString("N");

    public async ValueTask<Stored<T>?> ReadAsync<T>(string key, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class =>
        await store.ReadAsync(Partition, key, cancellationToken).ConfigureAwait(false) is { } document
            && JsonSerializer.Deserialize(document.Body.Span, type) is { } value
                ? new Stored<T>(document.Key, document.Version, value)
                : null;

    public ValueTask<Stored<FileRecord>?> FileAsync(string tenant, string id, CancellationToken cancellationToken) =>
        ReadAsync(FileKey(tenant, id), BatchJson.Default.FileRecord, cancellationToken);

    public ValueTask<Stored<BatchRecord>?> BatchAsync(string tenant, string id, CancellationToken cancellationToken) =>
        ReadAsync(BatchKey(tenant, id), BatchJson.Default.BatchRecord, cancellationToken);

    /// <summary>All under a prefix, in the order of their keys; those of one tenant are few enough to hold.</summary>
    public async IAsyncEnumerable<Stored<T>> ListAsync<T>(
        string prefix, JsonTypeInfo<T> type, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class
    {
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync(Partition, prefix, after, Page, cancellationToken).ConfigureAwait(false);
            foreach (var document in page)
            {
                if (JsonSerializer.Deserialize(document.Body.Span, type) is { } value)
                {
                    yield return new Stored<T>(document.Key, document.Version, value);
                }
            }

            if (page.Count < Page)
            {
                yield break;
            }

            after = page[^1].Key;
        }
    }

    /// <returns>False: something was changed meanwhile; read again and decide anew.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or did not say what became of it.</exception>
    public async ValueTask<bool> CommitAsync(IReadOnlyList<Write> writes, CancellationToken cancellationToken)
    {
        var commit = new Commit(Partition) { Writes = writes };
        var outcome = await store.CommitAsync(commit, cancellationToken).ConfigureAwait(false);
        if (outcome is CommitOutcome.Unknown)
        {
            outcome = await store.SettleAsync(commit, cancellationToken).ConfigureAwait(false);
        }

        return outcome switch
        {
            CommitOutcome.Committed => true,
            CommitOutcome.Lost => false,
            _ => throw new StoreUnavailableException("The state store did not say whether it took the change: look again."),
        };
    }

    public static Write Put(FileRecord file, long expected) =>
        new(FileKey(file.Tenant, file.Id), expected, JsonSerializer.SerializeToUtf8Bytes(file, BatchJson.Default.FileRecord));

    public static Write Put(BatchRecord batch, long expected, DateTimeOffset? until = null) =>
        new(BatchKey(batch.Tenant, batch.Id), expected, JsonSerializer.SerializeToUtf8Bytes(batch, BatchJson.Default.BatchRecord), until);

    public static Write Put(PendingRecord pending, long expected) =>
        new(PendingKey(pending.Tenant, pending.Id), expected, JsonSerializer.SerializeToUtf8Bytes(pending, BatchJson.Default.PendingRecord));

    public static string DiscardKey(string sort, string name) => $"{DiscardPrefix}{sort}/{name}";

    /// <summary>What is to be removed is written down with what no longer names it, so that a crash in between leaves nothing behind.</summary>
    public static Write Discard(DiscardRecord discard, long expected = 0) =>
        new(DiscardKey(discard.Sort, discard.Name), expected, JsonSerializer.SerializeToUtf8Bytes(discard, BatchJson.Default.DiscardRecord));

    /// <summary>Belongs into the commit that first names a blob of <see cref="BlobDrafts"/>: from then on it stays.</summary>
    /// <exception cref="StoreUnavailableException">It was given up meanwhile.</exception>
    public async ValueTask<Write> KeepAsync(string blob, CancellationToken cancellationToken) =>
        await ReadAsync(DiscardKey(DiscardRecord.Blob, blob), BatchJson.Default.DiscardRecord, cancellationToken).ConfigureAwait(false) is { Value.NotBefore: not null } draft
            ? new Write(draft.Key, draft.Version, null)
            : throw new StoreUnavailableException("Writing the file took so long that it was given up: send it again.");
}

/// <summary>A document's content, and the version that a change of it must expect.</summary>
internal sealed record Stored<T>(string Key, long Version, T Value);

/// <summary>Says that a batch has not ended.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Id">Which.</param>
/// <param name="Cancel">It was cancelled, and whoever runs it is to stop.</param>
/// <param name="ExpiresAt">When its window is over, in store time. Null in what was written before this stood here: seen when it is run.</param>
internal sealed record PendingRecord(string Tenant, string Id, bool Cancel, DateTimeOffset? ExpiresAt = null);

/// <summary>Something beside the documents that is to be removed.</summary>
/// <param name="Sort"><c>blob</c> or <c>log</c>.</param>
/// <param name="Name">Which.</param>
/// <param name="NotBefore">In store time: a draft, which stays until then, and for good if a document comes to name it. Null: it is to go now.</param>
internal sealed record DiscardRecord(string Sort, string Name, DateTimeOffset? NotBefore = null)
{
    public const string Blob = "blob";
    public const string Log = "log";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FileRecord))]
[JsonSerializable(typeof(BatchRecord))]
[JsonSerializable(typeof(PendingRecord))]
[JsonSerializable(typeof(DiscardRecord))]
internal sealed partial class BatchJson : JsonSerializerContext
{
}
