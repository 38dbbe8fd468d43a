using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Upkeep;

/// <summary>Removes all that is left of a deleted collection, until nothing can come after it any more.</summary>
internal sealed class CollectionRemoval(CollectionDefinitions definitions, CollectionLimits limits)
{
    private const int Page = 256;

    /// <returns>How many documents and packs were removed.</returns>
    public async Task<int> RunAsync(Document document, RemovedRecord removed, CancellationToken cancellationToken)
    {
        var documents = new CollectionDocuments(definitions.Store, CollectionDefinitions.PartitionOf(removed.Id));
        var count = 0;
        while (await documents.StoredAsync(Page, cancellationToken).ConfigureAwait(false) is { Count: > 0 } page)
        {
            // One that changed since it was read is read again.
            if (await documents.CommitAsync([.. page.Select(entry => new Write(entry.Key, entry.Version, null))], cancellationToken).ConfigureAwait(false) is not null)
                count += page.Count;
        }

        var now = definitions.Store.Clock.Now;
        var isLeft = false;
        foreach (var pack in await documents.PacksAsync(cancellationToken).ConfigureAwait(false))
        {
            // The bytes of a young draft may still be on their way: removed now, they would come after their own removal.
            if (pack.Value.State == PackState.Draft && pack.Value.Created + limits.DraftsKept > now)
                isLeft = true;
            else
                count += await documents.RemoveAsync(pack, cancellationToken).ConfigureAwait(false) ? 1 : 0;
        }

        // An ingest that had looked just before may still have come in between: only after its time is nothing left behind.
        if (count == 0 && !isLeft && removed.At + limits.RemovedWatched < now)
            await definitions.Store.TryCommitAsync(CollectionDefinitions.Partition, [new Write(document.Key, document.Version, null)], cancellationToken).ConfigureAwait(false);
        return count;
    }
}
