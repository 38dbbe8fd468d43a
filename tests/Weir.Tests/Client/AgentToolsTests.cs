using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Weir.Client;

namespace Weir.Tests.Client;

/// <summary>What a model and a program do with what is leased.</summary>
public sealed class AgentToolsTests : IAsyncLifetime
{
    private static readonly string[] DesktopNames = ["screenshot", "accessibility_tree", "click", "move", "type", "press", "hotkey", "scroll", "drag"];
    private static readonly string[] SearchNames = ["query_knowledge_base_dense", "query_knowledge_base_sparse", "query_knowledge_base_hybrid"];

    private readonly LeaseServer _server = new();
    private AgentLease _lease = null!;

    public async ValueTask InitializeAsync() => _lease = await new AgentEnvironment(
        _server.Client(new() { ApiKey = "weir_key" }), [new("rag"), new("vm") { Count = 2 }, new("remote:box")], new() { ReleaseAtExit = false }).AllocateAsync("w");

    public async ValueTask DisposeAsync() => await _lease.DisposeAsync();

    [Fact]
    public void Tools_OfAllResources_AreNamedAndHoldNoLifecycle()
    {
        _lease.Tools.Select(tool => tool.Name).ShouldBe([.. SearchNames, .. DesktopNames, .. DesktopNames.Select(name => name + "_2")]);
        foreach (var tool in _lease.Tools)
        {
            tool.Description.ShouldNotBeNullOrEmpty();
            tool.JsonSchema.GetProperty("type").GetString().ShouldBe("object");
            var properties = tool.JsonSchema.GetProperty("properties");
            tool.JsonSchema.GetProperty("required").EnumerateArray().Select(name => name.GetString()!).ShouldBeSubsetOf(properties.EnumerateObject().Select(property => property.Name));
        }
    }

    [Fact]
    public async Task RagEnvironment_WithADesktopToo_OffersOnlyTheSearchesAndAPrompt()
    {
        var environment = new RagEnvironment(_server.Client(), [new("rag"), new("vm")], new() { ReleaseAtExit = false, Offers = name => !name.EndsWith("sparse", StringComparison.Ordinal) });
        await using var lease = await environment.AllocateAsync("w");

        lease.Tools.Select(tool => tool.Name).ShouldBe(["query_knowledge_base_dense", "query_knowledge_base_hybrid"]);
        lease.Desktop.Id.ShouldBe("vm.0");
        environment.Prompt!.ShouldContain("knowledge base");
        new RagEnvironment(_server.Client(), options: new() { ReleaseAtExit = false, Prompt = "mine" }).ShouldSatisfyAllConditions(
            other => other.Prompt.ShouldBe("mine"), other => other.Resources.ShouldHaveSingleItem().Kind.ShouldBe("rag"));
    }

    [Fact]
    public async Task Search_ByAModel_GoesToTheDoorWithItsToken()
    {
        var found = (JsonElement)(await Tool("query_knowledge_base_sparse").InvokeAsync(new AIFunctionArguments { ["query"] = "a weir", ["top_k"] = JsonSerializer.SerializeToElement(4), ["filter"] = null }))!;

        found.GetProperty("results")[0].GetProperty("text").GetString().ShouldBe("a passage");
        LastAsked().ShouldBe(("POST /doors/rag.0/query", """{"query":"a weir","top_k":4,"search_type":"sparse"}""", "weirdoor_rag.0"));
    }

    [Fact]
    public async Task Desktop_ByAModel_IsSeenAndUsed()
    {
        var picture = (DataContent)(await Tool("screenshot_2").InvokeAsync())!;
        (picture.MediaType, picture.Data.ToArray()).ShouldSatisfyAllConditions(p => p.MediaType.ShouldBe("image/png"), p => p.Item2.ShouldBe([1, 2, 3]));
        LastAsked().ShouldBe(("GET /doors/vm.1/screenshot", "", "weirdoor_vm.1"));

        await Tool("click").InvokeAsync(new AIFunctionArguments { ["x"] = 10, ["y"] = 20, ["type"] = "write" });
        LastAsked().ShouldBe(("POST /doors/vm.0/actions", """[{"x":10,"y":20,"type":"click"}]""", "weirdoor_vm.0"));

        await Tool("hotkey").InvokeAsync(new AIFunctionArguments { ["keys"] = new List<string> { "ctrl", "c" } });
        LastAsked().Body.ShouldBe("""[{"keys":["ctrl","c"],"type":"hotkey"}]""");
    }

    [Fact]
    public async Task Tool_Refused_IsThrownWithTheReason()
    {
        _server.Answer = _ => LeaseServer.Problem(422, "invalid_value", "x must be on the screen.");
        var error = await Should.ThrowAsync<WeirException>(() => Tool("click").InvokeAsync(new AIFunctionArguments { ["x"] = 9999, ["y"] = 1 }).AsTask());
        (error.Code, error.Message, error.Status).ShouldBe(("invalid_value", "x must be on the screen.", HttpStatusCode.UnprocessableEntity));
    }

