using System.Globalization;

namespace Weir.Retrieval.Chunking;

/// <summary>Places where a text may be cut without cutting what a reader sees as one character.</summary>
internal static class Borders
{
    /// <summary>In UTF-16 code units; longer ones are attacks, and may be cut between code points.</summary>
    private const int LongestCharacter = 64;

    /// <summary>Nothing below has combining marks, or combines.</summary>
    private const char FirstMark = '\u0300';

    /// <summary>Whether a character ends at a place beside a blank or a punctuation mark.</summary>
    public static bool IsBorder(string text, int at)
    {
        if (at <= 0 || at >= text.Length)
            return true;
        var before = text[at - 1];
        if (before < FirstMark && text[at] < FirstMark)
            return before != '\r' || text[at] != '\n';
        var first = char.IsLowSurrogate(before) && at > 1 ? at - 2 : at - 1;
        return first + StringInfo.GetNextTextElementLength(text.AsSpan(first, Math.Min(LongestCharacter, text.Length - first))) <= at;
    }

    /// <summary>Whether a blank stands at a place that no mark makes a visible character of.</summary>
    public static bool IsBlank(string text, int at) =>
        text[at] is '\r' or '\n' || (char.IsWhiteSpace(text[at]) && IsBorder(text, at + 1) && IsBorder(text, at));

    /// <summary>The end of as many characters as fit in a size, at least one.</summary>
    public static int EndOfCharacters(string text, int start, int end, int size)
    {
        var limit = start + (long)size;
        var at = start;
        do
        {
            var next = at + StringInfo.GetNextTextElementLength(text.AsSpan(at, Math.Min(LongestCharacter, end - at)));
            if (next > limit && at > start)
                break;
            at = next;
        }
        while (at < end && at < limit);
        return at;
    }

    /// <summary>The end of as many code points as fit in a size, at least one.</summary>
    public static int EndOfRunes(string text, int start, int end, int size)
    {
        var at = Math.Min(end, start + Math.Max(1, size));
        if (at < end && char.IsLowSurrogate(text[at]) && char.IsHighSurrogate(text[at - 1]))
            at += at - 1 == start ? 1 : -1;
        return at;
    }
}
