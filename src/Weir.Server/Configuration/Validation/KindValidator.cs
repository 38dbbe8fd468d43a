using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
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
    private const string Root = "kinds";

    public void Validate(WeirOptions options, FaultList faults)
    {
        // Each beside those before it: two that clash are one fault, where the second is.
        var before = new List<KeyValuePair<string, KindOptions>>();
        foreach (var (name, kind) in options.Kinds)
        {
            Validate(name, kind, before, faults);
            before.Add(KeyValuePair.Create(name, kind));
        }
    }

    private static void Validate(string name, KindOptions kind, IReadOnlyList<KeyValuePair<string, KindOptions>> before, FaultList faults)
    {
        var path = SettingPath.Member(Root, name);
        var sorts = ServerKinds.Sorts;
        if (sorts.Of(name) is null && NearestName.Find(ResourceKinds.SortOf(name), sorts.Names) is { } near)
        {
            faults.Add(path, "is of no sort that is known here", $"Did you mean \"{near}\"? There are {string.Join(", ", sorts.Names)}");
            return;
        }

        // What was not bound is at its default here, which must not be blamed for what follows from that.
        if (faults.IsBlamedWithin(path))
        {
            return;
        }

        foreach (var (setting, message) in KindFaults.Of(sorts, name, kind, before))
        {
            var (what, remedy) = Halves(message, setting);
            faults.Add(PathOf(path, setting), what, remedy);
        }
    }

    private static string PathOf(string path, string setting) => setting.Length == 0
        ? path
        : setting.Split('.').Aggregate(path, (at, part) => int.TryParse(part, out var index) ? SettingPath.Item(at, index) : SettingPath.Member(at, part));

    // Sorts say what is wrong and how to mend it in one text, and some begin it with the setting, which a fault has beside it.
    private static (string What, string Remedy) Halves(string message, string setting)
    {
        var text = message.Trim().TrimEnd('.');
        if (setting.Length > 0 && text.StartsWith(setting + " ", StringComparison.Ordinal))
        {
            text = text[(setting.Length + 1)..];
        }

        foreach (var seam in (string[])[". ", "; ", ": "])
        {
            if (text.IndexOf(seam, StringComparison.Ordinal) is var at and > 0)
            {
                var remedy = text[(at + seam.Length)..].Trim();
                return (text[..at], char.ToUpperInvariant(remedy[0]) + remedy[1..]);
            }
        }

        return (text, "Mend it, or leave it out for its default");
    }
}
