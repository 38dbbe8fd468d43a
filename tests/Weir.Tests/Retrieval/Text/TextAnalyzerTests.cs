using System.Text;
using Weir.Retrieval.Text;

namespace Weir.Tests.Retrieval.Text;

public sealed class TextAnalyzerTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData(" ,;-_./@'  ", "")]
    [InlineData("The quick foxes", "the quick fox")]
    [InlineData("Äpfel & Straße", "apfel strass")]
    [InlineData("ＦＵＬＬ width ﬁle", "full width file")]
    [InlineData("Crème brûlée, cafe\u0301", "creme brule cafe")]
    [InlineData("ΟΔΟΣ όδος", "οδοσ οδοσ")]
    [InlineData("Ёлка елка", "елка елка")]
    [InlineData("كِتَاب كتاب", "كتاب كتاب")]
    [InlineData("auto\u00admatic", "automat")]
    public void Analyze_Words_AreFoldedAndStemmed(string text, string terms) => TermsOf(text).ShouldBe(terms);

    [Theory]
    [InlineData("getUserName", "get user name getusernam")]
    [InlineData("get_user_name", "get user name getusernam")]
    [InlineData("HTTPServer", "http server httpserver")]
    [InlineData("PDFs", "pdf")]
    [InlineData("APIs are", "api are")]
    [InlineData("text-embedding-3-small", "text embed 3 small textembedding3small")]
    [InlineData("e-mail", "e mail email")]
    [InlineData("GPT4", "gpt 4 gpt4")]
    [InlineData("the HTTPS GPUs", "the https gpu")]
    [InlineData("550e8400-e29b-41d4", "550e8400 e29b 41d4 550e8400e29b41d4")]
    [InlineData("version 10.0.12.", "version 10 0 12 10.0.12")]
    [InlineData("ann@example.com", "ann exampl com ann@example.com")]
    [InlineData("https://example.com/a/readme", "https exampl com a readm example.com/a/readme")]
    [InlineData("and/or 10:30", "and or 10 30")]
    [InlineData("the U.S. and J.K.", "the u s us and j k jk")]
    [InlineData("weir.json", "weir json weir.json")]
    public void Analyze_Identifiers_GiveTheirPartsAndThemselves(string text, string terms) => TermsOf(text).ShouldBe(terms);

    [Theory]
    [InlineData("the dog's", "the dog")]
    [InlineData("don’t", "dont")]
    [InlineData("l'homme", "l homm lhomm")]
    [InlineData("dogs' tails", "dog tail")]
    public void Analyze_Apostrophes_AreNoWords(string text, string terms) => TermsOf(text).ShouldBe(terms);

    [Theory]
    [InlineData("北京大学", "北 京 北京 大 京大 学 大学")]
    [InlineData("猫", "猫")]
    [InlineData("カメラ", "カメ メラ")]
    [InlineData("ｶﾞｽ", "ガス")]
    [InlineData("か\u3099す は\u309a", "がす ぱ")]
    [InlineData("한국어", "한국 국어")]
    [InlineData("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국")]
    [InlineData("ภาษา", "ภา าษ ษา")]
    [InlineData("ที่นี่", "ที่นี่")]
    [InlineData("GPU的价格", "gpu 的 价 的价 格 价格")]
    [InlineData("𠀀𠀁", "𠀀 𠀁 𠀀𠀁")]
    public void Analyze_ScriptsWithoutSpaces_GivePairs(string text, string terms) => TermsOf(text).ShouldBe(terms);

    [Fact]
    public void Analyze_NoStemming_KeepsEndings() => TermsOf("running dogs", stemming: false).ShouldBe("running dogs");

    [Theory]
    [InlineData("a", 64)]
    [InlineData("é", 64)]
    [InlineData("aB", 64)]
    [InlineData("a1", 64)]
    [InlineData("a.", 64)]
    [InlineData("a-", 64)]
    [InlineData("a'", 64)]
    [InlineData("a@", 64)]
    [InlineData("한\u0301", 64)]
    [InlineData("ก\u0e34", 64)]
    [InlineData("\u0301", 64)]
    [InlineData("\ud800", 64)]
    public void Analyze_HostileText_GivesBoundedTerms(string piece, int longest)
    {
        var terms = TermsOf(string.Concat(Enumerable.Repeat(piece, 50_000)), stemming: false).Split(' ');
        terms.Length.ShouldBeLessThanOrEqualTo(120_000);
        terms.ShouldAllBe(t => t.Length <= longest);
    }

    [Fact]
    public void Analyze_AnyText_GivesNoEmptyTermAndTheSameForTheSame()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        for (var i = 0; i < 3000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(6) switch
            {
                0 => new Rune(random.Next(0x20, 0xd800)).ToString(),
                1 => new Rune(random.Next(0xe000, 0x110000)).ToString(),
                2 => ((char)random.Next(0xd800, 0xe000)).ToString(),
                3 => "-_./@:' "[random.Next(8)].ToString(),
                4 => ((char)random.Next(0x30, 0x7b)).ToString(),
                _ => "aZ9éß漢カ한ก"[random.Next(9)].ToString(),
            }));
            var terms = TermsOf(text);
            if (terms.Length > 0)
                terms.Split(' ').All(t => t.Length is > 0 and <= WordTerms.LongestAddress).ShouldBeTrue($"seed {seed}: {text}");
            TermsOf(text).ShouldBe(terms);
        }
    }

    private static string TermsOf(string text, bool stemming = true)
    {
        var sink = new Sink([]);
        TextAnalyzer.Analyze(text, stemming, ref sink);
        return string.Join(' ', sink.Terms);
    }

    private readonly record struct Sink(List<string> Terms) : ITermSink
    {
        public void Add(ReadOnlySpan<char> term) => Terms.Add(term.ToString());
    }
}
