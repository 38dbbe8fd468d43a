namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>Cuts at every match of a pattern; or, inverted, at everything else.</summary>
internal sealed class PatternSplit(Pattern pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        var writer = new PieceWriter(piece, behavior, result);
        var from = 0;
        foreach (var (start, length) in pattern.Matches(piece))
        {
            writer.Add(from, start, invert);
            from = start + length;
            writer.Add(start, from, !invert);
        }

        writer.Add(from, piece.Length, invert);
        writer.Close();
    }
}
