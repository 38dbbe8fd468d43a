using System.Text.Json;
using Weir.Retrieval.Collections.Storage;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>A document as an index holds it. Immutable.</summary>
/// <param name="Id">Its own.</param>
/// <param name="Content">What tells whether it changed.</param>
/// <param name="Text">All of it.</param>
/// <param name="Metadata">An object; null: none.</param>
/// <param name="Bytes">Of the text, in UTF-8.</param>
/// <param name="Parts">Where its chunks are, for each shape that it has been embedded in.</param>
internal sealed record ServedDocument(string Id, string Content, string Text, JsonElement? Metadata, int Bytes, IReadOnlyList<ServedPart> Parts)
{
    private const int Overhead = 600;

    /// <summary>In memory, estimated.</summary>
    public long Footprint => Overhead + (2L * Text.Length) + Parts.Sum(part => 100L + (48L * part.Chunks.Count));
}

/// <summary>A document's chunks in one shape. Those of one part have numbers of their own, so that what is replaced is never mistaken for what replaced it.</summary>
/// <param name="Shape">How it was cut and embedded.</param>
/// <param name="Number">Of this part, never used again in an index.</param>
/// <param name="Chunks">In the order of the text.</param>
internal sealed record ServedPart(EmbeddingShape Shape, long Number, IReadOnlyList<PackedChunk> Chunks)
{
    private const int ChunkBits = 24;

    public long ChunkId(int chunk) => (Number << ChunkBits) | (uint)chunk;

    public IEnumerable<long> ChunkIds => Enumerable.Range(0, Chunks.Count).Select(ChunkId);

    public static long NumberOf(long chunkId) => chunkId >> ChunkBits;

    public static int ChunkOf(long chunkId) => (int)(chunkId & ((1 << ChunkBits) - 1));
}
