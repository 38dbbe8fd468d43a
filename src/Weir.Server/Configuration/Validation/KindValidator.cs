using Weir.Leases.Kinds;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;
using Weir.Server.Leases;

namespace Weir.Server.Configuration.Validation;

/// <summary>
/// Kinds are of a sort that there is, defined as that sort wants it, and no name means two of them. A collection that the file does not have may be in the store:
/// whether it is there is told in the status, where it can be known.
/// </summary>
internal sealed class KindValidator : IConfigurationValidator
{
    public const string Root = "kinds";

    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, kind) in options.Kinds)
        {
            Validate(name, kind, faults);
        }

        foreach (var (name, alias, other) in KindRules.Clashes(options.Kinds))
        {
            faults.Add(SettingPath.Member(PathOf(name), "aliases"), $"has \"{alias}\", which {(other == name ? "it has already" : $"means the kind \"{other}\"")}", "Give each name once");
        }
    }

    /// <summary>The faults of one definition.</summary>
    public static void Validate(string name, KindOptions kind, FaultList faults)
    {
        var path = PathOf(name);
        if (!KindRules.IsName(name))
        {
            faults.Add(path, "is not a name for a kind", $"Use a sort ({string.Join(", ", KindSorts.Names)}), or a sort, a colon and up to 63 of a-z, 0-9, '_' and '-'");
            return;
        }

        if (KindSorts.Of(name) is not { } sort)
        {
            var near = NearestName.Find(ResourceKinds.SortOf(name), KindSorts.Names);
            var known = $"There are {string.Join(", ", KindSorts.Names)}";
            faults.Add(path, "is of no sort that is known here", near is null ? known : $"Did you mean \"{near}\"? {known}");
            return;
        }

        foreach (var (setting, message) in KindRules.FaultsOf(name, kind, sort.FaultsOf))
        {
            var place = setting.Split('.').Aggregate(path, (at, part) => int.TryParse(part, out var index) ? SettingPath.Item(at, index) : SettingPath.Member(at, part));
            var (what, remedy) = Halves(message);
            faults.Add(place, what, remedy);
        }
    }

    private static string PathOf(string name) => SettingPath.Member(Root, name);

    // Sorts say what is wrong and how to mend it in one sentence, the second half after a colon or a full stop.
    private static (string What, string Remedy) Halves(string message)
    {
        var text = message.Trim().TrimEnd('.');
        var at = text.IndexOf(". ", StringComparison.Ordinal) is var stop and >= 0 ? stop : text.IndexOf(": ", StringComparison.Ordinal);
        if (at < 0)
        {
            return (text, "Mend it, or leave it out for its default");
        }

        var remedy = text[(at + 2)..].Trim();
        return (text[..at], remedy.Length == 0 ? "Mend it" : char.ToUpperInvariant(remedy[0]) + remedy[1..]);
    }
}
