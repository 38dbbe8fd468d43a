namespace Weir.Retrieval.Chunking;

/// <summary>The blocks of CommonMark that matter to chunks, and the tables of GitHub's flavour. A fence may be indented, as it is inside of lists.</summary>
internal sealed class MarkdownBlocks(string text)
{
    private readonly HeadingTrail _trail = new();

    // The block under way: lines that no blank one, nor another block, has ended yet.
    private int _start = -1;
    private int _end;
    private BlockKind _kind;

    /// <summary>Whether a line of = or - under the lines so far would make a heading of them.</summary>
    private bool _underlinable;

    public static IEnumerable<TextBlock> Of(string text) => new MarkdownBlocks(text).Read();

    private IEnumerable<TextBlock> Read()
    {
        var at = 0;
        if (FrontMatterEnd() is { } matter)
        {
            yield return new(0, matter.End, BlockKind.Code, null);
            at = matter.Next;
        }

        while (at < text.Length)
        {
            var line = TextLine.At(text, at);
            at = line.Next;
            var begins = Classify(line);
            if (begins is Mark.Underline)
            {
                _end = line.End;
                _kind = BlockKind.Heading;
                _trail.Enter(line.Of(text).TrimStart()[0] == '=' ? 1 : 2, text.AsSpan(_start, line.Start - _start));
                yield return Take();
                continue;
            }

            if (begins is not Mark.Nothing && _start >= 0)
                yield return Take();
            switch (begins)
            {
                case Mark.Blank:
                    break;
                case Mark.Fence:
                    at = EndOfFence(line, out var end);
                    yield return new(line.Start, end, BlockKind.Code, _trail.Text);
                    break;
                case Mark.Heading:
                    _trail.Enter(MarkdownLine.HeadingLevel(line.Of(text)), MarkdownLine.HeadingTitle(line.Of(text)));
                    yield return new(line.Start, line.End, BlockKind.Heading, _trail.Text);
                    break;
                default:
                    Keep(line, begins);
                    break;
            }
        }

        if (_start >= 0)
            yield return Take();
    }

    private Mark Classify(TextLine line)
    {
        var content = line.Of(text);
        if (content.IsWhiteSpace())
            return Mark.Blank;
        if (_start >= 0 && _underlinable && MarkdownLine.IsUnderline(content))
            return Mark.Underline;
        if (MarkdownLine.Fence(content, out _) > 0)
            return Mark.Fence;
        if (MarkdownLine.HeadingLevel(content) > 0)
            return Mark.Heading;
        if (_start >= 0 && _kind is BlockKind.Table)
            return Mark.Nothing;
        if (content.Contains('|') && line.Next < text.Length && MarkdownLine.IsTableRule(TextLine.At(text, line.Next).Of(text)))
            return Mark.Table;
        return MarkdownLine.IsListItem(content) ? Mark.Item : Mark.Nothing;
    }

    private void Keep(TextLine line, Mark mark)
    {
        if (_start < 0)
        {
            _start = line.Start;
            _kind = mark is Mark.Table ? BlockKind.Table : BlockKind.Prose;
            _underlinable = mark is Mark.Nothing;
        }

        _end = line.End;
    }

    private TextBlock Take()
    {
        var block = new TextBlock(_start, _end, _kind, _trail.Text);
        _start = -1;
        return block;
    }

    /// <summary>Where the lines go on after a fence: behind the one that closes it, else at the end of the text.</summary>
    private int EndOfFence(TextLine opening, out int end)
    {
        var length = MarkdownLine.Fence(opening.Of(text), out var mark);
        end = opening.End;
        for (var at = opening.Next; at < text.Length;)
        {
            var line = TextLine.At(text, at);
            at = line.Next;
            end = line.End;
            if (MarkdownLine.ClosesFence(line.Of(text), mark, length))
                return at;
        }

        return text.Length;
    }

    /// <summary>The closing line of what some tools put before the text, between two lines of ---.</summary>
    private TextLine? FrontMatterEnd()
    {
        const int LongestMatter = 64 * 1024;
        var line = TextLine.At(text, 0);
        if (line.Of(text).TrimEnd() is not "---")
            return null;
        while (line.Next < text.Length && line.Next < LongestMatter)
        {
            line = TextLine.At(text, line.Next);
            if (line.Of(text).TrimEnd() is "---" or "...")
                return line;
        }

        return null;
    }

    /// <summary>What a line does to the blocks.</summary>
    private enum Mark
    {
        /// <summary>It goes on with the block under way, or begins a paragraph.</summary>
        Nothing,
        Blank,
        Underline,
        Fence,
        Heading,
        Table,
        Item,
    }
}
