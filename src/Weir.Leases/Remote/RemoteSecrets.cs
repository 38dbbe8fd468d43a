using System.Text.RegularExpressions;

namespace Weir.Leases.Remote;

/// <summary>Takes what may be a secret in what an endpoint was sent, its headers and query, out of what it says: a page that shows the request it was given shows them too.</summary>
internal static partial class RemoteSecrets
{
    public const string Hidden = "***";

    // Shorter than this it is no secret, and stands in many a word.
    private const int Shortest = 4;

    /// <param name="said">What was read: perhaps cut off in the middle of a secret.</param>
    /// <param name="values">Of headers, and the query.</param>
    public static string Hide(string said, IEnumerable<string> values)
    {
        // The longest first: one may be part of another.
        var secrets = values.SelectMany(PartsOf).Where(part => part.Length >= Shortest).Distinct(StringComparer.Ordinal).OrderByDescending(part => part.Length).ToList();
        foreach (var secret in secrets)
            said = said.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        var begun = secrets.Max(secret => (int?)BegunAtTheEnd(said, secret)) ?? 0;
        return begun == 0 ? said : said[..^begun] + Hidden;
    }

    /// <summary>
    /// The whole, what follows a scheme (<c>Bearer …</c>), and long runs of letters and digits: JSON and HTML write other characters in ways of their own, and those stay as they are.
    /// </summary>
    private static IEnumerable<string> PartsOf(string value)
    {
        var whole = value.Trim();
        var space = whole.IndexOf(' ', StringComparison.Ordinal);
        return [whole, whole[(space + 1)..].Trim(), .. Run().Matches(whole).Select(run => run.Value)];
    }

    private static int BegunAtTheEnd(string said, string secret)
    {
        for (var length = Math.Min(secret.Length - 1, said.Length); length >= Shortest; length--)
        {
            if (said.EndsWith(secret[..length], StringComparison.OrdinalIgnoreCase))
                return length;
        }

        return 0;
    }

    [GeneratedRegex("[A-Za-z0-9]{8,}")]
    private static partial Regex Run();
}
