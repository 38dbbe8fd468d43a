using System.Collections.Frozen;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration.Binding;

/// <summary>
/// Settings that the design names and this version does not have: a fault says so, instead of calling them unknown.
/// Whoever builds one removes its row; a test refuses rows for settings that exist. <c>*</c> is any name or position.
/// </summary>
internal static class LaterSettings
{
    public static FrozenSet<string> Names { get; } = FrozenSet.ToFrozenSet(
    [
        "assistants",
        "nodes",
        "pools",
        "tiers",
    ]);

    /// <summary>Words of settings that exist, as <c>pattern=word</c>.</summary>
    public static FrozenSet<string> Words { get; } = FrozenSet<string>.Empty;

    public static bool HasWord(string pattern, string word) => Words.Contains($"{pattern}={word}");

    /// <summary>The same where only the setting is known: no two settings of one name differ in this.</summary>
    public static bool HasWord(Setting setting, string word) =>
        Words.Any(known => known.EndsWith($".{setting.Name}={word}", StringComparison.Ordinal));
}
