using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Server.Configuration;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class CatalogEndpointsTests
{
    private const string Two = """[{"name":"get_weather","description":"The weather forecast of a city.","category":"weather"},{"name":"files/read","description":"Reads a file.","category":"files"}]""";

    [Fact]
    public async Task Catalog_FromPutToDelete_ThroughTheApi()
    {
        await using var server = await RunningServer.StartAsync();
        var made = await SendAsync(server, HttpMethod.Put, "/v1/catalogs/mine/tools", Two);
        made.GetProperty("tools").GetInt32().ShouldBe(2);
        made.GetProperty("global").GetBoolean().ShouldBeFalse();

        var found = await SendAsync(server, HttpMethod.Post, "/v1/catalogs/mine/search", """{"query":"weather tomorrow","include":["description"]}""");
        found.GetProperty("version").GetInt64().ShouldBe(made.GetProperty("version").GetInt64());
        found.GetProperty("results")[0].GetProperty("name").GetString().ShouldBe("get_weather");
        found.GetProperty("results")[0].GetProperty("description").GetString().ShouldBe("The weather forecast of a city.");
        found.GetProperty("results")[0].GetProperty("reason").GetString()!.ShouldContain("(weather)");

        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs/mine/tools/files%2Fread", null)).GetProperty("name").GetString().ShouldBe("files/read");
        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs/mine/tools?limit=1", null)).GetProperty("after").GetString().ShouldBe("get_weather");
        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs/mine/tools/get_weather/similar?same_category=false", null)).GetProperty("version").GetInt64().ShouldBePositive();
        (await SendAsync(server, HttpMethod.Put, "/v1/catalogs/mine", """{"weights":{"description":1,"parameters":0,"functionality":0}}""")).GetProperty("weights").GetProperty("description").GetDouble().ShouldBe(1);
        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs", null)).GetProperty("data").GetArrayLength().ShouldBe(1);
        using (var gone = await server.SendAsync(HttpMethod.Delete, "/v1/catalogs/mine"))
            gone.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs/mine", null, 404)).GetProperty("code").GetString().ShouldBe("catalog_not_found");
    }

    [Fact]
    public async Task Tools_OneByOne_ThroughTheApi()
    {
        await using var server = await RunningServer.StartAsync();
        (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/mine/tools", Two)).GetProperty("tools").GetInt32().ShouldBe(2);
        (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/mine/tools", """{"tools":[{"name":"third"}]}""")).GetProperty("tools").GetInt32().ShouldBe(3);
        (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/mine/tools", """{"type":"function","function":{"name":"third","description":"anew"}}""")).GetProperty("tools").GetInt32().ShouldBe(3);
        (await SendAsync(server, HttpMethod.Get, "/v1/catalogs/mine/tools/third", null)).GetProperty("description").GetString().ShouldBe("anew");
        using (var gone = await server.SendAsync(HttpMethod.Delete, "/v1/catalogs/mine/tools/files%2Fread"))
            gone.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await SendAsync(server, HttpMethod.Delete, "/v1/catalogs/mine/tools/files%2Fread", null, 404)).GetProperty("code").GetString().ShouldBe("tool_not_found");
        (await SendAsync(server, HttpMethod.Put, "/v1/catalogs/followed/tools", """{"mcp":{"url":"https://mcp.invalid/mcp"}}""")).GetProperty("sources").GetArrayLength().ShouldBe(1);
        (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/followed/tools", Two, 409)).GetProperty("code").GetString().ShouldBe("catalog_of_servers");
    }

    [Theory]
    [InlineData("POST", "/tools", "7", 400, "malformed")]
    [InlineData("POST", "/tools", "{\"mcp\":{\"url\":\"https://x.dev\"}}", 400, "malformed")]
    [InlineData("POST", "/tools", "{\"tools\":[],\"weights\":{}}", 400, "malformed")]
    [InlineData("POST", "/tools", "{\"tools\":7}", 422, "invalid_tools")]
    [InlineData("POST", "/tools", "{\"colour\":1}", 422, "invalid_tools")]
    [InlineData("DELETE", "/tools/x", null, 404, "catalog_not_found")]
    [InlineData("PUT", "/tools", "7", 400, "malformed")]
    [InlineData("PUT", "/tools", "{}", 400, "malformed")]
    [InlineData("PUT", "/tools", "{\"tools\":[],\"colour\":1}", 400, "malformed")]
    [InlineData("PUT", "/tools", "{\"mcp\":{\"command\":3}}", 400, "malformed")]
    [InlineData("PUT", "/tools", "{\"mcp\":[null]}", 400, "malformed")]
    [InlineData("PUT", "/tools", "{\"mcp\":{}}", 422, "invalid_value")]
    [InlineData("PUT", "/tools", "{\"mcp\":{\"command\":\"sh\"}}", 403, "role_missing")]
    [InlineData("PUT", "/tools", "{\"mcp\":{\"url\":\"http://127.0.0.1/\"}}", 422, "invalid_value")]
    [InlineData("PUT", "/tools", "[{\"name\":\"a\"},{\"name\":\"a\"}]", 422, "invalid_tools")]
    [InlineData("PUT", "/tools?global=true", "[]", 403, "role_missing")]
    [InlineData("PUT", "", "{\"embedding_model\":\"absent\"}", 422, "model_not_found")]
    [InlineData("POST", "/search", "{\"query\":\"x\"}", 404, "catalog_not_found")]
    [InlineData("POST", "/search", "{\"query\":\"\"}", 422, "invalid_value")]
    [InlineData("POST", "/search", "{\"query\":\"x\",\"top_k\":0}", 422, "invalid_value")]
    [InlineData("POST", "/search", "{\"query\":\"x\",\"top_k\":\"3\"}", 400, "malformed")]
    public async Task Requests_ThatAreWrong_AreRefusedInASentence(string method, string path, string? body, int status, string code)
    {
        await using var server = await RunningServer.StartAsync();
        (await SendAsync(server, new HttpMethod(method), "/v1/catalogs/none" + path, body, status)).GetProperty("code").GetString().ShouldBe(code);
    }

    [Fact]
    public async Task Search_WithoutAQuery_SaysThatItNeedsOne()
    {
        await using var server = await RunningServer.StartAsync();
        (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/none/search", "{}", 400)).GetProperty("detail").GetString().ShouldBe("The body needs a text 'query'.");
    }

    [Fact]
    public async Task Configuration_WithAFile_MakesACatalogOfEverybody()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Two);
        try
        {
            var options = new WeirOptions { Catalogs = new Dictionary<string, CatalogOptions> { ["tools"] = new() { Load = file } } };
            await using var server = await RunningServer.StartAsync(new RunningServer.Options { Weir = options });
            await Eventually.TrueAsync(() => server.Service<ToolCatalogs>().Everybodys is [{ State: "ready", Tools: 2 }]);
            (await SendAsync(server, HttpMethod.Post, "/v1/catalogs/tools/search", """{"query":"read a file"}""")).GetProperty("results")[0].GetProperty("name").GetString().ShouldBe("files/read");
            (await SendAsync(server, HttpMethod.Get, "/health/ready", null)).GetProperty("dependencies").GetProperty("catalogs").GetProperty("status").GetString().ShouldBe("ok");
            using var refused = await server.SendAsync(HttpMethod.Delete, "/v1/catalogs/tools");
            refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<JsonElement> SendAsync(RunningServer server, HttpMethod method, string path, string? body, int status = 200)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await server.SendAsync(method, path, null, content);
        var text = await answer.Content.ReadAsStringAsync();
        ((int)answer.StatusCode).ShouldBe(status, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }
}
