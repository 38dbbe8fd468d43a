using System.Globalization;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>Kinds of code points, as tokenizers tell them apart.</summary>
internal static class Characters
{
    /// <summary>Punctuation of Unicode, and every ASCII character that is neither letter, digit, space nor control.</summary>
    public static bool IsPunctuation(int point) => point < 0x80
        ? point is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~')
        : CodePoints.CategoryOf(point) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation
            or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation
            or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation;

    /// <summary>Decimal digits, numbers of letters, and other numbers.</summary>
    public static bool IsNumeric(int point) => point < 0x80
        ? point is >= '0' and <= '9'
        : CodePoints.CategoryOf(point) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>What <c>\w</c> matches (Unicode Technical Standard 18): letters, marks, decimal digits, connectors and joiners.</summary>
    public static bool IsWord(int point)
    {
        if (point < 0x80)
            return char.IsAsciiLetterOrDigit((char)point) || point == '_';
        if (point is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189))
            return true;
        return CodePoints.CategoryOf(point) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber or UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber
            or UnicodeCategory.ConnectorPunctuation;
    }
}
