using System.Runtime.CompilerServices;
using System.Text.Json;
using Weir.Retrieval.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>
/// The definitions of collections and, until it is done, what is to be removed of deleted ones: one partition, so that both change together.
/// Keys hold the tenant in front of the name; neither can hold a slash.
/// </summary>
internal sealed class CollectionDefinitions(IStateStore store)
{
    public const string Partition = "collections";
    public const string Prefix = "definition/";
    private const string RemovedPrefix = "removed/";
    private const int Page = 500;

    public IStateStore Store => store;

    public static string Key(string? tenant, string name) => tenant is null ? $"{Prefix}global/{name}" : $"{TenantPrefix(tenant)}{name}";

    public static string TenantPrefix(string tenant) => $"{Prefix}tenant/{tenant}/";

    public static string PartitionOf(string id) => $"collection:{id}";

    public static CollectionRecord? Parse(Document document) => JsonSerializer.Deserialize(document.Body.Span, CollectionJson.Default.CollectionRecord);

    public async ValueTask<StoredCollection?> ReadAsync(string? tenant, string name, CancellationToken cancellationToken) =>
        await store.ReadAsync(Partition, Key(tenant, name), cancellationToken).ConfigureAwait(false) is { } document && Parse(document) is { } value
            ? new StoredCollection(document.Version, value)
            : null;

    /// <summary>Whether a collection is still the one it was.</summary>
    public async ValueTask<bool> StandsAsync(CollectionRecord collection, CancellationToken cancellationToken) =>
        (await ReadAsync(collection.Tenant, collection.Name, cancellationToken).ConfigureAwait(false))?.Value.Id == collection.Id;

    public async ValueTask<int> CountAsync(string tenant, int most, CancellationToken cancellationToken) =>
        (await store.ListAsync(Partition, TenantPrefix(tenant), null, most, cancellationToken).ConfigureAwait(false)).Count;

    public ValueTask<long?> PutAsync(CollectionRecord collection, long expected, CancellationToken cancellationToken) =>
        store.TryCommitAsync(Partition, [new Write(collection.Key, expected, JsonSerializer.SerializeToUtf8Bytes(collection, CollectionJson.Default.CollectionRecord))], cancellationToken);

    /// <summary>From here on nobody finds it; its documents are removed afterwards, also where this process dies now.</summary>
    public ValueTask<long?> DeleteAsync(StoredCollection collection, CancellationToken cancellationToken)
    {
        var removed = new RemovedRecord(collection.Value.Id, store.Clock.Now);
        return store.TryCommitAsync(
            Partition,
            [
                new Write(collection.Value.Key, collection.Version, null),
                new Write(RemovedPrefix + removed.Id, 0, JsonSerializer.SerializeToUtf8Bytes(removed, CollectionJson.Default.RemovedRecord)),
            ],
            cancellationToken);
    }

    public async IAsyncEnumerable<(Document Document, RemovedRecord Value)> RemovedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync(Partition, RemovedPrefix, after, Page, cancellationToken).ConfigureAwait(false);
            foreach (var document in page)
            {
                if (JsonSerializer.Deserialize(document.Body.Span, CollectionJson.Default.RemovedRecord) is { } removed)
                    yield return (document, removed);
            }

            if (page.Count < Page)
                yield break;
            after = page[^1].Key;
        }
    }
}
