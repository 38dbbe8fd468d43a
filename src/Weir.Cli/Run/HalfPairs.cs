using System.Globalization;

namespace Weir.Cli.Run;

/// <summary>
/// Halves of surrogate pairs that are written as escapes, such as <c>"\ud83d"</c>: what a program in JavaScript prints of a text that it has cut within a character. The grammar of JSON lets them stand
/// (RFC 8259, section 8.2), no text can hold them, and System.Text.Json reads them without a word and throws once such a string is asked for, or written.
/// </summary>
internal static class HalfPairs
{
    /// <summary>Why a line, or what a model wants, is refused for them.</summary>
    public const string Fault = "half of a surrogate pair, such as \\ud83d, which is no text: write whole characters";

    private const int Escape = 6;

    /// <param name="json">UTF-8; also one that is no JSON in the end.</param>
    public static bool AreIn(ReadOnlySpan<byte> json) => Next(json, 0) >= 0;

    /// <summary>Puts U+FFFD in the place of each.</summary>
    /// <param name="json">UTF-8; where it is no JSON it stays none.</param>
    public static void Replace(Span<byte> json)
    {
        for (var at = Next(json, 0); at >= 0; at = Next(json, at + Escape))
            "\\ufffd"u8.CopyTo(json[at..]);
    }

    /// <returns>Where the next one begins. Below 0: there is none.</returns>
    private static int Next(ReadOnlySpan<byte> json, int from)
    {
        while (from < json.Length)
        {
            var at = json[from..].IndexOf((byte)'\\');
            if (at < 0)
                return -1;
            at += from;
            // What a backslash escapes begins no escape itself.
            if (UnitAt(json, at) is not { } unit)
                from = at + 2;
            else if (!char.IsSurrogate(unit))
                from = at + Escape;
            else if (char.IsHighSurrogate(unit) && UnitAt(json, at + Escape) is { } next && char.IsLowSurrogate(next))
                from = at + (2 * Escape);
            else
                return at;
        }

        return -1;
    }

    private static char? UnitAt(ReadOnlySpan<byte> json, int at) =>
        json.Length - at >= Escape && json[at] == '\\' && json[at + 1] == 'u' && ushort.TryParse(json.Slice(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            ? (char)unit
            : null;
}
