using System.Text;
using System.Text.Json;
using Weir.Retrieval.Models;
using Weir.Retrieval.Models.Tokenizers;
using Weir.Retrieval.Models.Tokenizers.Reading;
using Weir.Tests.Retrieval.Support;

namespace Weir.Tests.Retrieval.Models;

public class TokenizerTests
{
    private const string WordLevel = """{"type": "WordLevel", "vocab": {"?": 0}, "unk_token": null}""";

    [Theory]
    [InlineData("unwanted running", "un ##want ##ed runn ##ing")]
    [InlineData("UNWANTÉD,running!", "un ##want ##ed , runn ##ing !")]
    [InlineData("a\u200Bb c\u0000d\uFFFD", "[UNK] [UNK]")] // ab and cd, once what cannot be seen is gone
    [InlineData("wanted", "want ##ed")]
    [InlineData("wantx", "[UNK]")] // a word is known whole or not at all
    [InlineData("漢字un", "漢 字 un")]
    [InlineData("[UNK]un[PAD]", "[UNK] un [PAD]")] // special tokens are found in the text
    [InlineData("un\u00A0un\tun\r\nun", "un un un un")]
    public void Encode_WordPiece_TakesTheLongestFromTheLeft(string text, string tokens) =>
        ShouldGive(Read(StaticModelFolder.Bert(["[PAD]", "[UNK]", "un", "##want", "##ed", "want", "runn", "##ing", ",", "!", "漢", "字"])), text, tokens);

    [Fact]
    public void Encode_WordPieceLongWord_IsUnknown()
    {
        var tokenizer = Read(StaticModelFolder.Bert(["[UNK]", "a", "##a", "𐐨", "##𐐨"]));
        ShouldGive(tokenizer, new string('a', 100), "a" + string.Concat(Enumerable.Repeat(" ##a", 99)));
        ShouldGive(tokenizer, new string('a', 101), "[UNK]");
        // Code points are counted, not halves of them.
        tokenizer.Count(string.Concat(Enumerable.Repeat("𐐨", 100))).ShouldBe(100);
        tokenizer.Count(string.Concat(Enumerable.Repeat("𐐨", 101))).ShouldBe(1);
    }

    [Theory]
    // Scores: a b c d 0, cd 1, ab 2, abc 5, abcd 10. The sum decides, not the length.
    [InlineData("abcd", "abcd")]
    [InlineData("abc", "abc")]
    [InlineData("abcdacdxx", "abcd a cd <unk>")] // two unknown neighbours are one
    [InlineData("xabx", "<unk> ab <unk>")]
    [InlineData("", "")]
    public void Encode_Unigram_TakesTheMostProbable(string text, string tokens) =>
        ShouldGive(
            Read("""{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>",0],["a",0],["b",0],["c",0],["d",0],["cd",1],["ab",2],["abc",5],["abcd",10]]}}"""),
            text,
            tokens);

    [Fact]
    public void Encode_UnigramByteFallback_SpellsBytesOnlyWhereAllAreKnown()
    {
        var tokenizer = Read("""{"model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": [["<unk>",0],["a",-1],["<0xC3>",-2],["<0xA9>",-2]]}}""");
        ShouldGive(tokenizer, "aéa", "a <0xC3> <0xA9> a");
        ShouldGive(tokenizer, "aèa", "a <unk> a");
    }

    [Fact]
    public void Encode_UnigramWithoutUnknown_LeavesItOut() =>
        ShouldGive(Read("""{"model": {"type": "Unigram", "unk_id": null, "vocab": [["a",-1]]}}"""), "axya", "a a");

