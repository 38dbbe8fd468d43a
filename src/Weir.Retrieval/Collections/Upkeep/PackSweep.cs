using Weir.Retrieval.Collections.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Upkeep;

/// <summary>
/// Removes packs that no document names, also what a crash left, and writes anew what is left of packs that are mostly dead or very small.
/// </summary>
internal sealed class PackSweep(CollectionDefinitions definitions, CollectionLimits limits)
{
    // A pack is written anew when less than this part of it is named.
    private const double LeastAlive = 0.4;
    private const long SmallBytes = 256 << 10;
    // Fewer documents than a pack that is written anew gets: merging others would make them no larger, again and again.
    private const int SmallDocuments = DocumentsAtOnce / 2;
    private const int SmallPacks = 32;
    private const int PacksAtOnce = 64;
    private const int DocumentsAtOnce = 128;
    private const long BytesAtOnce = 4 << 20;

    /// <returns>How many packs were removed, and how many documents written anew.</returns>
    public async Task<(int Removed, int Moved)> RunAsync(CollectionRecord collection, CancellationToken cancellationToken)
    {
        var documents = new CollectionDocuments(definitions.Store, collection.Partition);
        // Packs first: one that was live by then and is named by no document afterwards is never named again, for a commit that keeps a pack
        // expects the version of the document that named it.
        var packs = await documents.PacksAsync(cancellationToken).ConfigureAwait(false);
        var alive = new Dictionary<string, (long Bytes, int Documents)>(StringComparer.Ordinal);
        await foreach (var document in documents.AllAsync(cancellationToken).ConfigureAwait(false))
        {
            foreach (var slice in document.Value.Slices)
            {
                var (bytes, count) = alive.GetValueOrDefault(slice.Pack);
                alive[slice.Pack] = (bytes + slice.Length, count + 1);
            }
        }

        var removed = 0;
        var oldest = definitions.Store.Clock.Now - limits.DraftsKept;
        foreach (var pack in packs.Where(pack => !alive.ContainsKey(pack.Id) && (pack.Value.State != PackState.Draft || pack.Value.Created < oldest)))
            removed += await documents.RemoveAsync(pack, cancellationToken).ConfigureAwait(false) ? 1 : 0;

        var worn = packs.Where(pack => alive.TryGetValue(pack.Id, out var named) && named.Bytes < LeastAlive * pack.Value.Bytes).ToList();
        var small = packs.Where(pack => pack.Value.Bytes < SmallBytes && alive.TryGetValue(pack.Id, out var named) && named.Documents < SmallDocuments).ToList();
        if (small.Count >= SmallPacks)
            worn.AddRange(small.Except(worn));
        return (removed, worn.Count == 0 ? 0 : await MoveAsync(documents, [.. worn.Take(PacksAtOnce).Select(pack => pack.Id)], cancellationToken).ConfigureAwait(false));
    }

    private static async Task<int> MoveAsync(CollectionDocuments documents, HashSet<string> packs, CancellationToken cancellationToken)
    {
        var (moved, bytes) = (0, 0L);
        var group = new List<StoredDocument>();
        await foreach (var document in documents.AllAsync(cancellationToken).ConfigureAwait(false))
        {
            var part = document.Value.Slices.Where(slice => packs.Contains(slice.Pack)).Sum(slice => (long)slice.Length);
            if (part == 0)
                continue;
            group.Add(document);
            bytes += part;
            if (group.Count < DocumentsAtOnce && bytes < BytesAtOnce)
                continue;
            moved += await MoveAsync(documents, packs, group, cancellationToken).ConfigureAwait(false);
            group.Clear();
            bytes = 0;
        }

        // What they leave is removed by a later look.
        return moved + (group.Count == 0 ? 0 : await MoveAsync(documents, packs, group, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<int> MoveAsync(CollectionDocuments documents, HashSet<string> packs, List<StoredDocument> group, CancellationToken cancellationToken)
    {
        await using var reader = new PackReader(documents.Store.Blobs);
        var (texts, vectors) = (new PackBuilder(), new PackBuilder());
        var writes = new List<Write>();
        foreach (var document in group)
        {
            var text = await CopyAsync(document.Value.Text, texts).ConfigureAwait(false);
            var now = await CopyAsync(document.Value.Vectors.Slice, vectors).ConfigureAwait(false);
            var next = document.Value.Next is { } later ? await CopyAsync(later.Slice, vectors).ConfigureAwait(false) : null;
            if (text is null || now is null || (next is null && document.Value.Next is not null))
                continue;
            writes.Add(CollectionDocuments.Put(
                document.Value with { Text = text, Vectors = document.Value.Vectors with { Slice = now }, Next = document.Value.Next is { } kept ? kept with { Slice = next! } : null },
                document.Version));
        }

        PackBuilder[] made = [.. new[] { texts, vectors }.Where(pack => pack.Length > 0)];
        if (writes.Count == 0 || made.Length == 0)
            return 0;
        var drafts = await documents.StoreAsync(made, cancellationToken).ConfigureAwait(false);
        if (await documents.CommitAsync([.. writes, .. drafts.Select(draft => draft.Live())], CancellationToken.None).ConfigureAwait(false) is not null)
            return writes.Count;
        // A document changed meanwhile: a later look finds what is left to do.
        foreach (var draft in drafts)
            await documents.RemoveAsync(draft, cancellationToken).ConfigureAwait(false);
        return 0;

        async ValueTask<PackSlice?> CopyAsync(PackSlice slice, PackBuilder into) =>
            !packs.Contains(slice.Pack) ? slice
            : await reader.ReadAsync(slice, cancellationToken).ConfigureAwait(false) is { } bytes ? into.Add(bytes)
            : null;
    }
}
