using System.Text;
using Weir.Retrieval.Chunking;

namespace Weir.Tests.Retrieval.Chunking;

public sealed class TextChunkerTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" \r\n\t \u3000\n")]
    public void Split_BlankText_HasNoChunks(string text) => Chunks.Of(text, TextFormat.Markdown).ShouldBeEmpty();

    [Fact]
    public void Split_SmallText_IsOneChunkWithoutTheBlanksAround() => Chunks.Of("\n  One. Two.\n\nThree.  \n").ShouldBe(["One. Two.\n\nThree."]);

    [Fact]
    public void Split_Sentences_AreNotCut()
    {
        // 6 words are 8 tokens.
        const string Text = "One two three four five six. Seven eight nine ten eleven twelve. A b c d e f. End of it.";

        Chunks.Of(Text, tokens: 16).ShouldBe(["One two three four five six. Seven eight nine ten eleven twelve.", "A b c d e f. End of it."]);
    }

    [Fact]
    public void Split_WithOverlap_RepeatsWholeSentencesThatFit()
    {
        const string Text = "One two three four five six. Tiny one. Seven eight nine ten eleven twelve. And so it goes on.";

        Chunks.Of(Text, tokens: 16, overlap: 4).ShouldBe(["One two three four five six. Tiny one.", "Tiny one. Seven eight nine ten eleven twelve.", "And so it goes on."]);
    }

    [Fact]
    public void Split_ChunkHalfFullAtTheEndOfAParagraph_EndsThere() =>
        Chunks.Of("One two three four five six. Seven eight.\n\nNine ten eleven. Twelve thirteen fourteen fifteen sixteen seventeen eighteen.", tokens: 18)
            .ShouldBe(["One two three four five six. Seven eight.", "Nine ten eleven. Twelve thirteen fourteen fifteen sixteen seventeen eighteen."]);

    [Fact]
    public void Split_Markdown_CutsAtHeadingsAndNamesThem()
    {
        const string Text = """
            Before.

            # Guide

            ## Install ##
            Run it.

            Use #1
            ------
            Now.
            ### Deep `code` #tag
            There.
            # Other
            """;

        var chunks = TextChunker.Split(Text, TextFormat.Markdown, new(), WordTokenCounter.Instance);

        chunks.Select(chunk => chunk.Heading).ShouldBe([null, "Guide > Install", "Guide > Use #1", "Guide > Use #1 > Deep `code` #tag", "Other"]);
        chunks.Select(chunk => Text.Substring(chunk.Start, chunk.Length).ReplaceLineEndings("\n")).ShouldBe(
            ["Before.", "# Guide\n\n## Install ##\nRun it.", "Use #1\n------\nNow.", "### Deep `code` #tag\nThere.", "# Other"]);
    }

    [Fact]
    public void Split_FencedCode_IsNotCutNorRead()
    {
        const string Code = "```sh\n# no heading. Not a sentence.\none two three four\n\n- five six\n```";
        var text = $"Some words before the code stand here. And more of them do.\n{Code}\nAfter it. `x`";

        Chunks.Of(text, TextFormat.Markdown, tokens: 26).ShouldBe(["Some words before the code stand here. And more of them do.", $"{Code}\nAfter it. `x`"]);
    }

    [Fact]
    public void Split_FencedCodeLargerThanAChunk_IsCutBetweenLines()
    {
        var lines = Enumerable.Range(0, 12).Select(i => $"    let x{i} = {i}").ToArray();

        var chunks = Chunks.Of($"~~~~\n{string.Join('\n', lines)}\n~~~\n~~~~\nEnd.", TextFormat.Markdown, tokens: 24);

        chunks.Length.ShouldBeGreaterThan(2);
        chunks[1].ShouldStartWith("    let x");
        chunks.SelectMany(chunk => chunk.Split('\n')).ShouldBe(["~~~~", .. lines, "~~~", "~~~~", "End."]);
    }

    [Fact]
    public void Split_FenceNeverClosed_GoesToTheEnd() => Chunks.Of("```\n# a\n\nb", TextFormat.Markdown).ShouldBe(["```\n# a\n\nb"]);

    [Fact]
    public void Split_Table_IsCutBetweenRows()
    {
        var rows = Enumerable.Range(0, 10).Select(i => $"| row {i} | is here. Now. |").ToArray();
        var text = $"| a | b |\n|---|:-:|\n{string.Join('\n', rows)}";

        var chunks = Chunks.Of(text, TextFormat.Markdown, tokens: 32);

        chunks.Length.ShouldBeGreaterThan(2);
        chunks.SelectMany(chunk => chunk.Split('\n')).ShouldBe(["| a | b |", "|---|:-:|", .. rows]);
    }

    [Fact]
    public void Split_List_PrefersTheBordersOfItems() =>
        Chunks.Of("- one two three four. Five six seven.\n  eight nine\n- ten eleven. Twelve thirteen fourteen fifteen sixteen seventeen.", TextFormat.Markdown, tokens: 24)
            .ShouldBe(["- one two three four. Five six seven.\n  eight nine", "- ten eleven. Twelve thirteen fourteen fifteen sixteen seventeen."]);

    [Fact]
    public void Split_FrontMatter_IsNoHeading()
    {
        const string Text = "---\ntitle: A. B\n---\n\n# Real\ntext";

        TextChunker.Split(Text, TextFormat.Markdown, new(), WordTokenCounter.Instance).Select(chunk => chunk.Heading).ShouldBe([null, "Real"]);
    }

    [Fact]
    public void Split_SentenceLargerThanAChunk_IsCutBetweenWords()
    {
        var words = Enumerable.Range(0, 100).Select(i => $"word{i}").ToArray();

        var chunks = Chunks.Of(string.Join(' ', words), tokens: 24);

        chunks.SelectMany(chunk => chunk.Split(' ')).ShouldBe(words);
        chunks.Length.ShouldBeLessThan(8);
    }

    [Fact]
    public void Split_ChineseWithoutAnyMark_IsCutBetweenCharacters()
    {
        var text = string.Concat(Enumerable.Repeat("知识就是力量", 100));

        var chunks = Chunks.Of(text, tokens: 64);

        string.Concat(chunks).ShouldBe(text);
        chunks.Length.ShouldBe(10);
    }

    [Fact]
    public void Split_FamilyOfEmoji_StaysTogether()
    {
        var family = "👨‍👩‍👧‍👦";
        var text = string.Concat(Enumerable.Repeat(family, 200));

        Chunks.Of(text, tokens: 16).ShouldAllBe(chunk => chunk.Length % family.Length == 0);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a. ")]
    [InlineData("é́")]
    [InlineData("\u0301")]
    [InlineData("# \n")]
    [InlineData("- ")]
    [InlineData("|-|\n")]
    [InlineData("字")]
    [InlineData("😀")]
    [InlineData("\n\r\n")]
    [InlineData("```\n")]
    [InlineData(".!?…")]
    [InlineData("((((")]
    [InlineData("1. A")]
    [InlineData("\ud800")]
    public void Split_HostileText_StaysLinear(string unit)
    {
        var text = new StringBuilder().Insert(0, unit, 400_000 / unit.Length).ToString();
        var counter = new Measured();

        TextChunker.Split(text, TextFormat.Markdown, new(), counter);
        TextChunker.Split(text, TextFormat.Plain, new(), counter);

        counter.Characters.ShouldBeLessThan(16L * text.Length);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Split_RandomText_CoversItInBoundsAndCutsNoCharacter(int seed)
    {
        string[] units =
        [
            "word", "a", " ", " ", "  ", "\n", "\r\n", "\n\n", ". ", "! ", "。", "？", "字", "漢字", "한국어", "😀", "👨‍👩‍👧", "🏽", "e\u0301", "\u0301", "\u200d", "🇩🇪", "\t",
            "# ", "## T\n", "---\n", "===\n", "```\n", "~~~\n", "| a | b |\n", "|--|--|\n", "- ", "1. ", "supercalifragilistic", new('x', 300), "e.g. ", "\u00a0", "\u3000", "\"", ")", "…", "ก็", "กำ",
        ];
        var random = new Random(seed);
        for (var round = 0; round < 250; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 250)).Select(_ => units[random.Next(units.Length)]));
            var settings = new ChunkSettings(random.Next(12, 60), random.Next(0, 20));
            foreach (var format in (TextFormat[])[TextFormat.Plain, TextFormat.Markdown])
                Chunks.ShouldHold(text, format, settings, WordTokenCounter.Instance, $"seed {seed}, round {round}, {format}");
        }
    }

    [Fact]
    public void Split_DocumentsOfThisProject_HoldsForEach()
    {
        foreach (var file in Directory.EnumerateFiles(House.Repository.Path("docs"), "*.md"))
        {
            var text = File.ReadAllText(file);
            Chunks.ShouldHold(text, TextFormat.Markdown, new(), WordTokenCounter.Instance, file);
            TextChunker.Split(text, TextFormat.Markdown, new(), WordTokenCounter.Instance).ShouldAllBe(chunk => chunk.Heading != null);
        }
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("one two three", 4)]
    [InlineData("one two three four", 6)]
    [InlineData("你好 world", 4)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 4)]
    public void Count_Words_IsThreeQuartersOfATokenEach(string text, int tokens) => WordTokenCounter.Instance.Count(text).ShouldBe(tokens);

    private sealed class Measured : ITokenCounter
    {
        public long Characters { get; private set; }

        public int Count(ReadOnlySpan<char> text)
        {
            Characters += text.Length;
            return WordTokenCounter.Instance.Count(text);
        }
    }
}
