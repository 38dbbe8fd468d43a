using Weir.Retrieval.Collections.Storage;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>Documents that are cut, embedded and packed: what is left to do is to store them.</summary>
/// <param name="Records">What the commit writes; empty: nothing is new.</param>
/// <param name="Packs">What they name.</param>
/// <param name="Chunks">Of all of them.</param>
/// <param name="Unchanged">Documents of the batch that are there already.</param>
internal sealed record ReadyBatch(List<DocumentRecord> Records, IReadOnlyList<PackBuilder> Packs, int Chunks, int Unchanged);

/// <summary>What became of a batch.</summary>
/// <param name="Documents">Stored, new or changed.</param>
/// <param name="Chunks">Of those documents.</param>
/// <param name="Unchanged">That were there already.</param>
/// <param name="Revision">Of the commit; 0: there was none.</param>
/// <param name="Error">Why nothing of it was stored; null: it was.</param>
internal sealed record StoredBatch(int Documents, int Chunks, int Unchanged, long Revision, RetrievalError? Error)
{
    public static StoredBatch None { get; } = new(0, 0, 0, 0, null);
}