    [Fact]
    public void Encode_BytePair_MergesWhatWasLearnedFirst()
    {
        // u-n-r-e-l-a-t-e-d: re, at, ed, un, at+ed, re+l, rel+ated, un+related.
        const string Model = """
            {"model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": FUSE,
              "vocab": {"u":0,"n":1,"r":2,"e":3,"l":4,"a":5,"t":6,"d":7,"re":8,"at":9,"ed":10,"un":11,"ated":12,"rel":13,"related":14,"unrelated":15,"<unk>":16},
              "merges": ["r e","a t","e d","u n",["at","ed"],"re l","rel ated","un related"]}}
            """;
        var tokenizer = Read(Model.Replace("FUSE", "false"));
        ShouldGive(tokenizer, "unrelated", "unrelated");
        ShouldGive(tokenizer, "unrelate", "un rel at e");
        ShouldGive(tokenizer, "rexxre", "re <unk> <unk> re");
        ShouldGive(Read(Model.Replace("FUSE", "true")), "rexxre", "re <unk> re");
    }

    [Fact]
    public void Encode_ByteLevel_WritesBytesAsCharacters()
    {
        var tokenizer = Read("""
            {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
             "model": {"type": "BPE", "vocab": {"H":0,"i":1,"Ġ":2,"Hi":3,"Ã":4,"©":5,"Ã©":6,"'s":7,"'":8,"s":9,"Ċ":10}, "merges": ["H i","Ã ©","' s"]}}
            """);
        ShouldGive(tokenizer, "Hi é's\n", "Hi Ġ Ã© 's Ċ");
    }

    [Theory]
    [InlineData("""{"type": "Lowercase"}""", "ÀİΣ𐐀", "ài\u0307σ𐐨")]
    [InlineData("""{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}""", "Élan", "elan")]
    [InlineData("""{"type": "NFKC"}""", "ﬁ①", "fi1")]
    [InlineData("""{"type": "Strip", "strip_left": true, "strip_right": false}""", " a ", "a ")]
    [InlineData("""{"type": "Replace", "pattern": {"String": "aa"}, "content": "b"}""", "aaaca", "baca")]
    [InlineData("""{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "$0"}""", "a   b c", "a$0b c")]
    [InlineData("""{"type": "Prepend", "prepend": "_"}""", "a", "_a")]
    [InlineData("""{"type": "ByteLevel"}""", "é ", "Ã©Ġ")]
    [InlineData("""{"type": "BertNormalizer", "lowercase": false, "strip_accents": true}""", "É字\u0007", "E 字 ")]
    [InlineData("""{"type": "BertNormalizer", "lowercase": true, "strip_accents": false, "handle_chinese_chars": false}""", "É字\t", "é字 ")]
    public void Encode_Normalizer_RewritesTheText(string normalizer, string text, string expected) =>
        PiecesOf($$"""{"normalizer": {{normalizer}}, "model": {{WordLevel}}}""", text).ShouldBe([expected]);

