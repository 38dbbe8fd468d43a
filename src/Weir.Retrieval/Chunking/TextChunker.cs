namespace Weir.Retrieval.Chunking;

/// <summary>
/// Cuts a text into chunks: at headings always, else where a block ends if the chunk is at least half full then, else between sentences; inside of a
/// sentence (or a block of code, or a row) only where it is larger than a whole chunk: between lines, then words, then characters.
/// Every character that is not blank is in a chunk. Time grows with the length of the text, whatever it holds.
/// </summary>
internal static class TextChunker
{
    /// <exception cref="ArgumentOutOfRangeException">The settings are out of their ranges.</exception>
    public static IReadOnlyList<TextChunk> Split(string text, TextFormat format, ChunkSettings settings, ITokenCounter counter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.Tokens, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(settings.Overlap);

        var packer = new ChunkPacker(settings);
        var cutter = new PieceCutter(text, settings.Tokens, counter, packer);
        foreach (var block in format is TextFormat.Markdown ? MarkdownBlocks.Of(text) : PlainBlocks.Of(text))
            cutter.Cut(block);
        return packer.Finish();
    }
}
