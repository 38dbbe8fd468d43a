using Weir.Retrieval.Text;

namespace Weir.Tests.Retrieval.Text;

public sealed class EnglishStemmerTests
{
    // Step by step, with the examples of the algorithm's description.
    [Theory]
    [InlineData("caresses caress|ties tie|cries cri|ponies poni|gas gas|this this|gaps gap|kiwis kiwi|focus focus|caress caress")]
    [InlineData("agreed agre|feed feed|luxuriating luxuri|hopping hop|hoping hope|hoped hope|failing fail|sized size|bled bled|sing sing|controlling control")]
    [InlineData("cry cri|by by|say say|happy happi|enjoy enjoy|youth youth|yes yes")]
    [InlineData("relational relat|conditional condit|organization organ|vocational vocat|predication predic|operator oper|feudalism feudal|hopefulness hope")]
    [InlineData("callousness callous|decisiveness decis|sensibility sensibl|sensitivity sensit|analogy analog|geology geolog|quickly quick|horribly horribl")]
    [InlineData("triplicate triplic|formative format|formalize formal|electricity electr|electrical electr|hopeful hope|goodness good")]
    [InlineData("revival reviv|allowance allow|inference infer|airliner airlin|adjustable adjust|defensible defens|irritant irrit|replacement replac")]
    [InlineData("adjustment adjust|dependent depend|adoption adopt|communism communism|activate activ|homologous homolog|effective effect|bowdlerize bowdler")]
    [InlineData("probate probat|rate rate|cease ceas|controll control|roll roll|nation nation|national nation|nationally nation")]
    [InlineData("generate generat|generates generat|general general|generic generic|commune commune|communication communic|arsenal arsenal")]
    [InlineData("skis ski|skies sky|dying die|lying lie|tying tie|idly idl|gently gentl|ugly ugli|early earli|only onli|singly singl|sky sky|news news")]
    [InlineData("howe howe|atlas atlas|cosmos cosmos|bias bias|andes andes|inning inning|innings inning|outing outing|herring herring|earring earring")]
    [InlineData("proceed proceed|proceeds proceed|exceed exceed|succeed succeed|succeeded succeed|consign consign|consigned consign|consistency consist")]
    [InlineData("knack knack|knackeries knackeri|knaves knave|knightly knight|knots knot|a a|is is|be be|bee bee|eye eye|ski ski")]
    public void Stem_WordsOfTheDescription_GiveItsStems(string pairs)
    {
        foreach (var pair in pairs.Split('|').Select(p => p.Split(' ')))
            StemOf(pair[0]).ShouldBe(pair[1], pair[0]);
    }

    [Fact]
    public void Stem_AnyLetters_StaysInItsRoom()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        string[] endings = ["ing", "ed", "edly", "ies", "ational", "fulness", "iviti", "y", "ll", "e", "eed", "s", "ss", "ement"];
        for (var i = 0; i < 20_000; i++)
        {
            var word = new string([.. Enumerable.Range(0, random.Next(0, 8)).Select(_ => "aeiouybdlst"[random.Next(11)])]) + endings[random.Next(endings.Length)];
            StemOf(word).Length.ShouldBeInRange(1, word.Length + 1, $"{word}, seed {seed}");
        }
    }

    private static string StemOf(string word)
    {
        var buffer = new char[word.Length + 1];
        word.CopyTo(buffer);
        return new string(buffer, 0, EnglishStemmer.Stem(buffer, word.Length));
    }
}
