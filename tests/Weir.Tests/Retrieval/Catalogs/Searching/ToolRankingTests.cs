using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Models.Hashing;

namespace Weir.Tests.Retrieval.Catalogs.Searching;

public sealed class ToolRankingTests
{
    private static readonly ToolDefinition[] Tools =
    [
        new() { Name = "getWeather", Description = "The weather forecast of a place.", Category = "weather", Parameters = Json("""{"type":"object","properties":{"city":{"description":"Name of the city"},"units":{"enum":["metric","imperial"]}}}""") },
        new() { Name = "send_mail", Description = "Sends a letter.", Category = "mail", Parameters = Json("""[{"name":"to","description":"the recipient"}]""") },
        new() { Name = "search", Description = "Looks for things.", Functionality = "finding documents" },
    ];

    [Theory]
    [InlineData("getWeather")]
    [InlineData("GETWEATHER")]
    [InlineData("get weather")]
    [InlineData("get_weather")]
    public void Search_ByItsName_Is1(string query)
    {
        var found = Indexing.Search(Indexing.Of(Tools), query);
        (Tools[found[0].Tool].Name, found[0].Score, found[0].Name).ShouldBe(("getWeather", 1f, NameMatch.Exact));
    }

    [Fact]
    public void Search_WithANameAmongWords_GoesHalfOfTheWay()
    {
        var found = Indexing.Search(Indexing.Of(Tools), "please call send_mail with the city");
        (Tools[found[0].Tool].Name, found[0].Name).ShouldBe(("send_mail", NameMatch.Mentioned));
        found[0].Score.ShouldBeGreaterThanOrEqualTo(0.5f);
        Indexing.Search(Indexing.Of(Tools), "search for the weather").ShouldAllBe(hit => hit.Name == NameMatch.None);
    }

    [Theory]
    [InlineData("city", "getWeather")]
    [InlineData("imperial", "getWeather")]
    [InlineData("recipients", "send_mail")]
    [InlineData("document", "search")]
    public void Search_ByAWordOfAnyField_FindsIt(string query, string tool) =>
        Tools[Indexing.Search(Indexing.Of(Tools), query)[0].Tool].Name.ShouldBe(tool);

    [Fact]
    public void Search_Reason_NamesFieldsFiguresAndWords()
    {
        var index = Indexing.Of(Tools);
        const string Query = "forecast of the weather in my city";
        var found = Indexing.Search(index, Query);
        ToolReason.Of(index, found[0], QueryWords.Of(Query)).ShouldMatch(@"^description 0\.\d\d \((weather, forecast|forecast, weather)\); (functionality|parameters) 0\.\d\d \((weather|city)\); (functionality|parameters) 0\.\d\d \((weather|city)\)$");
    }

    [Theory]
    [InlineData("zzzz", 0.001f, "hardly alike")]
    [InlineData("zzzz", 0.25f, "alike, without a word in common: description 0.25; parameters 0.25; functionality 0.25")]
    [InlineData("city", 0.25f, "description 0.25 (alike); parameters 0.25 (city); functionality 0.25 (alike)")]
    public void Reason_OfWhatIsAlike_IsASentence(string query, float part, string reason)
    {
        var index = Indexing.Of(Tools);
        index.TryFind("getWeather", out var weather).ShouldBeTrue();
        ToolReason.Of(index, new RankedTool(weather, part, [part, part, part], NameMatch.None), QueryWords.Of(query)).ShouldBe(reason);
    }

    [Fact]
    public void Search_ByWeights_OnlyWhatCountsIsFound()
    {
        var index = Indexing.Of(Tools, weights: new CatalogWeightOptions { Description = 1, Parameters = 0, Functionality = 0 });
        Indexing.Search(index, "city").ShouldBeEmpty();
        Indexing.Search(index, "letter").ShouldHaveSingleItem();
    }

    [Fact]
    public void Search_FilterMinimumAndCount_Hold()
    {
        var index = Indexing.Of(ToolSet.Tools, new HashingModel(64));
        Indexing.Search(index, "file", new HashingModel(64), 3).Count.ShouldBe(3);
        Indexing.Search(index, "file", new HashingModel(64), 50, tool => tool.Category == "git").ShouldAllBe(hit => index.Tools[hit.Tool].Category == "git");
        Indexing.Search(index, "file", new HashingModel(64), 50, least: 0.3).ShouldAllBe(hit => hit.Score >= 0.3);
        Indexing.Search(index, "read the file", new HashingModel(64), 86).Select(hit => hit.Score).ShouldBeInOrder(SortDirection.Descending);
    }

    [Theory]
    [InlineData("")]
    [InlineData("???")]
    [InlineData("\ud800")]
    [InlineData("the of and")]
    public void Search_ForNothing_FindsNothingAndDoesNotFail(string query) => Indexing.Search(Indexing.Of(Tools), query).Count.ShouldBeLessThanOrEqualTo(3);

    [Theory]
    [InlineData("getHTTPServer2_v3", "get http server 2 v 3")]
    [InlineData("create-pull.request", "create pull request")]
    [InlineData("Ünïcode", "unicode")]
    [InlineData("天气预报", "天 气 预 报")]
    [InlineData("a/b weir.dev/docs x", "a b weir dev docs x")]
    public void Spoken_Identifiers_FallApart(string text, string words) => ToolWords.Spoken(text).ShouldBe(words);

    [Theory]
    [InlineData("github", "GitHub")]
    [InlineData("getweather", "get_weather")]
    [InlineData("cities", "city")]
    [InlineData("scheduling", "scheduled")]
    public void Words_WrittenOtherwise_Meet(string query, string text) =>
        ToolWords.Of(text).Select(word => word.Term).ShouldContain(ToolWords.Of(query).ShouldHaveSingleItem().Term);

    private static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;
}