    [Fact]
    public async Task Rag_Queries_AreAskedAndReadAsDocumented()
    {
        (await _lease.Rag.QueryAsync("q", topK: 3, SearchMode.Dense)).ShouldHaveSingleItem().ShouldSatisfyAllConditions(hit => hit.DocumentId.ShouldBe("d"), hit => hit.Score.ShouldBe(0.5));
        LastAsked().Body.ShouldBe("""{"query":"q","top_k":3,"search_type":"dense"}""");

        await _lease.Rag.QueryAsync(new CollectionSearch("q") { Filter = new JsonObject { ["year"] = 2024 }, MinScore = 0.25 });
        LastAsked().Body.ShouldBe("""{"query":"q","filter":{"year":2024},"min_score":0.25}""");

        _server.Answer = _ => LeaseServer.Json(HttpStatusCode.OK, """{"results":[{"query":"a","results":[{"text":"t"}]},{"query":"b","error":{"code":"c","message":"m"}}]}""");
        var answers = await _lease.Rag.QueryManyAsync(["a", "b"], new CollectionSearch("") { TopK = 2 });
        LastAsked().Body.ShouldBe("""{"queries":["a","b"],"top_k":2}""");
        (answers[0].Results!.Count, answers[0].Error, answers[1].Results, answers[1].Error).ShouldBe((1, null, null, new QueryFault("c", "m")));
    }

    [Fact]
    public async Task Desktop_TypedCalls_AreActions()
    {
        var desktop = _lease.Desktop;
        (await desktop.ScreenshotAsync()).ShouldBe([1, 2, 3]);
        await desktop.ScreenshotAsync(cursor: true);
        LastAsked().ShouldBe(("POST /doors/vm.0/screenshot", """{"cursor":true}""", "weirdoor_vm.0"));
        (await desktop.ActAsync([new() { ["type"] = "wait", ["seconds"] = 1 }, new() { ["type"] = "releaseAll" }])).ShouldBe(2);

        await desktop.ClickAsync(1, 2, "right", 2);
        await desktop.MoveAsync(1, 2);
        await desktop.TypeAsync("hé\n");
        await desktop.PressAsync("enter");
        await desktop.HotkeyAsync(["ctrl", "a"]);
        await desktop.ScrollAsync(-3);
        await desktop.DragAsync(5, 6);

        _server.Of("POST /doors/vm.0/actions").Skip(1).Select(asked => JsonNode.Parse(asked.Body)!.AsArray().ShouldHaveSingleItem()!.ToJsonString()).ShouldBe(
        [
            """{"type":"click","x":1,"y":2,"button":"right","clicks":2}""", """{"type":"move","x":1,"y":2}""", JsonNode.Parse("""{"type":"type","text":"hé\n"}""")!.ToJsonString(),
            """{"type":"press","key":"enter"}""", """{"type":"hotkey","keys":["ctrl","a"]}""", """{"type":"scroll","clicks":-3}""", """{"type":"drag","x":5,"y":6,"button":"left"}""",
        ]);
    }

    [Fact]
    public async Task Desktop_AnswersSomethingElse_IsSaid()
    {
        _server.Answer = _ => LeaseServer.Json(HttpStatusCode.OK, "{}");
        (await Should.ThrowAsync<WeirException>(() => _lease.Desktop.ScreenshotAsync())).Code.ShouldBe("invalid_answer");
        (await Should.ThrowAsync<WeirException>(() => _lease.Desktop.ActAsync([]))).Code.ShouldBe("invalid_answer");
    }

    [Fact]
    public async Task Door_ConnectionFails_AsksAgainWhatChangesNothingAndNothingElse()
    {
        var failures = 2;
        _server.Answer = _ => failures-- > 0 ? throw new HttpRequestException("broken") : null;

        (await Should.ThrowAsync<WeirException>(() => _lease.Desktop.ClickAsync(1, 2))).Code.ShouldBe("unreachable");
        _server.Of("POST /doors/vm.0/actions").Count.ShouldBe(1);
        (await _lease.Rag.QueryAsync("q")).Count.ShouldBe(1);
        _server.Of("POST /doors/rag.0/query").Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("http://elsewhere.test/")]
    [InlineData("/v1/keys")]
    [InlineData("../rag.1/query")]
    [InlineData("//elsewhere.test/x")]
    public async Task Send_APathOutsideTheDoor_IsNotSent(string path)
    {
        await Should.ThrowAsync<ArgumentException>(() => _lease["remote:box"].SendAsync(HttpMethod.Get, path));
        _server.Of("GET").ShouldBeEmpty();
    }

    [Fact]
    public async Task Send_ToAnyResource_GoesThroughItsDoor()
    {
        _server.Answer = asked => asked.Line.StartsWith("GET /doors/", StringComparison.Ordinal) ? LeaseServer.Json(HttpStatusCode.OK, """{"status":"ok"}""") : null;
        (await _lease["remote:box"].SendAsync(HttpMethod.Get, "health?deep=1")).GetProperty("status").GetString().ShouldBe("ok");
        LastAsked().ShouldBe(("GET /doors/remote:box.0/health?deep=1", "", "weirdoor_remote:box.0"));
        _lease["remote:box"].Sort.ShouldBe("remote");
        _lease["remote:box"].ToString().ShouldNotContain("weirdoor_");
        Should.Throw<KeyNotFoundException>(() => _lease["gpu"]).Message.ShouldContain("remote:box");
    }

    private AIFunction Tool(string name) => _lease.Tools.Single(tool => tool.Name == name);

    private (string Line, string Body, string? Token) LastAsked() => _server.All[^1] switch { var last => (last.Line, last.Body, last.Token) };
}
