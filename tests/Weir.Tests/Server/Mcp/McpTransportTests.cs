using System.Net;
using System.Text.Json.Nodes;
using Weir.Server.Keys;
using Weir.Server.Mcp.Transport;
using Weir.Tests.Server.Mcp.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Mcp;

public sealed class McpTransportTests : IAsyncLifetime
{
    private const string List = """{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}""";

    private McpServerUnderTest _mcp = null!;

    public async ValueTask InitializeAsync() => _mcp = await McpServerUnderTest.StartAsync();

    public ValueTask DisposeAsync() => _mcp.DisposeAsync();

    [Fact]
    public async Task Initialize_ByAWorker_BeginsASessionThatAnswers()
    {
        using var begun = await _mcp.PostAsync(McpServerUnderTest.Initialize);
        var result = McpServerUnderTest.Messages(await begun.Content.ReadAsStringAsync()).Single()["result"]!;
        ((string)result["protocolVersion"]!).ShouldBe("2025-11-25");
        ((string)result["serverInfo"]!["name"]!).ShouldBe("weir");
        ((bool)result["capabilities"]!["tools"]!["listChanged"]!).ShouldBeTrue();
        var session = begun.Headers.GetValues("Mcp-Session-Id").Single();
        session.Length.ShouldBeGreaterThan(40);
        begun.Headers.Contains("x-request-id").ShouldBeTrue();

        using var listed = await _mcp.PostAsync(List, session);
        McpServerUnderTest.Messages(await listed.Content.ReadAsStringAsync()).Last()["result"]!["tools"]!.AsArray().Count.ShouldBeGreaterThan(8);
    }

