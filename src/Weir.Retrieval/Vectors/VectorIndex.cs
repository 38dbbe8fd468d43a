using System.Collections.Immutable;

namespace Weir.Retrieval.Vectors;

/// <summary>Vectors by id, searched exactly. One writer at a time; readers take a snapshot and never wait.</summary>
internal sealed class VectorIndex(int dimensions, VectorIndexSettings? settings = null)
{
    private VectorSnapshot _snapshot = new(dimensions, ImmutableDictionary<long, float[]>.Empty);

    public int Dimensions => dimensions;

    public VectorIndexSettings Settings { get; } = settings ?? new VectorIndexSettings();

    public VectorSnapshot Snapshot => Volatile.Read(ref _snapshot);

    /// <summary>Removes, then adds, and publishes one snapshot of all of it. An id that is removed and added in one call is there afterwards.</summary>
    /// <exception cref="ArgumentException">A vector has the wrong number of dimensions, or a number that is not finite; nothing was changed.</exception>
    public void Apply(IReadOnlyList<VectorUpsert> upserts, IReadOnlyList<long> removals)
    {
        foreach (var upsert in upserts)
        {
            if (upsert.Vector.Length != dimensions)
                throw new ArgumentException($"The vector of id {upsert.Id} has {upsert.Vector.Length} dimensions; this index has {dimensions}.", nameof(upserts));
            foreach (var x in upsert.Vector.Span)
                if (!float.IsFinite(x))
                    throw new ArgumentException($"The vector of id {upsert.Id} holds {x}, which is not a finite number.", nameof(upserts));
        }

        var rows = _snapshot.Rows.ToBuilder();
        rows.RemoveRange(removals);
        foreach (var upsert in upserts)
            rows[upsert.Id] = upsert.Vector.ToArray();
        Volatile.Write(ref _snapshot, new VectorSnapshot(dimensions, rows.ToImmutable()));
    }
}
