using System.Text;
using Weir.Server.Configuration;
using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration.Reading;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("", 1, 1)]
    [InlineData("   \n  ", 2, 3)]
    [InlineData("{", 1, 2)]
    [InlineData("{ \"server\": { }", 1, 16)]
    [InlineData("{\n  server: 1 }", 2, 3)]
    [InlineData("{ 'server': 1 }", 1, 3)]
    [InlineData("{} {}", 1, 4)]
    [InlineData("{ \"state\": sqlite }", 1, 12)]
    public void Parse_NotJson_SaysWhere(string json, int line, int column)
    {
        var fault = OnlyFault(json);

        fault.Where.ShouldBe($"weir.json:{line}:{column}");
        fault.Message.ShouldStartWith("is not JSON: ");
    }

    [Theory]
    [InlineData("[]", "a list")]
    [InlineData("5", "a number")]
    [InlineData("null", "null")]
    public void Parse_NotAnObject_SaysWhatItIs(string json, string kind) => OnlyFault(json).Message.ShouldBe($"must be an object, found {kind}");

    [Fact]
    public void Parse_ColumnAfterWideCharacters_CountsUtf16Units() =>
        Load("{ \"state\": \"é漢😀\", \"x\": 1 }").Faults.Select(fault => fault.Where).ShouldBe(["weir.json:1:12", "weir.json:1:20"]);

    [Fact]
    public void Parse_ByteOrderMark_IsPassedOver()
    {
        byte[] text = [0xEF, 0xBB, 0xBF, .. "{ \"state\": 1 }"u8];

        ConfigurationLoader.Load(Sources(), text).Faults.ShouldHaveSingleItem().Where.ShouldBe("weir.json:1:12");
    }

    [Fact]
    public void Parse_Latin1_IsAFaultAtTheFirstWrongByte()
    {
        var text = Encoding.Latin1.GetBytes("{\n \"state\": \"é\" }");

        var fault = ConfigurationLoader.Load(Sources(), text).Faults.ShouldHaveSingleItem();

        fault.Where.ShouldBe("weir.json:2:12");
        fault.Message.ShouldBe("is not UTF-8 text");
    }

    [Fact]
    public void Parse_HalfACharacter_IsAFault() => OnlyFault("""{ "state": "\ud800" }""").Message.ShouldContain("escape");

    [Fact]
    public void Parse_DeepNesting_IsAFaultAndNoCrash() =>
        OnlyFault(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))).Message.ShouldContain("depth");

    [Fact]
    public void Parse_DuplicateKeys_NamesBothPlaces()
    {
        var loaded = Load("{ \"state\": \"sqlite\",\n \"state\": \"memory\" }");

        loaded.Faults.ShouldHaveSingleItem().ToString().ShouldBe("weir.json:2:2: state: is given twice, first at weir.json:1:3. Keep one of the two.");
    }

    [Fact]
    public void Parse_WindowsLines_CountsAsOne() => OnlyFault("{\r\n\r\n \"x\": 1 }").Where.ShouldBe("weir.json:3:2");
}