    [Theory]
    [InlineData("""{"type": "Whitespace"}""", "Hey, you_2 ok?!", "Hey|,|you_2|ok|?!")]
    [InlineData("""{"type": "WhitespaceSplit"}""", " Hey,  you\n", "Hey,|you")]
    [InlineData("""{"type": "BertPreTokenizer"}""", "Hey, (you)$", "Hey|,|(|you|)|$")]
    [InlineData("""{"type": "Punctuation"}""", "a-b--c", "a|-|b|-|-|c")]
    [InlineData("""{"type": "Punctuation", "behavior": "Contiguous"}""", "a-b--c", "a|-|b|--|c")]
    [InlineData("""{"type": "Digits", "individual_digits": true}""", "ab12c", "ab|1|2|c")]
    [InlineData("""{"type": "Digits", "individual_digits": false}""", "ab12c٣", "ab|12|c|٣")]
    [InlineData("""{"type": "Split", "pattern": {"String": "-"}, "behavior": "Removed"}""", "the-final--countdown", "the|final|countdown")]
    [InlineData("""{"type": "Split", "pattern": {"String": "-"}, "behavior": "Isolated"}""", "the-final--countdown", "the|-|final|-|-|countdown")]
    [InlineData("""{"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithPrevious"}""", "the-final--countdown", "the-|final-|-|countdown")]
    [InlineData("""{"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithNext"}""", "the-final--countdown", "the|-final|-|-countdown")]
    [InlineData("""{"type": "Split", "pattern": {"String": "-"}, "behavior": "Contiguous"}""", "the-final--countdown", "the|-|final|--|countdown")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "[a-z]+"}, "behavior": "Removed", "invert": true}""", "the-final-3", "the|final")]
    [InlineData("""{"type": "CharDelimiterSplit", "delimiter": "_"}""", "a_b", "a|b")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}""", "Hey  friend!", "▁Hey|▁|▁friend!")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false}""", "Hey friend!", "Hey▁friend!")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}""", "Hey friend!", "Hey|▁friend!")]
    [InlineData("""{"type": "ByteLevel", "add_prefix_space": true}""", "you're 10  ok", "Ġyou|'re|Ġ10|Ġ|Ġok")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}]}""", "a, b", "▁a|,|b")]
    public void Encode_PreTokenizer_CutsTheText(string preTokenizer, string text, string expected) =>
        PiecesOf($$"""{"pre_tokenizer": {{preTokenizer}}, "model": {{WordLevel}}}""", text, expected.Split('|')).ShouldBe(expected.Split('|'));

    [Fact]
    public void Encode_AddedTokens_AreFoundAsTheySay()
    {
        var tokenizer = Read("""
            {"added_tokens": [
               {"id": 1, "content": "<s>", "special": true, "lstrip": true, "rstrip": false},
               {"id": 2, "content": "<s>s", "special": true, "rstrip": true},
               {"id": 3, "content": "Web", "single_word": true, "normalized": false},
               {"id": 4, "content": "ABC", "normalized": true}],
             "normalizer": {"type": "Lowercase"},
             "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "x": 5, "x ": 6, " x": 7}}}
            """);
        ShouldGive(tokenizer, "x  <s>x", "x <s> x");
        ShouldGive(tokenizer, "<s>s  x", "<s>s x"); // the longest at a place
        ShouldGive(tokenizer, "Webx", "?");
        ShouldGive(tokenizer, "Web x", "Web| x", '|');
        ShouldGive(tokenizer, "xabCx", "x ABC x"); // found in lower case
        ShouldGive(tokenizer, "x<S>", "?"); // found only as it is written
    }

    [Fact]
    public void Encode_Precompiled_ReplacesWholeCharacters()
    {
        // A trie with one entry, 'A' → "bc", laid out by hand: root's offset is 1, so 'A' (0x41) is at 1 ^ 0x41 = 0x40; its offset is 2, its value at 0x40 ^ 2 = 0x42.
        var trie = new uint[0x100];
        trie[0] = 1 << 10;
        trie[0x40] = 0x41 | (1 << 8) | (2 << 10);
        trie[0x42] = 0x80000000 | 1; // at 1 of the replacements
        byte[] map = [.. BitConverter.GetBytes(trie.Length * 4), .. trie.SelectMany(BitConverter.GetBytes), 0, .. "bc\0rest"u8];
        var json = $$"""{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "{{Convert.ToBase64String(map)}}"}, "model": {{WordLevel}}}""";
        PiecesOf(json, "xAé漢\r\nA").ShouldBe(["xbcé漢\r\nbc"]);
        // A visible character of five bytes or less is replaced whole by the shortest entry at its beginning, marks and all.
        PiecesOf(json, "A\u0301y").ShouldBe(["bcy"]);
        PiecesOf(json, "A\u0301\u0301\u0301y").ShouldBe(["bc\u0301\u0301\u0301y"]);
    }

    [Theory]
    [InlineData("""{"model": {"type": "Hopeful"}}""", "model is of the kind 'Hopeful', which is no model of a tokenizer that is known here. Known are WordPiece, Unigram, BPE and WordLevel")]
    [InlineData("""{"model": {"vocab": {}}}""", "model has no type")]
    [InlineData("""{}""", "it has no model")]
    [InlineData("""[]""", "it is not an object")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 0}}}""", "model has no unk_token")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "u"}}""", "model.unk_token is 'u', which is not in the vocab")]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 0}}}""", "the token 'b' the id 0: one of the two is taken")]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {"a": 2000000000}}}""", "model.vocab['a'] is 2000000000, far beyond")]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {"a": -1}}}""", "model.vocab['a'] is not a whole number")]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {}}}""", "model has an empty vocab")]
    [InlineData("""{"model": {"type": "WordLevel", "vocab": {"\ud800": 0}}}""", "it is not valid JSON")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": []}}""", "model has an empty vocab")]
    [InlineData("""{"model": {"type": "Unigram", "unk_id": 1, "vocab": [["a", 0]]}}""", "model.unk_id is 1, and there are 1 tokens")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": [["a", 1e999]]}}""", "model.vocab[0][1] is not a number")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": [["a"]]}}""", "model.vocab[0] is not a token and its score")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}""", "model.merges[0] merges 'a' and 'b' into 'ab'")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["ab"]}}""", "model.merges[0] is not two tokens")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}}""", "model.dropout is more than 0")]
    [InlineData("""{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Magic"}]}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "normalizer.normalizers[1] is of the kind 'Magic'")]
    [InlineData("""{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "normalizer.precompiled_charsmap is not a map")]
    [InlineData("""{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "é"}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "normalizer.precompiled_charsmap is not a map")]
    [InlineData("""{"pre_tokenizer": {"type": "Magic"}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "pre_tokenizer is of the kind 'Magic'")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Removed"}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "pre_tokenizer.pattern.Regex is not a regular expression")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Removed"}, "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "pre_tokenizer.pattern.String is empty")]
    [InlineData("""{"added_tokens": [{"id": 0, "content": "b"}], "model": {"type": "WordLevel", "vocab": {"a": 0}}}""", "added_tokens[0].id gives the token 'b' the id 0")]
    public void Read_WhatIsNotSupported_IsRefusedNamingItsPlace(string json, string message) =>
        Should.Throw<ModelLoadException>(() => Read(json)).Message.ShouldContain(message);

    [Fact]
    public void TokenOf_EveryId_IsTheVocabulary()
    {
        var tokenizer = Read("""{"added_tokens": [{"id": 4, "content": "<x>"}], "model": {"type": "WordLevel", "vocab": {"b": 1, "a": 0}}}""");
        tokenizer.VocabularySize.ShouldBe(5);
        Enumerable.Range(0, 5).Select(tokenizer.TokenOf).ShouldBe(["a", "b", "", "", "<x>"]);
    }

    internal static Tokenizer Read(string json) => TokenizerFile.Read("tokenizer.json", Encoding.UTF8.GetBytes(json));

    /// <summary>What the text was cut into: the vocabulary is made of what is expected, so that anything else is missing.</summary>
    private static string[] PiecesOf(string json, string text, params string[] expected)
    {
        var seen = Read(json.Replace(WordLevel, JsonSerializer.Serialize(new
        {
            type = "WordLevel",
            unk_token = "?",
            vocab = (expected.Length == 0 ? Candidates(json, text) : expected).Append("?").Distinct().Index().ToDictionary(t => t.Item, t => t.Index),
        })));
        var ids = new List<int>();
        seen.Encode(text, ids);
        return [.. ids.Select(seen.TokenOf)];
    }

    // What a normalizer gives is asked of the normalizer itself, and must come back as one token.
    private static string[] Candidates(string json, string text)
    {
        using var document = JsonDocument.Parse(json);
        var steps = NormalizerReading.Read(new JsonPart("", "normalizer", document.RootElement.GetProperty("normalizer")));
        foreach (var step in steps)
        {
            var buffer = new Weir.Retrieval.Unicode.CharBuffer();
            step.Normalize(text, buffer);
            text = buffer.Span.ToString();
        }

        return [text];
    }

    private static void ShouldGive(Tokenizer tokenizer, string text, string tokens, char separator = ' ')
    {
        var ids = new List<int> { -7 };
        tokenizer.Encode(text, ids);
        ids[0].ShouldBe(-7);
        string.Join(separator, ids.Skip(1).Select(tokenizer.TokenOf)).ShouldBe(tokens);
        tokenizer.Count(text).ShouldBe(ids.Count - 1);
    }
}
