using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Embedding;
using Weir.Server.Configuration;
using Weir.Server.Keys;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Who may do what with whose collections, and who pays.</summary>
public sealed class CollectionAccessTests : IAsyncLifetime
{
    private const string One = """[{"id":"a","text":"the river weir"}]""";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(new RunningServer.Options
    {
        Weir = new WeirOptions { Embeddings = new EmbeddingsOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["small"] = new() { Dimensions = 64 } } } },
    });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task OtherTenants_FindNothingInEveryVerb()
    {
        var one = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "one" });
        var two = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "two" });
        (await SendAsync("PUT", "/v1/collections/mine", null, one)).Status.ShouldBe(201);
        (await SendAsync("POST", "/v1/collections/mine/documents", One, one)).Status.ShouldBe(200);
        foreach (var key in (string[])[two, _server.AdminKey])
        {
            foreach (var (method, path, body) in ((string, string, string?)[])[
                ("GET", "", null), ("DELETE", "", null), ("POST", "/search", """{"query":"river"}"""), ("GET", "/documents", null),
                ("POST", "/documents", One), ("GET", "/documents/a", null), ("DELETE", "/documents/a", null)])
            {
                var answer = await SendAsync(method, "/v1/collections/mine" + path, body, key);
                answer.Status.ShouldBe(404, $"{method} {path}");
                answer.Text.ShouldNotContain("river");
            }

            (await SendAsync("GET", "/v1/collections", null, key)).Text.ShouldNotContain("mine");
        }

        (await SendAsync("GET", "/v1/collections/mine/documents/a", null, one)).Text.ShouldContain("river");
    }

    [Fact]
    public async Task Global_IsReadByAllAndWrittenByAdmins()
    {
        (await SendAsync("PUT", "/v1/collections/shared", """{"global":true}""", _server.AdminKey)).Status.ShouldBe(201);
        (await SendAsync("POST", "/v1/collections/shared/documents", One, _server.AdminKey)).Status.ShouldBe(200);
        // While there are no keys, anybody on this machine reads without one.
        await ReadsOnlyAsync(null);
        var app = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "one" });
        await ReadsOnlyAsync(app);
        (await SendAsync("GET", "/v1/collections/shared", null, null)).Status.ShouldBe(401);

        // One's own of the same name hides it, and leaves it alone.
        (await SendAsync("PUT", "/v1/collections/shared", null, app)).Status.ShouldBe(201);
        (await SendAsync("POST", "/v1/collections/shared/search", """{"query":"river"}""", app)).Text.ShouldNotContain("the river");
        (await SendAsync("DELETE", "/v1/collections/shared", null, app)).Status.ShouldBe(204);
        (await SendAsync("POST", "/v1/collections/shared/search", """{"query":"river"}""", app)).Text.ShouldContain("the river");
    }

    [Fact]
    public async Task Routes_OfAKey_DecideByTheModelOfTheCollectionAndTheCatalog()
    {
        var all = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "t" });
        var some = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "t", Routes = ["small"] });
        (await SendAsync("PUT", "/v1/collections/barred", """{"embedding_model":"default"}""", all)).Status.ShouldBe(201);
        (await SendAsync("PUT", "/v1/collections/open", """{"embedding_model":"small"}""", all)).Status.ShouldBe(201);
        (await SendAsync("PUT", "/v1/catalogs/barred/tools", """[{"name":"saw","description":"cuts wood"}]""", all)).Status.ShouldBeInRange(200, 201);
        (await SendAsync("POST", "/v1/collections/open/documents", One, some)).Status.ShouldBe(200);
        (await SendAsync("POST", "/v1/collections/open/search", """{"query":"river"}""", some)).Status.ShouldBe(200);
        foreach (var (method, path, body) in ((string, string, string?)[])[
            ("POST", "/v1/collections/barred/documents", One), ("POST", "/v1/collections/barred/search", """{"query":"river"}"""),
            ("POST", "/v1/collections/barred/search", """{"query":"river","mode":"sparse"}"""), ("PUT", "/v1/collections/open", """{"embedding_model":"default"}"""),
            ("POST", "/v1/catalogs/barred/search", """{"query":"wood"}"""), ("PUT", "/v1/catalogs/mine", """{"embedding_model":"default"}""")])
        {
            var answer = await SendAsync(method, path, body, some);
            (answer.Status, answer.Body.GetProperty("code").GetString()).ShouldBe((403, "model_not_allowed"), path);
        }

        (await SendAsync("POST", "/v1/collections/barred/search", """{"query":"river"}""", all)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Ingest_AndSearch_CountForTheirKeyAndStayWithinItsLimits()
    {
        var (record, key) = await _server.AddKeyRecordAsync(new KeyRequest { Roles = ["app"], Tenant = "t", RequestsPerMinute = 3 });
        (await SendAsync("PUT", "/v1/collections/c", null, key)).Status.ShouldBe(201);
        var lines = string.Join('\n', Enumerable.Range(0, 600).Select(i => $$"""{"id":"d{{i}}","text":"text number {{i}}"}"""));
        (await SendAsync("POST", "/v1/collections/c/documents", lines, key, "application/x-ndjson")).Body.GetProperty("documents").GetInt32().ShouldBe(600);
        // Three batches of one request.
        var used = (await SendAsync("GET", "/v1/usage?by=model,provider", null, key)).Body.GetProperty("data")[0];
        (used.GetProperty("model").GetString(), used.GetProperty("provider").GetString(), used.GetProperty("requests").GetInt64()).ShouldBe(("default", "weir", 1));
        used.GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(1000);
        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"text"}""", key)).Status.ShouldBe(200);
        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"text"}""", key)).Status.ShouldBe(200);
        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"text"}""", key)).Body.GetProperty("code").GetString().ShouldBe("key_requests_per_minute");
        _server.Service<KeyStates>().Of(record.Id).InFlight.ShouldBe(0);
    }

    [Theory]
    [InlineData("DELETE", "/v1/collections/c/documents/..")]
    [InlineData("DELETE", "/v1/collections/c/documents/%2e%2E")]
    [InlineData("DELETE", "/v1/collections/d/documents/../../c")]
    public async Task Paths_WithDots_DeleteNothingByWhereTheyLead(string method, string path)
    {
        await using var server = await RunningServer.StartAsync(new RunningServer.Options { Sockets = true });
        using (var made = await server.SendAsync(HttpMethod.Put, "/v1/collections/c"))
            made.EnsureSuccessStatusCode();
        // As no HttpClient would send it.
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream());
        (await reader.ReadToEndAsync()).ShouldStartWith("HTTP/1.1 400 ");
        using var still = await server.SendAsync(HttpMethod.Get, "/v1/collections/c");
        still.EnsureSuccessStatusCode();
    }

    private async Task ReadsOnlyAsync(string? key)
    {
        foreach (var (method, path, body, status) in ((string, string, string?, int)[])[
            ("GET", "", null, 200), ("POST", "/search", """{"query":"river"}""", 200), ("GET", "/documents", null, 200), ("GET", "/documents/a", null, 200),
            ("POST", "/documents", One, 403), ("DELETE", "/documents/a", null, 403), ("DELETE", "", null, 403)])
        {
            (await SendAsync(method, "/v1/collections/shared" + path, body, key)).Status.ShouldBe(status, $"{method} {path}");
        }
    }

    private async Task<(int Status, JsonElement Body, string Text)> SendAsync(string method, string path, string? body, string? key, string type = "application/json")
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, type);
        using var answer = await _server.SendAsync(new HttpMethod(method), path, key, content);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text), text);
    }
}
