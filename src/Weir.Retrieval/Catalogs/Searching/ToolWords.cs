using System.Text;
using Weir.Retrieval.Text;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>A word as it is compared, and as it was written.</summary>
internal readonly record struct ToolWord(string Term, string Written);

/// <summary>
/// Cuts the texts of tools and of those who look for them into words. Identifiers fall apart (<c>get_weather</c>, <c>getWeather</c>,
/// <c>HTTPServer2</c>); scripts without spaces give pairs of characters; endings of English are taken off, the same from both sides.
/// </summary>
internal static class ToolWords
{
    private const int LongestWord = 64;

    public static List<ToolWord> Of(string text)
    {
        var words = new List<ToolWord>();
        var word = new StringBuilder();
        Span<char> folded = stackalloc char[CharacterFolding.MaxLength];
        var previous = default(Rune);
        Rune unsegmented = default;
        var position = 0;
        while (position < text.Length)
        {
            Rune.DecodeFromUtf16(text.AsSpan(position), out var rune, out var length);
            var kind = CharacterClass.Of(rune);
            if (kind == CharacterKind.Word)
            {
                if (word.Length > 0 && IsBorder(previous, rune, NextIsSmall(text, position + length)))
                    Flush(word, words);
                if (word.Length < LongestWord)
                    word.Append(folded[..CharacterFolding.Fold(rune, folded)]);
                unsegmented = default;
            }
            else
            {
                Flush(word, words);
                if (kind == CharacterKind.Unsegmented)
                {
                    var pair = unsegmented == default ? rune.ToString() : unsegmented.ToString() + rune;
                    words.Add(new ToolWord(pair, pair));
                    unsegmented = rune;
                }
                else
                {
                    unsegmented = default;
                }
            }

            previous = rune;
            position += length;
        }

        Flush(word, words);
        return words;
    }

    // getWeather: before the capital. HTTPServer: before the last capital of several. v2beta: digits stand alone.
    private static bool IsBorder(Rune before, Rune now, bool nextIsSmall) =>
        (Rune.IsUpper(now) && (Rune.IsLower(before) || (Rune.IsUpper(before) && nextIsSmall))) || Rune.IsDigit(before) != Rune.IsDigit(now);

    private static bool NextIsSmall(string text, int position) => position < text.Length && char.IsLower(text[position]);

    private static void Flush(StringBuilder word, List<ToolWord> words)
    {
        if (word.Length == 0)
            return;
        var written = word.ToString();
        words.Add(new ToolWord(WordEnding.Strip(written), written));
        word.Clear();
    }
}
