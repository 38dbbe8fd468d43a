using System.Text.RegularExpressions;
using Weir.Retrieval.Models.Tokenizers.Normalizers;

namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>GPT-2's: words with the space before them, contractions, numbers and the rest by themselves, each written in <see cref="ByteCharacters"/>.</summary>
internal sealed partial class ByteLevel(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    private static readonly Pattern Words = Pattern.Of(WordPattern());
    private static readonly ByteCharacters Bytes = new();

    public override void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result)
    {
        var text = result.Scratch;
        text.Clear();
        if (addPrefixSpace && piece[0] != ' ')
            text.Append(' ');
        text.Append(piece);
        if (!useRegex)
        {
            Write(text.Span, result);
            return;
        }

        var from = 0;
        foreach (var (start, length) in Words.Matches(text.Span))
        {
            Write(text.Span[from..start], result);
            from = start + length;
            Write(text.Span[start..from], result);
        }

        Write(text.Span[from..], result);
    }

    private static void Write(ReadOnlySpan<char> word, PieceList result)
    {
        if (word.IsEmpty)
            return;
        Bytes.Normalize(word, result.Text);
        result.Close();
    }

    // It cannot blow up: a stretch of white space gives back one character at most before the next alternative.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex WordPattern();
}
