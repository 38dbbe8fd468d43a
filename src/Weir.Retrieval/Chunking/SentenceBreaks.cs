using System.Buffers;
using System.Collections.Frozen;

namespace Weir.Retrieval.Chunking;

/// <summary>
/// Where sentences end: at a mark that ends one in any case (。！？ and those of other scripts), and at . ! ? … before a blank. A point does not end
/// one after an abbreviation, an initial or the number of a list item, nor before a small letter. Points inside of decimals, versions, names of
/// hosts and files have no blank behind them.
/// </summary>
internal static class SentenceBreaks
{
    private const int LongestAbbreviation = 8;
    private const string Terminators = ".!?…‥";
    private const string FirmTerminators = "。！？｡।॥؟۔։።។။";
    private const string Closers = "\"')]}»›”’」』）】》〉］｝";

    private static readonly SearchValues<char> AllTerminators = SearchValues.Create(Terminators + FirmTerminators);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Abbreviations = Lookup(
        "dr mr mrs ms prof sr jr st vs e.g i.e cf al approx inc ltd corp dept est resp gen col lt sgt rev hon messrs mme mlle " +
        "z.b d.h u.a o.ä bzw ca usw evtl ggf vgl inkl exkl p.ex p.ej sra ud uds etc a.m p.m u.s u.k ph.d");

    /// <summary>Words as well: abbreviations before a number only.</summary>
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> BeforeNumbers = Lookup(
        "no nr nos fig figs p pp vol sec art ch chap eq abs bd kap jan feb mar apr jun jul aug sep sept oct nov dec");

    /// <summary>The end of the sentence that begins at a place: behind its last mark, or the end of the range.</summary>
    public static int EndOf(string text, int start, int end)
    {
        var marks = text.AsSpan();
        for (var at = start; at < end;)
        {
            var skipped = marks[at..end].IndexOfAny(AllTerminators);
            if (skipped < 0)
                return end;
            var first = at += skipped;
            var isFirm = false;
            while (at < end && AllTerminators.Contains(marks[at]))
                isFirm |= FirmTerminators.Contains(marks[at++], StringComparison.Ordinal);
            var isPoint = marks[first] == '.' && at == first + 1;
            while (at < end && Closers.Contains(marks[at], StringComparison.Ordinal))
                at++;
            if (at == end)
                return end;
            if (!Borders.IsBorder(text, at))
                continue;
            if (isFirm || (char.IsWhiteSpace(marks[at]) && !(isPoint && GoesOn(marks, start, first, at, end))))
                return at;
        }

        return end;
    }

    /// <summary>Whether the point at a place is not the end of a sentence, though a blank follows.</summary>
    private static bool GoesOn(ReadOnlySpan<char> text, int start, int point, int blank, int end)
    {
        var next = blank;
        while (next < end && char.IsWhiteSpace(text[next]))
            next++;
        if (next < end && char.IsLower(text[next]))
            return true;

        var word = point;
        while (word > start && point - word <= LongestAbbreviation && !char.IsWhiteSpace(text[word - 1]) && text[word - 1] is not ('(' or '[' or '"' or '“'))
            word--;
        var before = text[word..point];
        if (before.Length is 0 or > LongestAbbreviation)
            return false;
        // The number of a list item; the initial of a name.
        if ((word == start && before.Length < 4 && !before.ContainsAnyExceptInRange('0', '9')) || (before.Length == 1 && char.IsUpper(before[0])))
            return true;
        return Abbreviations.Contains(before) || (next < end && char.IsDigit(text[next]) && BeforeNumbers.Contains(before));
    }

    private static FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Lookup(string words) =>
        words.Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
}
