using System.Text.RegularExpressions;

namespace Weir.Leases.Kinds;

/// <summary>What may be wrong with the definition of any kind, whatever its sort; the same for the configuration and for operators.</summary>
public static partial class KindRules
{
    /// <summary>Whether a kind may be called so: a sort, or a sort, a colon and a name.</summary>
    public static bool IsName(string name) => Name().IsMatch(name);

    /// <summary>The faults of one definition by itself, those of its sort among them.</summary>
    /// <param name="name">The kind's name.</param>
    /// <param name="options">Its definition.</param>
    /// <param name="ofSort">What the sort finds, such as <see cref="ResourceKind.FaultsOf"/>.</param>
    public static IReadOnlyList<KindFault> FaultsOf(string name, KindOptions options, Func<string, KindOptions, IReadOnlyList<KindFault>> ofSort)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ofSort);
        var faults = new List<KindFault>(ofSort(name, options));
        if (options.Capacity is { } capacity && options.Warm > capacity)
            faults.Add(new KindFault("warm", $"is {options.Warm}, more than capacity, which is {capacity}: lower it, or raise capacity"));
        if (options.Capacity is null && options.Endpoints.Count == 0 && faults.Count == 0)
            faults.Add(new KindFault("capacity", "is missing: say how many there are, such as 10"));
        for (var i = 0; i < options.Aliases.Count; i++)
        {
            if (!Alias().IsMatch(options.Aliases[i]))
                faults.Add(new KindFault($"aliases.{i}", "is not a name: use 1 to 128 letters, digits, '.', '_', ':' or '-', the first a letter or a digit"));
        }

        return faults;
    }

    /// <summary>Names and aliases that mean more than one kind: each with the kinds that claim it.</summary>
    public static IReadOnlyList<(string Kind, string Alias, string Other)> Clashes(IReadOnlyDictionary<string, KindOptions> kinds)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        var claims = kinds.Keys.ToDictionary(name => name, name => name, StringComparer.Ordinal);
        var clashes = new List<(string, string, string)>();
        foreach (var (name, options) in kinds.OrderBy(kind => kind.Key, StringComparer.Ordinal))
        {
            foreach (var alias in options.Aliases)
            {
                if (!claims.TryAdd(alias, name) && claims[alias] is var other)
                    clashes.Add((name, alias, other));
            }
        }

        return clashes;
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,62}(:[a-z0-9][a-z0-9_-]{0,62})?\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\z")]
    private static partial Regex Alias();
}
