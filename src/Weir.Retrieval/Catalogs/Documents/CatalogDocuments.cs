using System.Text.Json;
using Weir.Retrieval.Storage;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Documents;

/// <summary>
/// The keys and commits of the partition of catalogs. A name holds no slash, so that no tenant can write a key that reads as another's.
/// </summary>
internal sealed class CatalogDocuments(IStateStore store)
{
    public const string Partition = "catalogs";

    /// <summary>What every replica follows: catalogs and the states of their sources.</summary>
    public const string Followed = "catalog/";

    public const string DiscardPrefix = "discard/";
    private const string RecordPrefix = "catalog/tools/";
    private const string StatusPrefix = "catalog/sources/";

    public IStateStore Store => store;

    public static string KeyOf(string? tenant, string name) => RecordPrefix + Scope(tenant) + name;

    public static string PrefixOf(string? tenant) => RecordPrefix + Scope(tenant);

    public static bool IsRecord(string key) => key.StartsWith(RecordPrefix, StringComparison.Ordinal);

    public static string StatusKey(string recordKey) => string.Concat(StatusPrefix, recordKey.AsSpan(RecordPrefix.Length));

    /// <summary>The record's key that a status belongs to.</summary>
    public static string RecordKey(string statusKey) => string.Concat(RecordPrefix, statusKey.AsSpan(StatusPrefix.Length));

    public static bool IsStatus(string key) => key.StartsWith(StatusPrefix, StringComparison.Ordinal);

    public static string DiscardKey(string blob) => DiscardPrefix + blob;

    public static Write Put(CatalogRecord record, long expected) =>
        new(KeyOf(record.Tenant, record.Name), expected, JsonSerializer.SerializeToUtf8Bytes(record, CatalogJson.Default.CatalogRecord));

    public static Write Put(BlobDiscard discard, long expected = 0) =>
        new(DiscardKey(discard.Blob), expected, JsonSerializer.SerializeToUtf8Bytes(discard, CatalogJson.Default.BlobDiscard));

    public async ValueTask<CatalogEntry?> ReadAsync(string key, CancellationToken cancellationToken) =>
        await store.ReadAsync(Partition, key, cancellationToken).ConfigureAwait(false) is { } document
            && CatalogJson.Read(document.Body, CatalogJson.Default.CatalogRecord) is { } record
                ? new CatalogEntry(key, document.Version, record)
                : null;

    /// <returns>The revision; null: something was changed meanwhile, read again and decide anew.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or did not say what became of it.</exception>
    public ValueTask<long?> CommitAsync(IReadOnlyList<Write> writes, CancellationToken cancellationToken, IReadOnlyList<Check>? checks = null) =>
        store.TryCommitAsync(Partition, writes, cancellationToken, checks);

    private static string Scope(string? tenant) => tenant is null ? "global/" : $"tenant/{tenant}/";
}

/// <summary>A catalog as the store has it.</summary>
/// <param name="Key">Its document.</param>
/// <param name="Version">The revision of the commit that wrote it.</param>
/// <param name="Record">What it holds.</param>
internal sealed record CatalogEntry(string Key, long Version, CatalogRecord Record);
