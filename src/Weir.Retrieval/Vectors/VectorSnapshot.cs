using System.Collections.Immutable;
using System.Numerics.Tensors;

namespace Weir.Retrieval.Vectors;

/// <summary>What an index held at one moment. It never changes, and may be kept and searched by any number of threads.</summary>
internal sealed class VectorSnapshot(int dimensions, ImmutableDictionary<long, float[]> rows)
{
    internal ImmutableDictionary<long, float[]> Rows => rows;

    public int Count => rows.Count;

    public long Bytes => (long)rows.Count * dimensions * sizeof(float);

    /// <summary>The <paramref name="k"/> best, best first; equal scores by id.</summary>
    /// <exception cref="ArgumentException">The query has the wrong number of dimensions.</exception>
    public IReadOnlyList<VectorHit> Search(ReadOnlySpan<float> query, int k, Predicate<long>? filter = null)
    {
        if (query.Length != dimensions)
            throw new ArgumentException($"The query has {query.Length} dimensions; this index has {dimensions}.", nameof(query));
        var hits = new List<VectorHit>();
        foreach (var (id, row) in rows)
            if (filter is null || filter(id))
                hits.Add(new VectorHit(id, TensorPrimitives.Dot(query, row)));
        hits.Sort(static (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Id.CompareTo(b.Id));
        return hits.GetRange(0, Math.Min(Math.Max(k, 0), hits.Count));
    }

    public bool TryGet(long id, Span<float> vector)
    {
        if (!rows.TryGetValue(id, out var row))
            return false;
        row.CopyTo(vector);
        return true;
    }
}
