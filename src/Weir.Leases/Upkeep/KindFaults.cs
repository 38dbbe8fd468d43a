using System.Globalization;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>What is wrong with the definition of a kind, whatever its sort.</summary>
public static class KindFaults
{
    /// <summary>The most resources of a kind, on one replica where they live on replicas.</summary>
    public const int MostSlots = 10_000;

    /// <summary>The longest name of a kind, and of an alias, in characters.</summary>
    public const int LongestName = 64;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <param name="sorts">The sorts there are.</param>
    /// <param name="name">The kind's.</param>
    /// <param name="options">Its definition.</param>
    /// <param name="others">The other kinds, whose names and aliases are theirs.</param>
    /// <returns>One entry for each fault; none: it can be used.</returns>
    public static IReadOnlyList<KindFault> Of(KindSorts sorts, string name, KindOptions options, IEnumerable<KeyValuePair<string, KindOptions>> others)
    {
        if (!IsName(name))
            return [new("", $"'{Shorten(name)}' is no name of a kind: a sort, or a sort, a colon and a name of a-z, 0-9, _ and -; at most {LongestName} characters.")];
        if (sorts.Of(name) is not { } sort)
            return [new("", $"There is no sort '{ResourceKinds.SortOf(name)}'; there are {string.Join(", ", sorts.Names)}.")];
        var faults = Common(options).Concat(Aliases(name, options, [.. others.Where(other => other.Key != name)])).ToList();
        if (faults.Count == 0)
            faults.AddRange(sort.FaultsOf(name, options));
        // What a sort makes of a definition counts only where the definition is sound.
        return faults.Count > 0 ? faults : [.. Slots(name, options, sort)];
    }

    private static IEnumerable<KindFault> Common(KindOptions options)
    {
        if (options.Capacity is < 0 or > MostSlots)
            yield return new("capacity", string.Create(CultureInfo.InvariantCulture, $"must be from 0 to {MostSlots}, not {options.Capacity}."));
        if (options.Warm is < 0 or > MostSlots)
            yield return new("warm", string.Create(CultureInfo.InvariantCulture, $"must be from 0 to {MostSlots}, not {options.Warm}."));
        if (options.InitialiseWithin < Shortest || options.InitialiseWithin > Longest)
            yield return new("initialise_within", "must be from 100ms to 1h.");
        if (options.ResetWithin < Shortest || options.ResetWithin > Longest)
            yield return new("reset_within", "must be from 100ms to 1h.");
        if (options.Limits.PerWorker is < 1 or > MostSlots)
            yield return new("limits.per_worker", $"must be from 1 to {MostSlots}; leave it out for no bound.");
        if (options.Limits.PerKey is < 1 or > MostSlots)
            yield return new("limits.per_key", $"must be from 1 to {MostSlots}; leave it out for no bound.");
    }

    private static IEnumerable<KindFault> Aliases(string name, KindOptions options, List<KeyValuePair<string, KindOptions>> others)
    {
        if (others.FirstOrDefault(other => other.Value.Aliases.Contains(name, StringComparer.Ordinal)) is { Key: { } owner })
            yield return new("", $"'{name}' is an alias of '{owner}': take another name, or take the alias from '{owner}' first.");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Aliases.Count; i++)
        {
            var alias = options.Aliases[i];
            var setting = string.Create(CultureInfo.InvariantCulture, $"aliases.{i}");
            if (!IsName(alias))
                yield return new(setting, $"'{Shorten(alias ?? "")}' is no name: a-z, 0-9, _ and -, and at most one colon between; at most {LongestName} characters.");
            else if (!seen.Add(alias) || alias == name)
                yield return new(setting, $"'{alias}' is said twice; leave one out.");
            else if (others.FirstOrDefault(other => other.Key == alias || other.Value.Aliases.Contains(alias, StringComparer.Ordinal)) is { Key: { } other })
                yield return new(setting, $"'{alias}' already means '{other}'; a name means one kind.");
        }
    }

    private static IEnumerable<KindFault> Slots(string name, KindOptions options, KindSort sort)
    {
        var traits = sort.TraitsOf(options);
        var slots = sort.SlotsOf(options).Take(MostSlots + 1).ToHashSet(StringComparer.Ordinal).Count;
        if (slots == 0 && options.Capacity is null)
            yield return new("capacity", $"is missing: say how many of '{name}' there are.");
        if (slots > MostSlots)
            yield return new("capacity", $"makes more than {MostSlots} resources of '{name}'.");
        if (options.Warm > 0 && (traits & KindTraits.Instances) == 0)
            yield return new("warm", $"means nothing for '{name}', of which nothing has to be made beforehand: leave it out.");
        else if (options.Warm > slots)
            yield return new("warm", string.Create(CultureInfo.InvariantCulture, $"must be at most the capacity, {slots}, not {options.Warm}."));
    }

    private static bool IsName(string? name)
    {
        if (name is null || name.Length is 0 or > LongestName)
            return false;
        var parts = name.Split(':');
        return parts.Length <= 2 && parts.All(part => part.Length > 0 && char.IsAsciiLetterOrDigit(part[0]) && part.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-'));
    }

    private static string Shorten(string name) => name.Length <= LongestName ? name : name[..LongestName] + "…";
}
