namespace Weir.Inference.Models;

/// <summary>Names that somebody may have meant.</summary>
public static class NearNames
{
    private const int Most = 3;
    private const int Longest = 128;

    /// <summary>At most three, nearest first: by edit distance (V. Levenshtein, 1965) up to a third of the name, or because one holds the other.</summary>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> known)
    {
        if (name.Length is 0 or > Longest)
        {
            return [];
        }

        return [.. known
            .Where(candidate => candidate.Length <= Longest)
            .Select(candidate => (candidate, distance: Distance(name, candidate)))
            .Where(near => near.distance <= Math.Max(1, name.Length / 3))
            .OrderBy(near => near.distance)
            .ThenBy(near => near.candidate, StringComparer.Ordinal)
            .Select(near => near.candidate)
            .Distinct(StringComparer.Ordinal)
            .Take(Most)];
    }

    private static int Distance(string name, string candidate)
    {
        // The part behind the provider is what people remember.
        var tail = candidate[(candidate.IndexOf('/') + 1)..];
        if (name.Length >= 3 && tail.Length >= 3 && (tail.Contains(name, StringComparison.OrdinalIgnoreCase) || name.Contains(tail, StringComparison.OrdinalIgnoreCase)))
        {
            return 1;
        }

        return Math.Min(Levenshtein(name, candidate), Levenshtein(name, tail));
    }

    private static int Levenshtein(string a, string b)
    {
        Span<int> row = stackalloc int[Longest + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                var same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                row[j] = Math.Min(Math.Min(above + 1, row[j - 1] + 1), diagonal + (same ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
