using System.Net;
using System.Text.Json.Nodes;
using Weir.Client;

namespace Weir.Tests.Client;

public sealed class CatalogsClientTests
{
    [Fact]
    public async Task PutTools_List_SendsThemAsTheyAre()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """{"name":"tools","tools":1,"version":2}""");

        var made = await server.Client().Catalogs.PutToolsAsync("tools", [new("get_weather", "The weather") { Parameters = JsonNode.Parse("""{"type":"object"}"""), Category = "web" }]);

        server.Requests.ShouldBe([("PUT /v1/catalogs/tools/tools", """[{"name":"get_weather","description":"The weather","parameters":{"type":"object"},"category":"web"}]""")]);
        (made.Version, made.Tools).ShouldBe((2, 1));
    }

    [Fact]
    public async Task Tools_OneByOne_AreSentAndTakenAway()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """{"name":"t","tools":2,"version":3}""").Then(HttpStatusCode.NoContent, "")
            .Then(HttpStatusCode.Conflict, """{"status":409,"code":"catalog_of_servers","detail":"change there"}""");
        var catalogs = server.Client().Catalogs;

        (await catalogs.UpsertToolsAsync("t", [new("a", "b")])).Tools.ShouldBe(2);
        await catalogs.DeleteToolAsync("t", "a/b");
        (await Should.ThrowAsync<WeirException>(() => catalogs.DeleteToolAsync("t", "c"))).Code.ShouldBe("catalog_of_servers");

        server.Requests.ShouldBe([("POST /v1/catalogs/t/tools", """[{"name":"a","description":"b"}]"""), ("DELETE /v1/catalogs/t/tools/a%2Fb", ""), ("DELETE /v1/catalogs/t/tools/c", "")]);
    }

    [Fact]
    public async Task PutMcp_UrlOrCommand_SendsThatAlone()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, "{}").Then(HttpStatusCode.OK, "{}");
        var catalogs = server.Client().Catalogs;

        await catalogs.PutMcpAsync("t", new() { Url = new("https://mcp.example/mcp"), Headers = new Dictionary<string, string> { ["X-Key"] = "k" } });
        await catalogs.PutMcpAsync("t", new() { Command = "npx", Args = ["-y", "some-mcp-server"] });

        server.Requests.Select(request => request.Body).ShouldBe(
            ["""{"mcp":{"url":"https://mcp.example/mcp","headers":{"X-Key":"k"}}}""", """{"mcp":{"command":"npx","args":["-y","some-mcp-server"]}}"""]);
    }

    [Fact]
    public async Task Search_AndSimilar_AskAsDocumented()
    {
        const string Results = """{"results":[{"name":"get_weather","score":0.8,"category":"web","protocol":"mcp","reason":"description 0.62 (weather)"}],"version":2}""";
        var server = new ScriptedServer().Then(HttpStatusCode.OK, Results).Then(HttpStatusCode.OK, Results);
        var catalogs = server.Client().Catalogs;

        var hit = (await catalogs.SearchAsync("t", "will it rain", topK: 3, category: "web", minScore: 0.2)).ShouldHaveSingleItem();
        await catalogs.SimilarAsync("t", "a b", topK: 2, sameCategory: false);

        hit.ShouldBe(new ToolResult { Name = "get_weather", Score = 0.8, Category = "web", Protocol = "mcp", Reason = "description 0.62 (weather)" });
        server.Requests.ShouldBe(
            [("POST /v1/catalogs/t/search", """{"query":"will it rain","top_k":3,"category":"web","min_score":0.2}"""), ("GET /v1/catalogs/t/tools/a%20b/similar?top_k=2&same_category=false", "")]);
    }

    [Fact]
    public async Task Rest_OfTheOperations_AskAsDocumented()
    {
        var server = new ScriptedServer()
            .Then(HttpStatusCode.OK, """{"data":[{"name":"t"}]}""").Then(HttpStatusCode.OK, """{"name":"t"}""")
            .Then(HttpStatusCode.OK, """{"name":"a","description":"b","parameters":{"type":"object"}}""").Then(HttpStatusCode.NoContent, "");
        var catalogs = server.Client().Catalogs;

        (await catalogs.ListAsync()).ShouldHaveSingleItem().Name.ShouldBe("t");
        (await catalogs.GetAsync("t")).Name.ShouldBe("t");
        (await catalogs.GetToolAsync("t", "a")).Parameters!["type"]!.GetValue<string>().ShouldBe("object");
        await catalogs.DeleteAsync("t");

        server.Requests.Select(request => request.Line).ShouldBe(["GET /v1/catalogs", "GET /v1/catalogs/t", "GET /v1/catalogs/t/tools/a", "DELETE /v1/catalogs/t"]);
    }
}
