using System.Text;
using System.Text.Json;
using Weir.State.Texts;

namespace Weir.Tests.State.Texts;

public sealed class ForeignJsonTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("7")]
    [InlineData("""["\ud83d\ude00", "\\ud800", "\\\\ud800", "\u00e9", "\ue000", "é😀", "\\u"]""")]
    [InlineData("""{"\ud83d\ude00":{"\\ud800":null}}""")]
    [InlineData("\"\\u0064800\"")]
    [InlineData("\uFEFF{}")]
    public void Read_WholeText_CanBeWrittenAgain(string json)
    {
        var (value, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(json), 64);

        fault.ShouldBeNull();
        JsonSerializer.SerializeToUtf8Bytes(value!.Value).ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("\"\\ud800\"", "")]
    [InlineData("\"\\uDFff x\"", "")]
    [InlineData("""["a",["\ude00\ud83d"]]""", "[1][0]")]
    [InlineData("""{"a":{"b":[0,{"c":"\\\ud800"}]}}""", "a.b[1].c")]
    [InlineData("""{"a":{"\ud800":1}}""", "a")]
    [InlineData("""[{"\ud800":1}]""", "[0]")]
    public void Read_HalfASurrogatePair_IsAFaultWithItsPlace(string json, string path)
    {
        var (value, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(json), 64);

        value.ShouldBeNull();
        (fault!.Sort, fault.Path).ShouldBe((JsonFaultSort.NoText, path));
        fault.Message.ShouldEndWith(ForeignJson.HalfPair);
    }

    [Fact]
    public void Read_BytesThatAreNotUtf8_AreAFaultWithTheirPlace()
    {
        var (_, fault) = ForeignJson.Read([(byte)'{', (byte)'"', (byte)'a', (byte)'"', (byte)':', (byte)'"', 0xED, 0xA0, 0x80, (byte)'"', (byte)'}'], 64);

        (fault!.Sort, fault.Path).ShouldBe((JsonFaultSort.NoText, "a"));
        fault.SentenceOf("The body").ShouldBe("The body, at a, holds bytes that are not UTF-8, which is no text.");
    }

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(32, 32, true)]
    [InlineData(33, 32, false)]
    [InlineData(100_000, 32, false)]
    public void Read_ManyLevels_AreTakenUpToTheBound(int levels, int most, bool isTaken)
    {
        var json = Encoding.UTF8.GetBytes(new string('[', levels) + new string(']', levels));

        var (value, fault) = ForeignJson.Read(json, most);

        (value is not null, fault?.Sort).ShouldBe((isTaken, isTaken ? null : JsonFaultSort.TooDeep));
        if (isTaken)
            ForeignJson.FaultOf(value!.Value, levels).ShouldBeNull();
        if (isTaken && levels > 1)
            ForeignJson.FaultOf(value!.Value, levels - 1)!.SentenceOf("It").ShouldBe($"It is nested too deeply: at most {levels - 1} levels are taken.");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("nothing")]
    public void Read_NoJson_IsAFaultWithItsLine(string json)
    {
        var (_, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(json), 64);

        fault!.Sort.ShouldBe(JsonFaultSort.Malformed);
        fault.Message.ShouldStartWith("is not JSON: line 1, byte ");
    }

    [Fact]
    public void Read_RandomEscapes_TakesExactlyWhatCanBeWritten()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        string[] pieces = ["\\ud800", "\\udBFF", "\\udc00", "\\uDfff", "\\\\", "\\u0041", "\\ud7ff", "\\ue000", "x", "é", "\\\"", "u"];
        for (var i = 0; i < 2_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)]));
            var json = random.Next(2) == 0 ? $"{{\"{text}\":1}}" : $"[0,\"{text}\"]";

            var (value, _) = ForeignJson.Read(Encoding.UTF8.GetBytes(json), 64);

            (value is not null).ShouldBe(CanBeWritten(json), $"seed {seed}: {json}");
        }
    }

    private static bool CanBeWritten(string json)
    {
        try
        {
            return JsonSerializer.SerializeToUtf8Bytes(JsonElement.Parse(json)).Length > 0;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
