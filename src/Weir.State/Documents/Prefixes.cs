namespace Weir.State.Documents;

/// <summary>The prefixes of one watch, none of which holds another.</summary>
internal sealed class Prefixes
{
    private Prefixes(string[] items) => Items = items;

    public IReadOnlyList<string> Items { get; }

    /// <exception cref="ArgumentException">No prefix at all; an empty string means every key.</exception>
    public static Prefixes Of(IReadOnlyList<string> prefixes)
    {
        if (prefixes.Count == 0)
            throw new ArgumentException("Name at least one prefix to watch; an empty string means every key.", nameof(prefixes));
        var distinct = prefixes.Distinct(StringComparer.Ordinal).ToArray();
        return new Prefixes([.. distinct.Where(p => !distinct.Any(q => q.Length < p.Length && p.StartsWith(q, StringComparison.Ordinal)))]);
    }

    public bool Match(string key)
    {
        foreach (var prefix in Items)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal))
                return true;
        }

        return false;
    }
}
