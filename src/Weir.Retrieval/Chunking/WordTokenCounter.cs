using System.Text;

namespace Weir.Retrieval.Chunking;

/// <summary>
/// For models without a tokenizer: words / 0.75, rounded up. A word is what stands between blanks, in pieces of at most 24 characters;
/// every Chinese, Japanese or Korean character counts as a token by itself.
/// </summary>
internal sealed class WordTokenCounter : ITokenCounter
{
    private const int LongestWord = 24;

    private WordTokenCounter()
    {
    }

    public static WordTokenCounter Instance { get; } = new();

    public int Count(ReadOnlySpan<char> text)
    {
        var words = 0;
        var ideographs = 0;
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune))
            {
                length = 0;
            }
            else if (IsIdeograph(rune.Value))
            {
                ideographs++;
                length = 0;
            }
            else if (length++ % LongestWord == 0)
            {
                words++;
            }
        }

        return ideographs + (int)(((4L * words) + 2) / 3);
    }

    /// <summary>Scripts written without blanks that models cut by character: Han, kana, and Hangul syllables.</summary>
    private static bool IsIdeograph(int rune) => rune is (>= 0x2E80 and <= 0x2FDF) or (>= 0x3040 and <= 0x30FF) or (>= 0x31C0 and <= 0x31FF)
        or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
