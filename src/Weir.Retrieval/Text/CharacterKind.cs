using System.Globalization;
using System.Text;

namespace Weir.Retrieval.Text;

/// <summary>What a character is to those who look for words.</summary>
internal enum CharacterKind : byte
{
    /// <summary>Between words.</summary>
    Separator,

    /// <summary>A letter, mark or digit of a script that puts spaces between its words.</summary>
    Word,

    /// <summary>A character of a script that does not: Chinese, Japanese, Thai and the like. Korean, which does, is counted here for its endings.</summary>
    Unsegmented,
}

internal static class CharacterClass
{
    public static CharacterKind Of(Rune rune)
    {
        var value = rune.Value;
        if (value < 0x80)
            return (value | 0x20) is >= 'a' and <= 'z' || value is >= '0' and <= '9' ? CharacterKind.Word : CharacterKind.Separator;
        if (!IsWord(Rune.GetUnicodeCategory(rune)))
            return CharacterKind.Separator;
        return IsUnsegmented(value) ? CharacterKind.Unsegmented : CharacterKind.Word;
    }

    /// <summary>The scripts that are cut into characters, by their blocks.</summary>
    public static bool IsUnsegmented(int value) => value >= 0x0e00 && value switch
    {
        <= 0x0eff => true, // Thai, Lao
        >= 0x1000 and <= 0x109f => true, // Myanmar
        >= 0x1100 and <= 0x11ff => true, // Hangul letters, of decomposed syllables
        >= 0x1780 and <= 0x17ff => true, // Khmer
        >= 0x3005 and <= 0x3007 => true, // 々〆〇
        >= 0x3041 and <= 0x30ff => true, // Hiragana, Katakana
        >= 0x31f0 and <= 0x31ff => true, // Katakana extensions
        >= 0x3400 and <= 0x4dbf => true, // Han
        >= 0x4e00 and <= 0x9fff => true,
        >= 0xac00 and <= 0xd7a3 => true, // Hangul syllables
        >= 0xf900 and <= 0xfaff => true,
        >= 0x20000 and <= 0x3ffff => true,
        _ => false,
    };

    private static bool IsWord(UnicodeCategory category) => category is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or
        UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
