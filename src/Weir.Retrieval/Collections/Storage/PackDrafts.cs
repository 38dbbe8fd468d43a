using System.Runtime.InteropServices;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>
/// Packs on their way into the store: written down, then stored, then named by documents in the commit that also makes them live. A pack that never
/// comes so far is found by <see cref="Upkeep.PackSweep"/>.
/// </summary>
internal static class PackDrafts
{
    /// <returns>The packs with the versions under which they were written down; their bytes are durable.</returns>
    public static async ValueTask<IReadOnlyList<StoredPack>> StoreAsync(this CollectionDocuments documents, IReadOnlyList<PackBuilder> packs, CancellationToken cancellationToken)
    {
        var now = documents.Store.Clock.Now;
        var records = packs.ToDictionary(pack => pack.Id, pack => new PackRecord(PackState.Draft, now, pack.Length));
        var revision = await documents.CommitAsync([.. records.Select(entry => CollectionDocuments.Put(entry.Key, entry.Value, 0))], cancellationToken).ConfigureAwait(false)
            ?? throw new StoreUnavailableException("The state store refused a new pack of documents.");
        // Each waits for the disk: together they wait once.
        await Task.WhenAll(packs.Select(pack => WriteAsync(documents.Store.Blobs, pack, cancellationToken))).ConfigureAwait(false);
        return [.. records.Select(entry => new StoredPack(entry.Key, revision, entry.Value))];
    }

    /// <summary>Belongs into the commit of the documents that name it; that commit is lost where the sweep was first.</summary>
    public static Write Live(this StoredPack draft) => CollectionDocuments.Put(draft.Id, draft.Value with { State = PackState.Live }, draft.Version);

    /// <summary>Removes a pack that nothing names: given up first, so that nobody can come to name it.</summary>
    /// <returns>False: somebody names it after all, or removes it too.</returns>
    public static async ValueTask<bool> RemoveAsync(this CollectionDocuments documents, StoredPack pack, CancellationToken cancellationToken)
    {
        var version = pack.Version;
        if (pack.Value.State != PackState.Gone)
        {
            if (await documents.CommitAsync([CollectionDocuments.Put(pack.Id, pack.Value with { State = PackState.Gone }, version)], cancellationToken).ConfigureAwait(false) is not { } revision)
                return false;
            version = revision;
        }

        await documents.Store.Blobs.RemoveAsync(pack.Id, cancellationToken).ConfigureAwait(false);
        await documents.CommitAsync([new Write(CollectionDocuments.PackKey(pack.Id), version, null)], cancellationToken).ConfigureAwait(false);
        return true;
    }

    private static async Task WriteAsync(IBlobStore blobs, PackBuilder pack, CancellationToken cancellationToken)
    {
        MemoryMarshal.TryGetArray(pack.Bytes, out var bytes);
        using var content = new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false);
        await blobs.WriteAsync(pack.Id, content, cancellationToken).ConfigureAwait(false);
    }
}
