using System.Text;
using Weir.Retrieval.Models.Tokenizers;
using Weir.Tests.Retrieval.Support;

namespace Weir.Tests.Retrieval.Models;

/// <summary>What holds for any text, however hostile.</summary>
public class TokenizerPropertyTests
{
    private static readonly string[] Letters = ["a", "b", "ab", "ba", "aab", "bbb", "aaaa", "abab"];

    private static Tokenizer Unigram => TokenizerTests.Read("""
        {"normalizer": {"type": "NFKC"}, "model": {"type": "Unigram", "unk_id": 0,
         "vocab": [["<unk>",-9],["a",-3],["b",-3.5],["ab",-4],["ba",-5],["aab",-5.5],["bbb",-6],["aaaa",-7],["abab",-8]]}}
        """);

    private static Tokenizer BytePair => TokenizerTests.Read("""
        {"model": {"type": "BPE", "vocab": {"a":0,"b":1,"ab":2,"aa":3,"aaaa":4,"abab":5,"aab":6}, "merges": ["a b","a a","aa aa","ab ab","a ab"]}}
        """);

    [Fact]
    public void EncodeUnigram_AnyWord_HasTheScoreOfTheBestOfAllWaysToCutIt()
    {
        double[] scores = [-3, -3.5, -4, -5, -5.5, -6, -7, -8];
        var tokenizer = Unigram;
        for (var length = 1; length <= 12; length++)
        {
            for (var bits = 0; bits < 1 << length; bits++)
            {
                var word = string.Concat(Enumerable.Range(0, length).Select(i => (bits >> i & 1) == 0 ? 'a' : 'b'));
                var ids = Encode(tokenizer, word);
                string.Concat(ids.Select(tokenizer.TokenOf)).ShouldBe(word);
                ids.Sum(id => scores[id - 1]).ShouldBe(Best(word), 1e-9, word);
            }
        }

        double Best(string word)
        {
            var best = new double[word.Length + 1];
            for (var end = 1; end <= word.Length; end++)
                best[end] = Letters.Index().Where(l => word[..end].EndsWith(l.Item, StringComparison.Ordinal)).Max(l => best[end - l.Item.Length] + scores[l.Index]);
            return best[^1];
        }
    }

    [Fact]
    public void EncodeBytePair_AnyWord_IsWhatMergingStepByStepGives()
    {
        (string, string)[] merges = [("a", "b"), ("a", "a"), ("aa", "aa"), ("ab", "ab"), ("a", "ab")];
        var tokenizer = BytePair;
        for (var length = 1; length <= 12; length++)
        {
            for (var bits = 0; bits < 1 << length; bits++)
            {
                var word = string.Concat(Enumerable.Range(0, length).Select(i => (bits >> i & 1) == 0 ? 'a' : 'b'));
                string.Join(' ', Encode(tokenizer, word).Select(tokenizer.TokenOf)).ShouldBe(string.Join(' ', Merged(word)), word);
            }
        }

        List<string> Merged(string word)
        {
            var parts = word.Select(c => c.ToString()).ToList();
            while (true)
            {
                // The earliest learned pair, and of those the leftmost.
                var (rank, at) = Enumerable.Range(0, parts.Count - 1)
                    .Select(i => (Rank: Array.IndexOf(merges, (parts[i], parts[i + 1])), At: i))
                    .Where(p => p.Rank >= 0).Append((int.MaxValue, 0)).Min();
                if (rank == int.MaxValue)
                    return parts;
                parts[at] += parts[at + 1];
                parts.RemoveAt(at + 1);
            }
        }
    }

    [Fact]
    public void Encode_RandomText_IsTheSameTwiceAndCounted()
    {
        const int Seed = 81_321;
        var random = new Random(Seed);
        Tokenizer[] tokenizers = [Unigram, BytePair, TokenizerTests.Read(StaticModelFolder.Bert(["[UNK]", "a", "##b", "é", "漢"]))];
        for (var round = 0; round < 1_000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(6) switch
            {
                0 => (char)random.Next(0x10000), // surrogates that stand alone among them
                1 => (char)random.Next(0x300, 0x370),
                2 => ' ',
                _ => (char)random.Next('a', 'd'),
            })]);
            foreach (var tokenizer in tokenizers)
            {
                var ids = Encode(tokenizer, text);
                ids.ShouldAllBe(id => id >= 0 && id < tokenizer.VocabularySize, $"seed {Seed}, round {round}");
                Encode(tokenizer, text).ShouldBe(ids, $"seed {Seed}, round {round}");
                tokenizer.Count(text).ShouldBe(ids.Count, $"seed {Seed}, round {round}");
            }
        }
    }

    // Anything but linear time in the length would take minutes here.
    [Theory]
    [InlineData("a", 300_000)]
    [InlineData("ab", 150_000)]
    [InlineData(" ", 1_000_000)]
    [InlineData("!", 1_000_000)]
    [InlineData("\u0301\u0323", 250_000)]
    [InlineData("👩\u200D👧😀", 100_000)]
    [InlineData("漢", 300_000)]
    [InlineData("[UNK", 200_000)]
    [InlineData("\uD800", 300_000)]
    public void Encode_HugeText_IsDone(string part, int times)
    {
        var text = new StringBuilder().Insert(0, part, times).ToString();
        foreach (var tokenizer in new[]
        {
            Unigram,
            BytePair,
            TokenizerTests.Read(StaticModelFolder.Bert(["[UNK]", "a", "##a"])),
            TokenizerTests.Read("""{"pre_tokenizer": {"type": "ByteLevel"}, "model": {"type": "BPE", "unk_token": "?", "vocab": {"?":0,"a":1,"Ġ":2,"aa":3}, "merges": ["a a"]}}"""),
        })
            tokenizer.Count(text).ShouldBeLessThanOrEqualTo(4 * text.Length + 1);
    }

    private static List<int> Encode(Tokenizer tokenizer, string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return ids;
    }
}
