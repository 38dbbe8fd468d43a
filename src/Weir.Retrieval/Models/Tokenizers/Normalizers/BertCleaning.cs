using System.Globalization;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Normalizers;

/// <summary>What BERT does first: control characters go, all white space becomes a space, Chinese characters get spaces around them.</summary>
internal sealed class BertCleaning(bool cleanText, bool handleChinese) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAnyExceptInRange(' ', '~');
            if (plain < 0)
                plain = text.Length;
            result.Append(text[..plain]);
            text = text[plain..];
            if (text.IsEmpty)
                return;

            var point = CodePoints.At(text, 0, out var length);
            var isSpace = point is '\t' or '\n' or '\r' || CodePoints.IsWhiteSpace(point);
            if (cleanText && IsDropped(point))
            {
                // Nothing stays of it.
            }
            else if (cleanText && isSpace)
            {
                result.Append(' ');
            }
            else if (handleChinese && IsChinese(point))
            {
                result.Append(' ');
                result.AppendCodePoint(point);
                result.Append(' ');
            }
            else
            {
                result.AppendCodePoint(point);
            }

            text = text[length..];
        }
    }

    private static bool IsDropped(int point) => point == 0xFFFD || (point is not ('\t' or '\n' or '\r') && CodePoints.CategoryOf(point)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate);

    // The blocks of ideographs as BERT lists them, its gap before U+2B920 included: models were trained with it.
    private static bool IsChinese(int point) => point
        is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
        or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
