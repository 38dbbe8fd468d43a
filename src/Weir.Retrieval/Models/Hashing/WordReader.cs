using System.Globalization;
using System.Text;
using Weir.Retrieval.Text;

namespace Weir.Retrieval.Models.Hashing;

/// <summary>Cuts text into the words that <see cref="HashingModel"/> knows: folded, split at camelCase, their plural taken off.</summary>
internal ref struct WordReader
{
    /// <summary>In characters. A longer one is several words, so that no word costs more than its length.</summary>
    public const int LongestWord = 64;

    private int _length, _characters;
    private Rune _last;
    private bool _hasLast;

    /// <param name="utf8">Valid UTF-8.</param>
    /// <param name="words">Where they are counted.</param>
    public static void Read(ReadOnlySpan<byte> utf8, scoped ref WordCounts words)
    {
        var reader = new WordReader();
        Span<char> folded = stackalloc char[CharacterFolding.MaxLength];
        var previous = UnicodeCategory.SpaceSeparator;
        while (!utf8.IsEmpty)
        {
            Rune.DecodeFromUtf8(utf8, out var rune, out var consumed);
            utf8 = utf8[consumed..];
            var category = Rune.GetUnicodeCategory(rune);
            if (category == UnicodeCategory.UppercaseLetter && previous == UnicodeCategory.LowercaseLetter)
                reader.EndWord(ref words);
            previous = category;
            var length = CharacterFolding.Fold(rune, folded);
            foreach (var part in ((ReadOnlySpan<char>)folded[..length]).EnumerateRunes())
                reader.Add(part, ref words);
        }

        reader.EndWord(ref words);
    }

    private void Add(Rune rune, scoped ref WordCounts words)
    {
        var kind = CharacterClass.Of(rune);
        if (kind == CharacterKind.Word)
        {
            _hasLast = false;
            _length += rune.EncodeToUtf8(words.Free[_length..]);
            if (++_characters == LongestWord)
                EndWord(ref words);
            return;
        }

        EndWord(ref words);
        if (kind == CharacterKind.Unsegmented)
        {
            words.Commit(rune.EncodeToUtf8(words.Free), 1, true);
            if (_hasLast)
            {
                var first = _last.EncodeToUtf8(words.Free);
                words.Commit(first + rune.EncodeToUtf8(words.Free[first..]), 2, true);
            }

            _last = rune;
        }

        _hasLast = kind == CharacterKind.Unsegmented;
    }

    private void EndWord(scoped ref WordCounts words)
    {
        if (_length > 0)
        {
            var cut = WithoutPlural(words.Free[.._length]);
            words.Commit(_length - cut, _characters - cut, false);
        }

        (_length, _characters) = (0, 0);
    }

    /// <summary>Takes an English plural off, writing over its end, and returns by how many letters the word is shorter.</summary>
    private static int WithoutPlural(Span<byte> word)
    {
        if (word.Length <= 3 || word[^1] != 's' || word[^2] is (byte)'s' or (byte)'u')
            return 0;
        if (word.Length <= 4 || !word.EndsWith("ies"u8))
            return 1;
        word[^3] = (byte)'y';
        return 2;
    }
}
