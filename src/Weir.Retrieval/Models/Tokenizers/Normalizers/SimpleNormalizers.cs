using System.Globalization;
using System.Text;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Normalizers;

/// <summary>NFC, NFD, NFKC or NFKD.</summary>
internal sealed class UnicodeForm(NormalizationForm form) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result) => UnicodeNormalizer.Normalize(text, form, result);
}

/// <summary>Every character in lower case by itself, without regard to language or neighbours.</summary>
internal sealed class Lowercase : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        // The one character whose lower case is two.
        for (var dotted = text.IndexOf('\u0130'); dotted >= 0; dotted = text.IndexOf('\u0130'))
        {
            text[..dotted].ToLowerInvariant(result.AppendSpan(dotted));
            result.Append("i\u0307");
            text = text[(dotted + 1)..];
        }

        text.ToLowerInvariant(result.AppendSpan(text.Length));
    }
}

/// <summary>Takes marks away; they stand by themselves only after a decomposition.</summary>
/// <param name="nonSpacingOnly">Whether marks that take room of their own, or enclose, stay.</param>
internal sealed class StripMarks(bool nonSpacingOnly) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        // No mark comes before U+0300.
        if (!text.ContainsAnyExceptInRange('\0', '\u02FF'))
        {
            result.Append(text);
            return;
        }

        for (var i = 0; i < text.Length;)
        {
            var point = CodePoints.At(text, i, out var length);
            var category = point < 0x300 ? UnicodeCategory.LowercaseLetter : CodePoints.CategoryOf(point);
            if (category != UnicodeCategory.NonSpacingMark
                && (nonSpacingOnly || category is not (UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)))
                result.Append(text.Slice(i, length));
            i += length;
        }
    }
}

/// <summary>Takes white space off the ends.</summary>
internal sealed class Strip(bool left, bool right) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        if (left)
            text = text.TrimStart();
        if (right)
            text = text.TrimEnd();
        result.Append(text);
    }
}

/// <summary>Puts something before a text that is not empty.</summary>
internal sealed class Prepend(string prefix) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        if (text.IsEmpty)
            return;
        result.Append(prefix);
        result.Append(text);
    }
}

/// <summary>Puts something, as it stands, in the place of every match.</summary>
internal sealed class Replace(Pattern pattern, string content) : Normalizer
{
    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        var from = 0;
        foreach (var (start, length) in pattern.Matches(text))
        {
            result.Append(text[from..start]);
            result.Append(content);
            from = start + length;
        }

        result.Append(text[from..]);
    }
}

/// <summary>Every byte of UTF-8 as a character that can be seen.</summary>
internal sealed class ByteCharacters : Normalizer
{
    private static readonly char[] CharOfByte = Characters();

    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
                result.Append(CharOfByte[value]);
        }
    }

    // GPT-2's alphabet: what is printable in Latin-1 stands for itself, all else follows from U+0100 on in order.
    private static char[] Characters()
    {
        var chars = new char[256];
        var next = '\u0100';
        for (var i = 0; i < chars.Length; i++)
            chars[i] = i is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)i : next++;
        return chars;
    }
}
