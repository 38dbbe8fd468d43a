using Weir.Retrieval.Chunking;

namespace Weir.Tests.Retrieval.Chunking;

public sealed class SentenceBreaksTests
{
    [Theory]
    [InlineData("One. Two! Three? Four… Five", "One.|Two!|Three?|Four…|Five")]
    [InlineData("He said \"Stop!\" She did. (Really.) Yes.", "He said \"Stop!\"|She did.|(Really.)|Yes.")]
    [InlineData("Wait... What?! Now.", "Wait...|What?!|Now.")]
    [InlineData("Pi is 3.14. Weir 1.2.3 is out. See https://example.com/a.b?c=d. Then v2.0.", "Pi is 3.14.|Weir 1.2.3 is out.|See https://example.com/a.b?c=d.|Then v2.0.")]
    [InlineData("Dr. Smith met J. R. Jones, e.g. at 9 a.m. on Monday. They left.", "Dr. Smith met J. R. Jones, e.g. at 9 a.m. on Monday.|They left.")]
    [InlineData("See Fig. 3 and No. 7. No. That is all.", "See Fig. 3 and No. 7.|No.|That is all.")]
    [InlineData("Das gilt z.B. Hunden bzw. Katzen. Mehr nicht.", "Das gilt z.B. Hunden bzw. Katzen.|Mehr nicht.")]
    [InlineData("1. Install it. 2024 was good. Next.", "1. Install it.|2024 was good.|Next.")]
    [InlineData("今天天气很好。我们去公园吧！你呢？“好的。”他说。", "今天天气很好。|我们去公园吧！|你呢？|“好的。”|他说。")]
    [InlineData("これは本です。「はい！」と言った。", "これは本です。|「はい！」|と言った。")]
    [InlineData("यह एक वाक्य है। यह दूसरा है।", "यह एक वाक्य है।|यह दूसरा है।")]
    [InlineData("What is this؟ يا", "What is this؟|يا")]
    [InlineData("approx. five and etc. and so on. End.", "approx. five and etc. and so on.|End.")]
    [InlineData("...", "...")]
    [InlineData("no mark at all", "no mark at all")]
    public void EndOf_Text_EndsWhereAReaderWould(string text, string expected)
    {
        var sentences = new List<string>();
        for (int at = 0, end; at < text.Length; at = end)
        {
            end = SentenceBreaks.EndOf(text, at, text.Length);
            sentences.Add(text[at..end]);
            while (end < text.Length && char.IsWhiteSpace(text[end]))
                end++;
        }

        string.Join('|', sentences).ShouldBe(expected);
    }

    [Fact]
    public void EndOf_PointWithAMarkOnIt_IsNoEnd() => SentenceBreaks.EndOf("a.\u0301 b", 0, 5).ShouldBe(5);
}
