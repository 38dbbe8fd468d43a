using System.Collections.Frozen;
using System.Numerics;
using System.Text;

namespace Weir.Retrieval.Models.Hashing;

/// <summary>What a word adds to a vector. Every constant here is part of <see cref="HashingModel.Version"/>.</summary>
internal static class HashingFeatures
{
    private const ulong FnvOffset = 0xcbf29ce484222325, FnvPrime = 0x100000001b3;
    private const byte WordPrefix = 1, GramPrefix = 2, CharactersPrefix = 3;
    private const int ShortestGram = 3, LongestGram = 5;

    /// <summary>What all n-grams of a word weigh together, the word itself being 1.</summary>
    private const double Grams = 1.0;

    private const double StopWord = 0.1, OneLetter = 0.3, TwoLetters = 0.6, OneCharacter = 0.5;

    private static readonly FrozenSet<ulong> StopWords = (
        "a about after all also an and any are as at be been but by can could did do does for from had has have he her his how i if in into is it its " +
        "may me more my no not of on one or other our out she should so some such than that the their them then there these they this to up us was we " +
        "were what when where which who why will with would you your")
        .Split(' ').Select(w => HashOf(Encoding.UTF8.GetBytes(w), false)).ToFrozenSet();

    /// <summary>FNV-1a of 64 bits over a byte that says what it is, and the UTF-8 of the feature.</summary>
    public static ulong HashOf(ReadOnlySpan<byte> word, bool unsegmented)
    {
        var hash = Step(FnvOffset, unsegmented ? CharactersPrefix : WordPrefix);
        foreach (var b in word)
            hash = Step(hash, b);
        return hash;
    }

    public static void Add(ReadOnlySpan<byte> bytes, in WordEntry word, Span<double> sums)
    {
        var weight = Math.Sqrt(word.Count);
        if (word.Unsegmented)
        {
            Add(word.Hash, word.Characters == 1 ? weight * OneCharacter : weight, sums);
            return;
        }

        weight *= StopWords.Contains(word.Hash) ? StopWord : word.Characters == 1 ? OneLetter : word.Characters == 2 ? TwoLetters : 1;
        Add(word.Hash, weight, sums);
        AddGrams(bytes, word.Characters, weight, sums);
    }

    /// <summary>The n-grams of the word between two boundaries, '&lt;' and '&gt;': by where they begin, then by length.</summary>
    private static void AddGrams(ReadOnlySpan<byte> bytes, int characters, double weight, Span<double> sums)
    {
        var padded = characters + 2;
        var grams = 0;
        for (var size = ShortestGram; size <= LongestGram; size++)
            grams += Math.Max(0, padded - size + 1);
        weight = weight * Grams / Math.Sqrt(grams);

        Span<byte> text = stackalloc byte[bytes.Length + 2];
        text[0] = (byte)'<';
        bytes.CopyTo(text[1..]);
        text[^1] = (byte)'>';
        for (var start = 0; start < text.Length; start += LengthAt(text, start))
        {
            var hash = Step(FnvOffset, GramPrefix);
            for (int at = start, size = 1; size <= LongestGram && at < text.Length; size++)
            {
                var end = at + LengthAt(text, at);
                for (; at < end; at++)
                    hash = Step(hash, text[at]);
                if (size >= ShortestGram)
                    Add(hash, weight, sums);
            }
        }
    }

    private static void Add(ulong hash, double weight, Span<double> sums)
    {
        // FNV-1a leaves its low bits poorly mixed; these are the last steps of MurmurHash3.
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        hash ^= hash >> 33;
        var place = (int)(((hash >> 32) * (uint)sums.Length) >> 32);
        sums[place] += (hash & 1) == 0 ? weight : -weight;
    }

    private static ulong Step(ulong hash, byte b) => unchecked((hash ^ b) * FnvPrime);

    /// <summary>The bytes of a character of UTF-8, by its first.</summary>
    private static int LengthAt(ReadOnlySpan<byte> text, int at) => text[at] < 0x80 ? 1 : BitOperations.LeadingZeroCount((uint)~(text[at] << 24));
}
