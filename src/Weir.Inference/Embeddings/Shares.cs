namespace Weir.Inference.Embeddings;

/// <summary>Divides what one call used among those it served.</summary>
internal static class Shares
{
    /// <summary>
    /// Parts of <paramref name="total"/> in proportion to <paramref name="weights"/>, whose sum is exactly the total: by largest remainder
    /// (Hamilton's method), the first of equals first. With weights that are all 0, in equal parts.
    /// </summary>
    public static long[] Of(long total, IReadOnlyList<long> weights)
    {
        var sum = weights.Aggregate((Int128)0, static (all, weight) => all + weight);
        var parts = new long[weights.Count];
        var remainders = new Int128[weights.Count];
        var left = total;
        for (var i = 0; i < parts.Length; i++)
        {
            var (weight, whole) = sum == 0 ? (1, parts.Length) : ((Int128)weights[i], sum);
            parts[i] = (long)((Int128)total * weight / whole);
            remainders[i] = (Int128)total * weight % whole;
            left -= parts[i];
        }

        foreach (var i in Enumerable.Range(0, parts.Length).OrderByDescending(i => remainders[i]).Take((int)left))
        {
            parts[i]++;
        }

        return parts;
    }
}
