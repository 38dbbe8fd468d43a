using System.Globalization;
using System.Text;

namespace Weir.Retrieval.Text;

/// <summary>Takes the terms of a text as they are found.</summary>
internal interface ITermSink
{
    /// <param name="term">Valid during the call.</param>
    void Add(ReadOnlySpan<char> term);
}

/// <summary>
/// Makes terms of text, the same of what is indexed and of what is asked. A word gives itself, folded and stemmed; an identifier its parts and all of
/// them in one; an address or a version its words and itself as it stands; Chinese, Japanese, Korean, Thai and the like pairs of characters.
/// </summary>
/// <remarks>Linear in the text, and without allocations. docs/search.md has the rules with examples.</remarks>
internal static class TextAnalyzer
{
    public static void Analyze<TSink>(ReadOnlySpan<char> text, bool stemming, ref TSink sink)
        where TSink : struct, ITermSink
    {
        Span<char> folded = stackalloc char[CharacterFolding.MaxLength];
        var words = new WordTerms(stackalloc char[WordTerms.BufferLength], stackalloc byte[WordTerms.MostParts + 1], stackalloc char[WordTerms.LongestAddress], stemming);
        var characters = new CharacterTerms(stackalloc char[CharacterTerms.BufferLength]);
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            i += consumed;
            if (IsInvisible(rune.Value))
                continue;
            if (IsApostrophe(rune.Value) && words.InWord)
            {
                i += words.Apostrophe(text[i..], ref sink);
                continue;
            }

            if (!words.BeforeCharacter(rune, text[i..]))
                continue;
            var length = CharacterFolding.Fold(rune, folded);
            foreach (var part in ((ReadOnlySpan<char>)folded[..length]).EnumerateRunes())
            {
                switch (CharacterClass.Of(part))
                {
                    case CharacterKind.Word:
                        characters.EndRun(ref sink);
                        words.Add(Alike(part));
                        break;
                    case CharacterKind.Unsegmented:
                        words.EndAddress(ref sink);
                        characters.Add(part, ref sink);
                        break;
                    default:
                        characters.EndRun(ref sink);
                        words.Separator(part, text[i..], ref sink);
                        break;
                }
            }
        }

        words.EndAddress(ref sink);
        characters.EndRun(ref sink);
    }

    /// <summary>What may stand inside of a word without being seen: soft hyphens, joiners, Arabic and Hebrew vowel points, the Arabic stretching stroke.</summary>
    private static bool IsInvisible(int value) => value is
        0xad or 0x200c or 0x200d or 0x2060 or 0xfeff or 0x640 or 0x670 or (>= 0x64b and <= 0x65f) or (>= 0x591 and <= 0x5bd) or 0x5bf or 0x5c1 or 0x5c2 or 0x5c7;

    private static bool IsApostrophe(int value) => value is '\'' or 0x2019 or 0x2bc or 0xff07;

    /// <summary>Letters that Arabic writers interchange.</summary>
    private static Rune Alike(Rune rune) => rune.Value switch
    {
        0x622 or 0x623 or 0x625 => new Rune(0x627),
        0x649 => new Rune(0x64a),
        _ => rune,
    };

    internal static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && CharacterClass.Of(rune) == CharacterKind.Word;

    internal static bool StartsWithLower(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && Rune.GetUnicodeCategory(rune) == UnicodeCategory.LowercaseLetter;
}
