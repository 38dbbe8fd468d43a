using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>Both indexes over the chunks of one shape. One writer.</summary>
internal sealed class ShapeIndex(EmbeddingShape shape, NativeAccount account) : IDisposable
{
    private readonly SparseIndex _sparse = new();
    private readonly List<SparseUpsert> _texts = [];
    private readonly List<VectorUpsert> _vectors = [];
    private readonly List<long> _removals = [];
    private VectorIndex? _dense;
    private int _dimensions;
    private int _documents;
    private int _chunks;

    public bool IsEmpty => _documents == 0;

    /// <summary>In memory, estimated; what was gathered and not applied left out.</summary>
    public long Bytes => _sparse.Snapshot.Bytes + (_dense?.Snapshot.Bytes ?? 0);

    public ShapeView View => new(shape, _documents, _chunks, _dimensions, _dense?.Snapshot, _sparse.Snapshot);

    /// <summary>Vectors of another length, or of numbers that are none, would make the index useless to all.</summary>
    public bool Takes(PackedVectors vectors) =>
        vectors.Chunks.Count == 0 || ((_dimensions == 0 || vectors.Dimensions == _dimensions) && vectors.Dimensions > 0 && vectors.Values.All(float.IsFinite));

    public void Add(string text, ServedPart part, PackedVectors vectors)
    {
        _documents++;
        _dimensions = Math.Max(_dimensions, vectors.Dimensions);
        _chunks += part.Chunks.Count;
        for (var i = 0; i < part.Chunks.Count; i++)
        {
            _texts.Add(new SparseUpsert(part.ChunkId(i), DocumentEmbedder.SearchText(text, part.Chunks[i])));
            _vectors.Add(new VectorUpsert(part.ChunkId(i), vectors[i]));
        }
    }

    public void Remove(ServedPart part)
    {
        _documents--;
        _chunks -= part.Chunks.Count;
        _removals.AddRange(part.ChunkIds);
    }

    /// <summary>Applies what was gathered.</summary>
    public void Flush()
    {
        if (_texts.Count == 0 && _removals.Count == 0)
            return;
        if (_vectors.Count > 0)
            _dense ??= new VectorIndex(_dimensions, account: account);
        _sparse.Apply(_texts, _removals);
        _dense?.Apply(_vectors, _removals);
        _texts.Clear();
        _vectors.Clear();
        _removals.Clear();
    }

    /// <summary>Frees its vectors as soon as the searches under way are done; views of it refuse to be searched by meaning from then on.</summary>
    public void Dispose() => _dense?.Dispose();
}
