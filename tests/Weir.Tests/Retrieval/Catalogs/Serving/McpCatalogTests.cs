using System.Text.Json.Nodes;
using Weir.Retrieval.Catalogs;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;
using static Weir.Tests.Retrieval.Catalogs.Support.ScriptedMcpServer;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

/// <summary>Catalogs whose tools are those of MCP servers, well-behaved and not.</summary>
public sealed class McpCatalogTests
{
    private static CatalogChange Servers(params string[] names) =>
        new() { Global = true, Mcp = [.. names.Select(name => new McpSourceOptions { Name = name, Command = "scripted" })] };

    [Fact]
    public async Task List_InPages_BecomesTheCatalog()
    {
        var server = new ScriptedMcpServer { List = cursor => cursor is null ? With(Names("a", "b"), "2") : Names("c") };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("box"));
        await replica.EventuallyAsync("tools", view => view is { Tools: 3, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
        var found = (await replica.Catalogs.ToolAsync(Alice, "tools", "c")).Tool!;
        (found.Protocol, found.Category, found.Origin).ShouldBe(("mcp", "box", new ToolOrigin("box", "c")));
    }

    [Fact]
    public async Task Tool_NestedDeeperThanTheLibraryReads_CostsItsParametersAlone()
    {
        var server = new ScriptedMcpServer { List = _ => Page(Tool("good"), Tool("deep", schema: ScriptedMcpServer.Deep(500)), Tool("weather")) };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("box"));
        await replica.EventuallyAsync("tools", view => view is { Tools: 3, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
        (await replica.SourceAsync("tools")).Notes.ShouldHaveSingleItem().ShouldContain("'deep' nests deeper than 24 levels");
        (await replica.Catalogs.ToolAsync(Alice, "tools", "deep")).Tool!.Parameters.ShouldBeNull();
    }

    [Fact]
    public async Task Sources_OfEverybodysCatalog_TellOthersNoMoreThanTheirState()
    {
        var server = new ScriptedMcpServer { IsAway = true };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("box"));
        await replica.EventuallyAsync("tools", view => view.Sources![0] is { State: McpSourceState.Failed, Error: not null, Command: "scripted" });
        var seen = (await replica.Catalogs.FindAsync(Alice, "tools")).View!.Sources![0];
        (seen.Name, seen.State, seen.Command, seen.Url, seen.Error, seen.Notes).ShouldBe(("box", McpSourceState.Failed, null, null, null, null));
        (await replica.Catalogs.ListAsync(Alice))[0].Sources![0].Error.ShouldBeNull();
        (await replica.Catalogs.ListAsync(Admin))[0].Sources![0].Error.ShouldNotBeNull();
    }

    [Fact]
    public async Task ListChanged_Announced_IsANewVersion()
    {
        var server = new ScriptedMcpServer { List = _ => Names("a") };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("box"));
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
        var before = (await replica.Catalogs.FindAsync(Admin, "tools")).View!.Version;
        server.List = _ => Names("a", "weather");
        server.Announce();
        await replica.EventuallyAsync("tools", view => view.Tools == 2 && view.Version > before && view.State == "ready");
        (await replica.SearchAsync(Alice, "tools", "weather")).Results[0].Name.ShouldBe("weather");
        server.Opened.ShouldBe(1);
    }

