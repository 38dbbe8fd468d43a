using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>Cuts at every code point that a test finds.</summary>
internal sealed class CharacterSplit(Func<int, bool> isDelimiter, SplitBehavior behavior) : PreTokenizer
{
    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        var writer = new PieceWriter(piece, behavior, result);
        var from = 0;
        for (var i = 0; i < piece.Length;)
        {
            var found = isDelimiter(CodePoints.At(piece, i, out var length));
            if (found)
            {
                writer.Add(from, i, false);
                writer.Add(i, i + length, true);
                from = i + length;
            }

            i += length;
        }

        writer.Add(from, piece.Length, false);
        writer.Close();
    }
}
