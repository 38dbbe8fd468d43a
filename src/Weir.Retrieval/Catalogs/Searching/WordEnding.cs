namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>
/// Takes inflections off English words: plural, third person, past and -ing. Derivations stay (<c>organisation</c> is not <c>organ</c>): names of tools
/// are short, and a wrong match costs more there than a missed one, which the vectors still see.
/// </summary>
internal static class WordEnding
{
    public static string Strip(string word)
    {
        if (word.Length < 4 || !char.IsAsciiLetterLower(word[0]))
            return word;
        if (word.EndsWith("ies", StringComparison.Ordinal) && word.Length > 4)
            return word[..^3] + "y";
        if (IsEs(word))
            return word[..^2];
        if (word[^1] == 's' && word[^2] is not ('s' or 'u' or 'i'))
            return Silent(word[..^1]);
        if (word.EndsWith("ing", StringComparison.Ordinal) && HasVowel(word.AsSpan(0, word.Length - 3)) && word.Length > 5)
            return Undouble(word[..^3]);
        if (word.EndsWith("ed", StringComparison.Ordinal) && HasVowel(word.AsSpan(0, word.Length - 2)) && word.Length > 4)
            return Undouble(word[..^2]);
        return Silent(word);
    }

    private static bool IsEs(string word) => word.Length > 4 && word.EndsWith("es", StringComparison.Ordinal)
        && (word[^3] is 's' or 'x' or 'z' || word.EndsWith("ches", StringComparison.Ordinal) || word.EndsWith("shes", StringComparison.Ordinal));

    // schedule, schedules, scheduled and scheduling meet in "schedul".
    private static string Silent(string word) => word.Length > 4 && word[^1] == 'e' && word[^2] is not 'e' ? word[..^1] : word;

    private static string Undouble(string word) =>
        word.Length > 3 && word[^1] == word[^2] && word[^1] is not ('l' or 's' or 'z') && !IsVowel(word[^1]) ? word[..^1] : Silent(word);

    private static bool HasVowel(ReadOnlySpan<char> word)
    {
        foreach (var c in word)
        {
            if (IsVowel(c))
                return true;
        }

        return false;
    }

    private static bool IsVowel(char c) => c is 'a' or 'e' or 'i' or 'o' or 'u' or 'y';
}
