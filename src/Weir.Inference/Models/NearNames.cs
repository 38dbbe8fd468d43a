namespace Weir.Inference.Models;

/// <summary>Names that somebody may have meant.</summary>
public static class NearNames
{
    private const int MostNames = 3;
    private const int Longest = 128;

    /// <summary>At most three, nearest first: by edit distance up to a third of the longer name, or because one holds the other.</summary>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> known)
    {
        if (name.Length is 0 or > Longest)
        {
            return [];
        }

        return [.. known
            .Where(candidate => candidate.Length <= Longest)
            .Select(candidate => (candidate, distance: Distance(name, candidate)))
            .Where(near => near.distance <= Most(name, near.candidate))
            .OrderBy(near => near.distance)
            .ThenBy(near => near.candidate, StringComparer.Ordinal)
            .Select(near => near.candidate)
            .Distinct(StringComparer.Ordinal)
            .Take(MostNames)];
    }

    private static int Distance(string name, string candidate)
    {
        // The part behind the provider is what people remember.
        var tail = candidate[(candidate.IndexOf('/') + 1)..];
        if (name.Equals(tail, StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        if (name.Length >= 3 && tail.Length >= 3 && (tail.Contains(name, StringComparison.OrdinalIgnoreCase) || name.Contains(tail, StringComparison.OrdinalIgnoreCase)))
        {
            return 1;
        }

        // Lengths that differ by more than any accepted distance need no table.
        var most = Most(name, candidate);
        var whole = Math.Abs(name.Length - candidate.Length) > most ? int.MaxValue : Edits(name, candidate);
        return tail.Length == candidate.Length || Math.Abs(name.Length - tail.Length) > most ? whole : Math.Min(whole, Edits(name, tail));
    }

    private static int Most(string name, string candidate) => Math.Max(1, Math.Max(name.Length, candidate.Length) / 3);

    // Insertions, deletions, replacements and swaps of neighbours: optimal string alignment.
    private static int Edits(string from, string to)
    {
        var rows = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            rows[i, 0] = i;
        }

        for (var j = 0; j <= to.Length; j++)
        {
            rows[0, j] = j;
        }

        for (var i = 1; i <= from.Length; i++)
        {
            for (var j = 1; j <= to.Length; j++)
            {
                var change = Same(from[i - 1], to[j - 1]) ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && Same(from[i - 1], to[j - 2]) && Same(from[i - 2], to[j - 1]))
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[from.Length, to.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
