using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>The documents and packs of one collection: a partition of their own.</summary>
internal sealed class CollectionDocuments(IStateStore store, string partition)
{
    public const string Prefix = "document/";
    private const string PackPrefix = "pack/";
    private const int Page = 500;

    public IStateStore Store => store;

    public string Partition => partition;

    /// <summary>An id may be any text; its key is a digest of it.</summary>
    public static string Key(string id) => Prefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)));

    public static string PackKey(string pack) => PackPrefix + pack;

    /// <returns>Null: it is damaged.</returns>
    public static DocumentRecord? Parse(Document document)
    {
        try
        {
            var record = JsonSerializer.Deserialize(document.Body.Span, CollectionJson.Default.DocumentRecord);
            return record is { Id: not null, Text.Pack: not null, Vectors: { Slice.Pack: not null, Shape.Model: not null } }
                && (record.Next is null || record.Next is { Slice.Pack: not null, Shape.Model: not null })
                    ? record
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static Write Put(DocumentRecord document, long expected) =>
        new(Key(document.Id), expected, JsonSerializer.SerializeToUtf8Bytes(document, CollectionJson.Default.DocumentRecord));

    public static Write Put(string pack, PackRecord record, long expected) =>
        new(PackKey(pack), expected, JsonSerializer.SerializeToUtf8Bytes(record, CollectionJson.Default.PackRecord));

    public async ValueTask<StoredDocument?> ReadAsync(string key, CancellationToken cancellationToken) =>
        await store.ReadAsync(partition, key, cancellationToken).ConfigureAwait(false) is { } document && Parse(document) is { } value
            ? new StoredDocument(key, document.Version, value)
            : null;

    /// <summary>Those that are there, by key.</summary>
    public async ValueTask<Dictionary<string, StoredDocument>> ReadAsync(IEnumerable<string> keys, CancellationToken cancellationToken)
    {
        // The store pipelines what is asked at once.
        var found = await Task.WhenAll(keys.Select(key => ReadAsync(key, cancellationToken).AsTask())).ConfigureAwait(false);
        return found.OfType<StoredDocument>().ToDictionary(document => document.Key, StringComparer.Ordinal);
    }

    public ValueTask<long?> CommitAsync(IReadOnlyList<Write> writes, CancellationToken cancellationToken) =>
        store.TryCommitAsync(partition, writes, cancellationToken);

    /// <summary>The version that a change must expect, also of what is damaged. 0: there is none.</summary>
    public async ValueTask<long> VersionAsync(string key, CancellationToken cancellationToken) =>
        (await store.ReadAsync(partition, key, cancellationToken).ConfigureAwait(false))?.Version ?? 0;

    /// <summary>Whatever is stored as a document, damaged or not, in the order of keys.</summary>
    public ValueTask<IReadOnlyList<Document>> StoredAsync(int limit, CancellationToken cancellationToken) => store.ListAsync(partition, Prefix, null, limit, cancellationToken);

    /// <summary>A page in the order of keys, which is none that a reader knows. What is damaged is passed over: fewer than asked for are the last.</summary>
    public async ValueTask<IReadOnlyList<StoredDocument>> PageAsync(string? after, int limit, CancellationToken cancellationToken)
    {
        var found = new List<StoredDocument>();
        while (true)
        {
            var wanted = limit - found.Count;
            var page = await store.ListAsync(partition, Prefix, after, wanted, cancellationToken).ConfigureAwait(false);
            found.AddRange(page.Select(document => Parse(document) is { } value ? new StoredDocument(document.Key, document.Version, value) : null).OfType<StoredDocument>());
            if (page.Count < wanted || found.Count == limit)
                return found;
            after = page[^1].Key;
        }
    }

    public async IAsyncEnumerable<StoredDocument> AllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            var page = await PageAsync(after, Page, cancellationToken).ConfigureAwait(false);
            foreach (var document in page)
                yield return document;
            if (page.Count < Page)
                yield break;
            after = page[^1].Key;
        }
    }

    public async ValueTask<List<StoredPack>> PacksAsync(CancellationToken cancellationToken)
    {
        var packs = new List<StoredPack>();
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync(partition, PackPrefix, after, Page, cancellationToken).ConfigureAwait(false);
            packs.AddRange(page.Select(document => new StoredPack(
                document.Key[PackPrefix.Length..], document.Version, JsonSerializer.Deserialize(document.Body.Span, CollectionJson.Default.PackRecord)!)));
            if (page.Count < Page)
                return packs;
            after = page[^1].Key;
        }
    }

    public async ValueTask<StoredPack?> PackAsync(string pack, CancellationToken cancellationToken) =>
        await store.ReadAsync(partition, PackKey(pack), cancellationToken).ConfigureAwait(false) is { } document
            ? new StoredPack(pack, document.Version, JsonSerializer.Deserialize(document.Body.Span, CollectionJson.Default.PackRecord)!)
            : null;
}

/// <summary>A pack as stored, and the version that a change of it must expect.</summary>
internal sealed record StoredPack(string Id, long Version, PackRecord Value);
