using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Normalizers;

/// <summary>
/// SentencePiece's compiled map of characters: four bytes of the length of a double-array trie (darts-clone) over UTF-8, the trie, and the
/// replacements, each ended by a zero byte. A visible character (grapheme) of up to five bytes is looked up whole, others code point by code
/// point; the shortest entry at its beginning replaces all of it, as in the library that models are trained with.
/// </summary>
internal sealed class Precompiled : Normalizer
{
    private const int LongestWhole = 5;

    private readonly uint[] _trie;
    private readonly byte[] _replacements;
    private readonly string?[] _ascii = new string?[128];

    private Precompiled(uint[] trie, byte[] replacements)
    {
        (_trie, _replacements) = (trie, replacements);
        for (var i = 1; i < _ascii.Length; i++)
            _ascii[i] = Find([(byte)i]) is var found and >= 0 ? Encoding.UTF8.GetString(Replacement(found)) : null;
    }

    /// <summary>Null: it is not such a map.</summary>
    public static Precompiled? TryRead(ReadOnlySpan<byte> map)
    {
        if (map.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(map) is var size && (size > map.Length - 4 || size % 4 != 0 || size == 0))
            return null;
        var trie = new uint[size / 4];
        for (var i = 0; i < trie.Length; i++)
            trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(map[(4 + (4 * i))..]);
        return new Precompiled(trie, map[(int)(4 + size)..].ToArray());
    }

    public override void Normalize(ReadOnlySpan<char> text, CharBuffer result)
    {
        while (!text.IsEmpty)
        {
            // Beside ASCII, an ASCII character stands for itself; only CR LF is one grapheme.
            var isPlain = text[0] is < '\x80' and not '\r' && (text.Length == 1 || text[1] < '\x80');
            var length = isPlain ? 1 : StringInfo.GetNextTextElementLength(text);
            if (isPlain && _ascii[text[0]] is { } known)
                result.Append(known);
            else if (isPlain)
                result.Append(text[0]);
            else if (length > LongestWhole || !TryReplace(text[..length], result))
                ReplaceEach(text[..length], result);
            text = text[length..];
        }
    }

    private void ReplaceEach(ReadOnlySpan<char> text, CharBuffer result)
    {
        for (var i = 0; i < text.Length;)
        {
            CodePoints.At(text, i, out var length);
            if (!TryReplace(text.Slice(i, length), result))
                result.Append(text.Slice(i, length));
            i += length;
        }
    }

    private bool TryReplace(ReadOnlySpan<char> part, CharBuffer result)
    {
        Span<byte> bytes = stackalloc byte[LongestWhole * 3];
        bytes = bytes[..Encoding.UTF8.GetBytes(part, bytes)];
        if (bytes.Length > LongestWhole || Find(bytes) is not (>= 0 and var found))
            return false;
        var replacement = Replacement(found);
        Encoding.UTF8.GetChars(replacement, result.AppendSpan(Encoding.UTF8.GetCharCount(replacement)));
        return true;
    }

    private ReadOnlySpan<byte> Replacement(int start)
    {
        var rest = _replacements.AsSpan(start);
        return rest.IndexOf((byte)0) is >= 0 and var end ? rest[..end] : rest;
    }

    /// <summary>Where the replacement of the shortest entry at the beginning starts; -1: there is none. A trie that leads outside of itself has none.</summary>
    private int Find(ReadOnlySpan<byte> key)
    {
        // Of a unit: bit 8 says that a value hangs below, bits 10 and up the offset, shifted by eight where bit 9 is set, bits 0 to 7 and 31 the label.
        var at = Offset(_trie[0]);
        foreach (var label in key)
        {
            at ^= label;
            if (label == 0 || at >= _trie.Length || (_trie[at] & 0x800000FF) != label)
                return -1;
            var unit = _trie[at];
            at ^= Offset(unit);
            if ((unit & 0x100) == 0)
                continue;
            var value = at < _trie.Length ? _trie[at] & 0x7FFFFFFF : uint.MaxValue;
            return value < _replacements.Length ? (int)value : -1;
        }

        return -1;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}