    [Fact]
    public async Task Session_OfAnotherKeyOrAfterItsEnd_IsNotFound()
    {
        var (mine, other) = (await _mcp.Server.AddKeyAsync("worker"), await _mcp.Server.AddKeyAsync("admin"));
        var session = await _mcp.BeginAsync(mine);
        foreach (var method in (Func<string?, Task<HttpStatusCode>>[])
        [
            async key => { using var answer = await _mcp.PostAsync(List, session, key); return answer.StatusCode; },
            async key => { using var answer = await _mcp.GetAsync(session, key); return answer.StatusCode; },
            key => _mcp.DeleteAsync(session, key),
        ])
        {
            (await method(other)).ShouldBe(HttpStatusCode.NotFound);
        }

        (await _mcp.DeleteAsync(session, mine)).ShouldBe(HttpStatusCode.NoContent);
        (await _mcp.DeleteAsync(session, mine)).ShouldBe(HttpStatusCode.NotFound);
        using var gone = await _mcp.PostAsync(List, session, mine);
        gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var error = JsonNode.Parse(await gone.Content.ReadAsStringAsync())!;
        ((int)error["id"]!).ShouldBe(7);
        ((int)error["error"]!["code"]!).ShouldBe(McpFault.SessionNotFound);
        _mcp.Server.Service<McpSessions>().Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping"}""", "text/event-stream", 406)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping"}""", "application/json", 406)]
    [InlineData("not json", null, 400)]
    [InlineData("""[{"jsonrpc":"2.0","id":1,"method":"ping"}]""", null, 400)]
    [InlineData("""{"jsonrpc":"2.0","id":null,"method":"ping"}""", null, 400)]
    [InlineData("""{"id":1,"method":"ping"}""", null, 400)]
    [InlineData("", null, 400)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""", null, 400)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"initialize"}""", null, 400)]
    public async Task Post_OfNoMessage_IsRefusedWithASentence(string body, string? accept, int status)
    {
        using var answer = await _mcp.PostAsync(body, headers: accept is null ? [] : [("Accept", accept)]);
        ((int)answer.StatusCode).ShouldBe(status);
        ((string)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!["message"]!).Length.ShouldBeGreaterThan(20);
    }

    [Fact]
    public async Task Post_OfTooMuch_IsRefused()
    {
        using var answer = await _mcp.PostAsync($$"""{"jsonrpc":"2.0","id":1,"method":"{{new string('x', McpEndpoint.LargestMessage)}}"}""");
        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Post_WithoutASession_IsAnsweredByItself()
    {
        using var listed = await _mcp.PostAsync(List);
        McpServerUnderTest.Messages(await listed.Content.ReadAsStringAsync()).Single()["result"]!["tools"]!.AsArray().ShouldNotBeEmpty();
        listed.Headers.Contains("Mcp-Session-Id").ShouldBeFalse();
        using var told = await _mcp.PostAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");
        told.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        _mcp.Server.Service<McpSessions>().Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("2026-07-28", "tools/list", "tools/list", true, 200)]
    [InlineData("2026-07-28", "server/discover", "server/discover", true, 200)]
    [InlineData("2026-07-28", "tools/list", "tools/call", true, 400)]
    [InlineData("2026-07-28", "tools/list", null, true, 400)]
    [InlineData("2026-07-28", "tools/list", "tools/list", false, 400)]
    [InlineData("2026-07-28", "initialize", "initialize", true, 404)]
    [InlineData("2026-07-28", "no/such", "no/such", true, 404)]
    [InlineData("1999-01-01", "tools/list", null, false, 400)]
    public async Task Post_OfAVersionWithoutSessions_HoldsHeadersAgainstTheMessage(string version, string method, string? header, bool meta, int status)
    {
        var body = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = 5, ["method"] = method, ["params"] = new JsonObject() };
        if (meta) body["params"]!["_meta"] = new JsonObject { ["io.modelcontextprotocol/protocolVersion"] = version, ["io.modelcontextprotocol/clientCapabilities"] = new JsonObject() };
        (string, string)[] headers = header is null ? [("MCP-Protocol-Version", version)] : [("MCP-Protocol-Version", version), ("Mcp-Method", header)];
        using var answer = await _mcp.PostAsync(body.ToJsonString(), headers: headers);
        var text = await answer.Content.ReadAsStringAsync();
        ((int)answer.StatusCode).ShouldBe(status, text);
        var message = text.StartsWith('{') ? JsonNode.Parse(text)! : McpServerUnderTest.Messages(text).Last();
        ((int)message["id"]!).ShouldBe(5);
        (message["result"] is not null).ShouldBe(status == 200, text);
    }

    [Fact]
    public async Task GetAndDelete_WithoutASession_AreRefused()
    {
        using var stream = await _mcp.GetAsync("");
        stream.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await _mcp.DeleteAsync(null)).ShouldBe(HttpStatusCode.BadRequest);
        using var late = await _mcp.GetAsync("x", headers: [("MCP-Protocol-Version", "2026-07-28")]);
        late.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        late.Content.Headers.Allow.ShouldBe(["POST"]);
    }

    [Fact]
    public async Task Sessions_BeyondTheBoundOfAKey_AreRefusedUntilOneEnds()
    {
        var sessions = _mcp.Server.Service<McpSessions>();
        var (key, secret) = await _mcp.Server.AddKeyRecordAsync(new KeyRequest { Roles = ["worker"] });
        var caller = new Caller(key, new KeyState(key.Id, TimeProvider.System));
        var session = await _mcp.BeginAsync(secret);
        for (var taken = 1; taken < McpSessions.MostOfKey; taken++) sessions.TryTake(caller).ShouldBeNull();

        using var refused = await _mcp.PostAsync(McpServerUnderTest.Initialize, key: secret);
        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter.ShouldNotBeNull();
        (await refused.Content.ReadAsStringAsync()).ShouldContain("1,000");
        using var alone = await _mcp.PostAsync(List, key: secret);
        alone.StatusCode.ShouldBe(HttpStatusCode.OK);
        await _mcp.DeleteAsync(session, secret);
        await _mcp.BeginAsync(secret);
    }

    [Fact]
    public async Task Listening_WhenAKindComes_TellsThatToolsHaveChanged()
    {
        var session = await _mcp.BeginAsync();
        using var stream = await _mcp.GetAsync(session);
        stream.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        _mcp.Leases.Add("extra", 1);
        await ReadUntilAsync(reader, "notifications/tools/list_changed");
        using var listed = await _mcp.PostAsync(List, session);
        (await listed.Content.ReadAsStringAsync()).ShouldContain("extra_ask");
    }

    [Fact]
    public async Task Listening_ForASecondTime_TakesTheFirstOnesPlace()
    {
        var session = await _mcp.BeginAsync();
        using var first = await _mcp.GetAsync(session);
        using var second = await _mcp.GetAsync(session);
        (await first.Content.ReadAsStringAsync()).ShouldNotContain("data:");
        using var reader = new StreamReader(await second.Content.ReadAsStreamAsync());
        _mcp.Leases.Add("extra", 1);
        await ReadUntilAsync(reader, "list_changed");
    }

    [Fact]
    public async Task SubscriptionsListen_WhenAKindComes_TellsThatToolsHaveChanged()
    {
        const string Listen = """
            {"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},
             "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}
            """;
        using (var stream = await _mcp.PostAsync(Listen, headers: [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "subscriptions/listen")]))
        {
            using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
            (await ReadUntilAsync(reader, "acknowledged")).ShouldContain("\"sub\"");
            _mcp.Leases.Add("extra", 1);
            (await ReadUntilAsync(reader, "list_changed")).ShouldContain("\"sub\"");
            _mcp.Server.Service<McpSessions>().Count.ShouldBe(1);
        }

        await Eventually.TrueAsync(() => _mcp.Server.Service<McpSessions>().Count == 0);
    }

    [Fact]
    public async Task Requests_FromElsewhereOrOfAnotherRole_AreRefused()
    {
        using var page = await _mcp.PostAsync(McpServerUnderTest.Initialize, headers: [("Origin", "http://evil.example.com")]);
        page.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var named = await _mcp.PostAsync(McpServerUnderTest.Initialize, headers: [("Host", "evil.example.com")]);
        named.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var role = await _mcp.PostAsync(McpServerUnderTest.Initialize, key: await _mcp.Server.AddKeyAsync("app"));
        role.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    private static async Task<string> ReadUntilAsync(StreamReader reader, string part)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await reader.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Contains(part, StringComparison.Ordinal)) return line;
        }

        throw new InvalidOperationException($"The stream ended without '{part}'.");
    }
}