    [Fact]
    public async Task Death_TheLastListAnswersAndItComesBack()
    {
        var server = new ScriptedMcpServer { List = _ => Names("weather") };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("box"));
        await replica.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
        server.IsAway = true;
        server.Die();
        await replica.EventuallyAsync("tools", view => view.Sources![0].State == McpSourceState.Failed);
        (await replica.SourceAsync("tools")).Error.ShouldNotBeNullOrEmpty();
        (await replica.SearchAsync(Alice, "tools", "weather")).Results.ShouldHaveSingleItem();
        server.List = _ => Names("weather", "mail");
        server.IsAway = false;
        await replica.EventuallyAsync("tools", view => view.Tools == 2 && view.Sources![0] is { State: McpSourceState.Connected, Error: null });
    }

    [Fact]
    public async Task Servers_WithOneName_ArePrefixed()
    {
        var server = new ScriptedMcpServer();
        server.Lists["one"] = _ => Names("search", "alone");
        server.Lists["two"] = _ => Names("search");
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("one", "two"));
        await replica.EventuallyAsync("tools", view => view.Tools == 3 && view.State == "ready");
        var names = (await replica.Catalogs.ToolsAsync(Admin, "tools", null, 10, null)).Page!.Data.Select(tool => tool.Name);
        names.ShouldBe(["one.search", "alone", "two.search"]);
    }

    [Fact]
    public async Task Lies_CostTheToolThatTheyAreAbout()
    {
        var server = new ScriptedMcpServer
        {
            List = _ => Page(
                Tool("good", "fine"), Tool("good", "again"), Tool("text_schema", "d", "not a schema"), Tool("array_schema", "d", new JsonObject { ["type"] = "array" }),
                Tool("large", new string('x', 200_000)), new JsonObject { ["description"] = "nameless" }, 7, Tool("bad name"), Deep("deep"), Tool("last")),
        };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("liar"));
        await replica.EventuallyAsync("tools", view => view is { Tools: 5, State: "ready" } && view.Sources![0].Notes is not null);
        var names = (await replica.Catalogs.ToolsAsync(Admin, "tools", null, 10, null)).Page!.Data.Select(tool => tool.Name);
        names.ShouldBe(["good", "text_schema", "array_schema", "deep", "last"]);
        (await replica.Catalogs.ToolAsync(Admin, "tools", "deep")).Tool!.Parameters.ShouldBeNull();
        var notes = string.Join(' ', (await replica.SourceAsync("tools")).Notes!);
        foreach (var part in new[] { "more than once", "'text_schema' does not describe an object", "'large' takes", "no name that can be used", "nests deeper" })
            notes.ShouldContain(part);
    }

    [Theory]
    [InlineData("endless")]
    [InlineData("circle")]
    [InlineData("many")]
    public async Task Pages_WithoutEnd_Stop(string sort)
    {
        var count = 0;
        var server = new ScriptedMcpServer
        {
            List = _ => sort switch
            {
                "endless" => With(Page(), $"{++count}"),
                "circle" => With(Names($"t{++count}"), "same"),
                _ => With(Names([.. Enumerable.Range(0, 100).Select(n => $"t{count++}")]), $"{count}"),
            },
        };
        await using var replica = await new CatalogHarness(transports: server, limits: new CatalogLimits { Tools = 500 }, mcp: Quick with { Pages = 50 }).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("liar"));
        await replica.EventuallyAsync("tools", view => view.Sources![0] is { State: McpSourceState.Connected });
        (await replica.Catalogs.FindAsync(Admin, "tools")).View!.Tools.ShouldBe(sort switch { "endless" => 0, "circle" => 2, _ => 500 });
    }

    [Fact]
    public async Task Message_Enormous_IsRefusedWithASentence()
    {
        var server = new ScriptedMcpServer { List = _ => Page(Tool("huge", new string('x', 20 << 20))) };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("liar"));
        await replica.EventuallyAsync("tools", view => view.Sources![0].State == McpSourceState.Failed);
        (await replica.SourceAsync("tools")).Error!.ShouldContain("more than 16384 KiB");
    }

    [Fact]
    public async Task Silence_IsNotWaitedForLong()
    {
        var server = new ScriptedMcpServer { IsSilent = true };
        await using var replica = await new CatalogHarness(transports: server, mcp: Quick with { ConnectWithin = TimeSpan.FromMilliseconds(200) }).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("mute"));
        await replica.EventuallyAsync("tools", view => view.Sources![0].Error?.Contains("handshake", StringComparison.Ordinal) == true);
        server.IsSilent = false;
        server.List = _ => Names("a");
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
    }

    [Fact]
    public async Task Garbage_BetweenMessages_IsPassedOver()
    {
        var server = new ScriptedMcpServer { Garbage = "Listening on port 1234 {[\"\u0000", List = _ => Names("a") };
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("chatty"));
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
    }

    [Fact]
    public async Task Replicas_OneHoldsTheServerAndAnotherTakesOver()
    {
        var server = new ScriptedMcpServer { List = _ => Names("a") };
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var second = new CatalogHarness(store, server);
        await using (var first = await new CatalogHarness(store, server).StartAsync())
        {
            await first.PutAsync(Admin, "tools", Servers("box"));
            await first.EventuallyAsync("tools", view => view.Tools == 1);
            await second.StartAsync();
            await second.EventuallyAsync("tools", view => view.Tools == 1);
            server.Open.ShouldBe(1);
        }

        server.List = _ => Names("a", "b");
        await second.EventuallyAsync("tools", view => view.Tools == 2);
        server.Open.ShouldBe(1);
    }

    [Fact]
    public async Task Put_OtherServersOrAList_LetsTheOldOnesGo()
    {
        var server = new ScriptedMcpServer();
        server.Lists["one"] = _ => Names("a");
        server.Lists["two"] = _ => Names("b");
        await using var replica = await new CatalogHarness(transports: server).StartAsync();
        await replica.PutAsync(Admin, "tools", Servers("one"));
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
        await replica.PutAsync(Admin, "tools", Servers("two"));
        await Eventually.TrueAsync(() => replica.Catalogs.ToolAsync(Admin, "tools", "b").AsTask().GetAwaiter().GetResult().Tool is not null);
        (await replica.Catalogs.ToolAsync(Admin, "tools", "a")).Tool.ShouldBeNull();
        (await replica.PutAsync(Admin, "tools", Tools("c"))).Sources.ShouldBeNull();
        await Eventually.TrueAsync(() => server.Open == 0);
        await replica.Catalogs.DeleteAsync(Admin, "tools");
    }

    [Fact]
    public async Task Put_ByATenant_NamesOnlyThePublicInternet()
    {
        await using var replica = await new CatalogHarness(transports: new ScriptedMcpServer { IsAway = true }).StartAsync();
        (await TryAsync(new() { Command = "sh" })).Status.ShouldBe(403);
        foreach (var url in new[] { "http://127.0.0.1:1/mcp", "http://localhost/mcp", "http://[::1]/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/", "file:///etc/passwd", "http://u:p@example.com/" })
            (await TryAsync(new() { Url = url })).Status.ShouldBe(422, url);
        (await replica.Catalogs.PutAsync(Alice, "tools", new CatalogChange { Mcp = [new() { Url = "https://mcp.example.com/x?key=secret", Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer secret" } }] })).Error.ShouldBeNull();
        System.Text.Json.JsonSerializer.Serialize((await replica.Catalogs.FindAsync(Alice, "tools")).View).ShouldNotContain("secret");

        async Task<Weir.Retrieval.RetrievalError> TryAsync(McpSourceOptions source) => (await replica.Catalogs.PutAsync(Alice, "tools", new CatalogChange { Mcp = [source] })).Error!;
    }

    private static JsonNode With(JsonNode page, string cursor)
    {
        page["nextCursor"] = cursor;
        return page;
    }

    private static JsonNode Deep(string name)
    {
        JsonNode schema = new JsonObject { ["type"] = "object" };
        for (var i = 0; i < 15; i++)
            schema = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["p"] = schema } };
        return Tool(name, "d", schema);
    }
}
