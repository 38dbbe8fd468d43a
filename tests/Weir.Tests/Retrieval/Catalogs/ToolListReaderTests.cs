using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Mcp;

namespace Weir.Tests.Retrieval.Catalogs;

/// <summary>JSON may escape half of a surrogate pair. It is well-formed, no text, and must never come so far as to be stored.</summary>
public sealed class ToolListReaderTests
{
    [Theory]
    [InlineData("""[{"name":"a"},{"na\ud800me":"b"}]""", "tools[1]")]
    [InlineData("""[{"name":"\ud800"}]""", "tools[0].name")]
    [InlineData("""[{"name":"a","description":"x\udc00"}]""", "tools[0].description")]
    [InlineData("""[{"function":{"name":"a","\ud800":1}}]""", "tools[0]")]
    [InlineData("""[{"name":"a","parameters":{"properties":{"\ud800":{}}}}]""", "tools[0].parameters")]
    [InlineData("""[{"name":"a","input_schema":{"properties":{"p":{"enum":["\udfff"]}}}}]""", "tools[0].input_schema")]
    public void Read_HalfASurrogatePair_IsAFaultWithItsPlace(string json, string place)
    {
        new ToolListReader(new CatalogLimits()).Read(JsonElement.Parse(json), "tools", out var error);

        error!.Status.ShouldBe(422);
        error.Param.ShouldBe(place);
    }

    [Theory]
    [InlineData("""{"properties":{"\ud800":{}}}""", false)]
    [InlineData("""{"properties":{"p":{"description":"\udc00"}}}""", false)]
    [InlineData("""{"properties":{"p":{"description":"\ud83d\ude00"}}}""", true)]
    public void Add_AServersSchemaThatIsNoText_IsLeftOutAndNoted(string schema, bool isKept)
    {
        var reader = new McpToolReader("s", new CatalogLimits(), new McpLimits());
        reader.Add(JsonElement.Parse($"{{\"tools\":[{{\"name\":\"a\",\"inputSchema\":{schema}}}]}}"));

        reader.Listing.Tools.Single().Parameters.HasValue.ShouldBe(isKept);
        reader.Listing.Notes.Count.ShouldBe(isKept ? 0 : 1);
        JsonSerializer.SerializeToUtf8Bytes(reader.Listing.Tools).ShouldNotBeEmpty();
    }
}
