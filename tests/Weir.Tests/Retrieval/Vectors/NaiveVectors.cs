using Weir.Retrieval.Vectors;

namespace Weir.Tests.Retrieval.Vectors;

/// <summary>What an index must equal: a dictionary, searched by sorting everything.</summary>
internal sealed class NaiveVectors
{
    public Dictionary<long, float[]> Rows { get; init; } = [];

    public void Apply(IReadOnlyList<VectorUpsert> upserts, IReadOnlyList<long> removals)
    {
        foreach (var id in removals)
            Rows.Remove(id);
        foreach (var upsert in upserts)
            Rows[upsert.Id] = upsert.Vector.ToArray();
    }

    public NaiveVectors Copy() => new() { Rows = new(Rows) };

    public List<VectorHit> Search(float[] query, int k, Predicate<long>? filter = null) =>
        [.. Rows.Where(r => filter is null || filter(r.Key))
            .Select(r => new VectorHit(r.Key, System.Numerics.Tensors.TensorPrimitives.Dot(query, r.Value)))
            .OrderByDescending(h => h.Score).ThenBy(h => h.Id).Take(Math.Max(k, 0))];

    public static float[] Unit(Random random, int dimensions)
    {
        var vector = new float[dimensions];
        var sum = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            // Sums of uniform numbers are near enough to a normal distribution.
            vector[i] = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5);
            sum += vector[i] * (double)vector[i];
        }

        for (var i = 0; i < dimensions; i++)
            vector[i] = (float)(vector[i] / Math.Sqrt(sum));
        return vector;
    }
}
