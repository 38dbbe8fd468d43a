using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>BERT's: words between white space, every punctuation mark by itself.</summary>
internal sealed class BertSplit : PreTokenizer
{
    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        var from = 0;
        for (var i = 0; i < piece.Length;)
        {
            var point = CodePoints.At(piece, i, out var length);
            var isSpace = CodePoints.IsWhiteSpace(point);
            if (isSpace || Characters.IsPunctuation(point))
            {
                result.Add(piece[from..i]);
                from = i + length;
                if (!isSpace)
                    result.Add(piece[i..from]);
            }

            i += length;
        }

        result.Add(piece[from..]);
    }
}

/// <summary>Stretches of word characters, and stretches of what is neither that nor white space.</summary>
internal sealed class WordSplit : PreTokenizer
{
    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        int from = 0, before = 0; // 0: white space, 1: word, 2: else
        for (var i = 0; i < piece.Length;)
        {
            var point = CodePoints.At(piece, i, out var length);
            var kind = CodePoints.IsWhiteSpace(point) ? 0 : Characters.IsWord(point) ? 1 : 2;
            if (kind != before)
            {
                if (before != 0)
                    result.Add(piece[from..i]);
                (from, before) = (i, kind);
            }

            i += length;
        }

        if (before != 0)
            result.Add(piece[from..]);
    }
}

/// <summary>SentencePiece's: a space becomes a visible character, which the next word begins with.</summary>
/// <param name="replacement">The visible character.</param>
/// <param name="prepend">Whether one is put before a piece: before none, only the text's beginning, or each.</param>
/// <param name="split">Whether to cut before every one of them.</param>
internal sealed class Metaspace(char replacement, MetaspacePrepend prepend, bool split) : PreTokenizer
{
    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        var text = result.Scratch;
        text.Clear();
        var prepends = prepend == MetaspacePrepend.Always || (prepend == MetaspacePrepend.First && isFirst);
        if (prepends && piece[0] != ' ' && piece[0] != replacement)
            text.Append(replacement);
        piece.Replace(text.AppendSpan(piece.Length), ' ', replacement);

        var rest = text.Span;
        while (split && rest.Length > 1 && rest[1..].IndexOf(replacement) is >= 0 and var next)
        {
            result.Add(rest[..(next + 1)]);
            rest = rest[(next + 1)..];
        }

        result.Add(rest);
    }
}

internal enum MetaspacePrepend
{
    Never,
    First,
    Always,
}
