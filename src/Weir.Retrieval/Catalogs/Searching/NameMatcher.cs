namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>Sees tools' names in a query, as they are written or as their words: <c>get_weather</c>, "Get Weather", "use getWeather for Paris".</summary>
internal sealed class NameMatcher(string query)
{
    private readonly string _query = query.Trim();
    private readonly string _words = Words(query);

    /// <param name="name">A tool's name.</param>
    /// <param name="words">The same as <see cref="Words"/> gives it.</param>
    public NameMatch Match(string name, string words)
    {
        if (string.Equals(_query, name, StringComparison.OrdinalIgnoreCase))
            return NameMatch.Exact;
        if (words.Length <= 2 || words.Length > _words.Length)
            return NameMatch.None;
        if (words.Length == _words.Length)
            return words == _words ? NameMatch.Exact : NameMatch.None;
        // One word alone is no name: "search" is in every other query.
        return words.AsSpan(1, words.Length - 2).Contains(' ') && _words.Contains(words, StringComparison.Ordinal) ? NameMatch.Mentioned : NameMatch.None;
    }

    /// <summary>The words of a text with a blank before and after each, so that they are found whole.</summary>
    public static string Words(string text) => $" {ToolWords.Spoken(text)} ";
}
