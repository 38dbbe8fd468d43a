namespace Weir.Retrieval.Chunking;

/// <summary>Lines that belong together.</summary>
/// <param name="Start">Where its first line begins.</param>
/// <param name="End">Where its last line ends, the line break left out.</param>
/// <param name="Kind">What it may be cut at.</param>
/// <param name="Heading">The headings it stands under, its own included.</param>
internal readonly record struct TextBlock(int Start, int End, BlockKind Kind, string? Heading);

internal enum BlockKind
{
    /// <summary>Sentences.</summary>
    Prose,

    /// <summary>Begins a section.</summary>
    Heading,

    /// <summary>Whole where it fits; else lines.</summary>
    Code,

    /// <summary>Rows, the first two of which are its head.</summary>
    Table,
}

/// <summary>One line of a text.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where its line break is, or the text ends.</param>
/// <param name="Next">Where the next line begins; the text's length after the last.</param>
internal readonly record struct TextLine(int Start, int End, int Next)
{
    public static TextLine At(string text, int start)
    {
        var length = text.AsSpan(start).IndexOfAny('\n', '\r');
        if (length < 0)
            return new(start, text.Length, text.Length);
        var end = start + length;
        return new(start, end, text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? end + 2 : end + 1);
    }

    public ReadOnlySpan<char> Of(string text) => text.AsSpan(Start, End - Start);
}
