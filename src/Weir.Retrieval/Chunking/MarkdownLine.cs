namespace Weir.Retrieval.Chunking;

/// <summary>What a line of Markdown is, by itself.</summary>
internal static class MarkdownLine
{
    private const int DeepestHeading = 6;
    private const int ShortestFence = 3;

    /// <summary>1 to 6 for a heading that begins with #; else 0.</summary>
    public static int HeadingLevel(ReadOnlySpan<char> line)
    {
        if (!TryUnindent(ref line))
            return 0;
        var level = Run(line, '#');
        return level is > 0 and <= DeepestHeading && (level == line.Length || line[level] is ' ' or '\t') ? level : 0;
    }

    /// <summary>A heading's text without the marks before and behind it.</summary>
    public static ReadOnlySpan<char> HeadingTitle(ReadOnlySpan<char> line)
    {
        var title = line.Trim();
        title = title[Run(title, '#')..].Trim();
        var unmarked = title.TrimEnd('#');
        return unmarked.Length == 0 || unmarked[^1] is ' ' or '\t' ? unmarked.TrimEnd() : title;
    }

    /// <summary>A line of = or - alone, which makes a heading of the paragraph above it.</summary>
    public static bool IsUnderline(ReadOnlySpan<char> line)
    {
        if (!TryUnindent(ref line))
            return false;
        line = line.TrimEnd();
        return line.Length > 0 && line[0] is '=' or '-' && Run(line, line[0]) == line.Length;
    }

    /// <summary>The length of an opening fence and its character; 0 where the line is none.</summary>
    public static int Fence(ReadOnlySpan<char> line, out char mark)
    {
        line = line.TrimStart();
        mark = line.Length > 0 ? line[0] : default;
        if (mark is not ('`' or '~'))
            return 0;
        var length = Run(line, mark);
        return length >= ShortestFence && (mark is '~' || !line[length..].Contains('`')) ? length : 0;
    }

    public static bool ClosesFence(ReadOnlySpan<char> line, char mark, int length)
    {
        line = line.Trim();
        return line.Length >= length && Run(line, mark) == line.Length;
    }

    public static bool IsListItem(ReadOnlySpan<char> line)
    {
        const int LongestNumber = 9;
        line = line.TrimStart();
        if (line.Length > 1 && line[0] is '-' or '*' or '+')
            return line.Length > 1 && line[1] is ' ' or '\t';
        var digits = 0;
        while (digits < line.Length && digits <= LongestNumber && char.IsAsciiDigit(line[digits]))
            digits++;
        return digits is > 0 and <= LongestNumber && digits + 1 < line.Length && line[digits] is '.' or ')' && line[digits + 1] is ' ' or '\t';
    }

    /// <summary>The line between the head of a table and its rows.</summary>
    public static bool IsTableRule(ReadOnlySpan<char> line)
    {
        line = line.Trim();
        return line.Contains('-') && line.Contains('|') && !line.ContainsAnyExcept("|-: \t");
    }

    private static int Run(ReadOnlySpan<char> line, char mark) => line.IndexOfAnyExcept(mark) is var length and >= 0 ? length : line.Length;

    /// <summary>Four blanks or a tab make code of what would be a mark.</summary>
    private static bool TryUnindent(ref ReadOnlySpan<char> line)
    {
        var blanks = Run(line, ' ');
        line = line[blanks..];
        return blanks < 4;
    }
}
