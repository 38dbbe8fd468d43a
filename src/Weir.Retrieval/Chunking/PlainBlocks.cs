namespace Weir.Retrieval.Chunking;

/// <summary>Paragraphs: lines between blank ones.</summary>
internal static class PlainBlocks
{
    public static IEnumerable<TextBlock> Of(string text)
    {
        var start = -1;
        var end = 0;
        for (var at = 0; at < text.Length;)
        {
            var line = TextLine.At(text, at);
            at = line.Next;
            if (!line.Of(text).IsWhiteSpace())
            {
                start = start < 0 ? line.Start : start;
                end = line.End;
            }
            else if (start >= 0)
            {
                yield return new(start, end, BlockKind.Prose, null);
                start = -1;
            }
        }

        if (start >= 0)
            yield return new(start, end, BlockKind.Prose, null);
    }
}
