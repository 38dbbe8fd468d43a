namespace Weir.Retrieval.Text;

/// <summary>
/// Takes English endings off, so that a word's forms meet: Porter2, the English stemmer of Snowball (M. F. Porter, snowballstem.org), as published
/// there in its original form. What it leaves need not be a word.
/// </summary>
internal static class EnglishStemmer
{
    /// <summary>Stems a word where it stands, and returns its new length, which may be one letter more.</summary>
    /// <param name="buffer">Begins with the word, of a to z only; has room for one letter after it.</param>
    /// <param name="length">The word's.</param>
    public static int Stem(Span<char> buffer, int length)
    {
        if (length <= 2)
            return length;
        if (StemmerExceptions.OfWhole(buffer, length) is { } known)
            return known;

        var word = new StemmedWord(buffer, length);
        Step1A(ref word);
        if (!StemmerExceptions.StopsAfterPlural(word.Text))
        {
            Step1B(ref word);
            Step1C(ref word);
            Replace(ref word, StemmerSuffixes.Step2, Step2Condition);
            Replace(ref word, StemmerSuffixes.Step3, Step3Condition);
            Step4(ref word);
            Step5(ref word);
        }

        word.Text.Replace('Y', 'y');
        return word.Length;
    }

    private static void Step1A(ref StemmedWord word)
    {
        if (word.EndsWith("sses"))
            word.Cut(2);
        else if (word.EndsWith("ied") || word.EndsWith("ies"))
            word.Cut(word.Length > 4 ? 2 : 1);
        else if (word.EndsWith("s") && !word.EndsWith("us") && !word.EndsWith("ss") && word.HasVowelBefore(word.Length - 2))
            word.Cut(1);
    }

    private static void Step1B(ref StemmedWord word)
    {
        var eed = word.EndsWith("eedly") ? 5 : word.EndsWith("eed") ? 3 : 0;
        if (eed > 0)
        {
            if (word.Length - eed >= word.R1)
                word.Cut(eed - 2);
            return;
        }

        var ending = word.EndsWith("ingly") ? 5 : word.EndsWith("edly") ? 4 : word.EndsWith("ing") ? 3 : word.EndsWith("ed") ? 2 : 0;
        if (ending == 0 || !word.HasVowelBefore(word.Length - ending))
            return;
        word.Cut(ending);
        if (word.EndsWith("at") || word.EndsWith("bl") || word.EndsWith("iz"))
            word.Append('e');
        else if (word.EndsInDouble)
            word.Cut(1);
        else if (word.IsShort)
            word.Append('e');
    }

    private static void Step1C(ref StemmedWord word)
    {
        if (word.Length > 2 && word[word.Length - 1] is 'y' or 'Y' && !word.IsVowel(word.Length - 2))
            word[word.Length - 1] = 'i';
    }

    private static void Step4(ref StemmedWord word)
    {
        foreach (var suffix in StemmerSuffixes.Step4)
        {
            if (!word.EndsWith(suffix))
                continue;
            var at = word.Length - suffix.Length;
            if (at >= word.R2 && (suffix != "ion" || (at > 0 && word[at - 1] is 's' or 't')))
                word.Cut(suffix.Length);
            return;
        }
    }

    private static void Step5(ref StemmedWord word)
    {
        var last = word.Length - 1;
        if (word.EndsWith("e"))
        {
            if (last >= word.R2 || (last >= word.R1 && !word.EndsInShortSyllable(last)))
                word.Cut(1);
        }
        else if (word.EndsWith("ll") && last >= word.R2)
        {
            word.Cut(1);
        }
    }

    /// <summary>The longest of these suffixes is replaced if it lies in R1; where it does not, no shorter one is tried.</summary>
    private static void Replace(ref StemmedWord word, (string Suffix, string By)[] suffixes, Condition condition)
    {
        foreach (var (suffix, by) in suffixes)
        {
            if (!word.EndsWith(suffix))
                continue;
            var at = word.Length - suffix.Length;
            if (at >= word.R1 && condition(word, suffix, at))
                word.ReplaceEnd(suffix.Length, by);
            return;
        }
    }

    private static bool Step2Condition(scoped in StemmedWord word, string suffix, int at) => suffix switch
    {
        "ogi" => at > 0 && word[at - 1] == 'l',
        "li" => at > 0 && word[at - 1] is 'c' or 'd' or 'e' or 'g' or 'h' or 'k' or 'm' or 'n' or 'r' or 't',
        _ => true,
    };

    private static bool Step3Condition(scoped in StemmedWord word, string suffix, int at) => suffix != "ative" || at >= word.R2;

    private delegate bool Condition(scoped in StemmedWord word, string suffix, int at);
}
