using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Mcp;

/// <summary>Catalogs of MCP servers behind a URL, on real connections: good ones, ones that go away, and ones that mean harm.</summary>
public sealed class McpOverHttpTests
{
    [Fact]
    public async Task List_AndItsChange_ArriveOverOneSession()
    {
        await using var server = await HttpMcpServer.StartAsync("a");
        await using var replica = await FollowAsync(server.Url);
        await replica.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
        await Eventually.TrueAsync(() => server.Streams == 1);
        server.Tools = ["a", "weather"];
        server.Announce();
        await replica.EventuallyAsync("tools", view => view is { Tools: 2, State: "ready" });
        server.Made.ShouldBe(1);
    }

    [Fact]
    public async Task Stop_ThenStart_TheListStaysAndItComesBack()
    {
        await using var server = await HttpMcpServer.StartAsync("weather");
        await using var replica = await FollowAsync(server.Url, Quick with { RefreshEvery = TimeSpan.FromMilliseconds(100) });
        await replica.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" });
        await server.DisposeAsync();
        // What asks while the server is going may still be told that its session is unknown.
        await Eventually.TrueAsync(async () => await replica.SourceAsync("tools") is { State: McpSourceState.Failed, Error: { } error } && error.Contains("could not be reached", StringComparison.Ordinal));
        (await replica.SearchAsync(Alice, "tools", "weather")).Results.ShouldHaveSingleItem();
        await using var again = await HttpMcpServer.StartAsync(server.Port, "weather", "mail");
        await replica.EventuallyAsync("tools", view => view is { Tools: 2 } && view.Sources![0] is { State: McpSourceState.Connected, Error: null });
    }

    [Fact]
    public async Task Stop_WhoseStreamIsListenedTo_IsSeenBeforeTheNextReading()
    {
        await using var server = await HttpMcpServer.StartAsync("weather");
        await using var replica = await FollowAsync(server.Url, Quick with { RefreshEvery = TimeSpan.FromHours(1) });
        await replica.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" });
        await Eventually.TrueAsync(() => server.Streams == 1);
        await server.DisposeAsync();
        await replica.EventuallyAsync("tools", view => view.Sources![0].State == McpSourceState.Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tool_NestedDeeperThanTheLibraryReads_CostsItsParametersAlone(bool asEvents)
    {
        await using var server = await HttpMcpServer.StartAsync();
        server.Instead = async context =>
        {
            if (context.Request.Method != "POST")
                return false;
            context.Request.EnableBuffering();
            var message = await System.Text.Json.Nodes.JsonNode.ParseAsync(context.Request.Body);
            context.Request.Body.Position = 0;
            if ((string?)message?["method"] != "tools/list")
                return false;
            var page = ScriptedMcpServer.Page(ScriptedMcpServer.Tool("deep", schema: ScriptedMcpServer.Deep(500)), ScriptedMcpServer.Tool("good"));
            var answer = new System.Text.Json.Nodes.JsonObject { ["jsonrpc"] = "2.0", ["id"] = message!["id"]!.DeepClone(), ["result"] = page }
                .ToJsonString(new JsonSerializerOptions { MaxDepth = 1_000 });
            context.Response.ContentType = asEvents ? "text/event-stream" : "application/json";
            var body = Encoding.UTF8.GetBytes(asEvents ? $"event: message\ndata: {answer}\n\n" : answer);
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body);
            return true;
        };
        await using var replica = await FollowAsync(server.Url);
        await replica.EventuallyAsync("tools", view => view is { Tools: 2, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
        (await replica.SourceAsync("tools")).Notes.ShouldHaveSingleItem().ShouldContain("'deep' nests deeper than 24 levels");
    }

    [Fact]
    public async Task Session_Lost_IsFollowedByAnother()
    {
        await using var server = await HttpMcpServer.StartAsync("a");
        await using var replica = await FollowAsync(server.Url, Quick with { RefreshEvery = TimeSpan.FromMilliseconds(50) });
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
        server.Forget();
        server.Tools = ["a", "b"];
        await replica.EventuallyAsync("tools", view => view.Tools == 2 && view.Sources![0].State == McpSourceState.Connected);
        server.Made.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task Redirect_IsNotFollowed()
    {
        await using var inside = await HttpMcpServer.StartAsync("secret");
        await using var server = await HttpMcpServer.StartAsync();
        server.Instead = context =>
        {
            context.Response.Redirect(inside.Url.ToString(), permanent: false, preserveMethod: true);
            return Task.FromResult(true);
        };
        await using var replica = await FollowAsync(server.Url);
        await replica.EventuallyAsync("tools", view => view.Sources![0].State == McpSourceState.Failed);
        (await replica.SourceAsync("tools")).Error!.ShouldContain("307");
        inside.Asked.ShouldBe(0);
    }

    [Theory]
    [InlineData("application/json", "{\"x\":\"", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "more than 64 KiB")]
    [InlineData("text/event-stream", "event: message\ndata: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "more than 64 KiB")]
    [InlineData("text/event-stream", "", ": still thinking\n\n", "within")]
    [InlineData("text/event-stream", "", "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n", "within")]
    [InlineData("application/json", "{", "", "within")]
    public async Task Answer_WithoutEnd_IsRefused(string type, string start, string repeated, string told)
    {
        var left = 0;
        await using var server = await HttpMcpServer.StartAsync("a");
        server.Instead = async context =>
        {
            if (context.Request.Method != "POST")
                return false;
            context.Response.ContentType = type;
            await context.Response.WriteAsync(start);
            await context.Response.Body.FlushAsync();
            var (bytes, ended) = (Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(repeated, 200))), context.RequestAborted);
            try
            {
                while (!ended.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(bytes, ended);
                    await context.Response.Body.FlushAsync(ended);
                    // As long as a connection is open somebody could be made to wait: only its end ends this.
                    await Task.Delay(1, ended);
                }
            }
            catch (Exception fault) when (fault is OperationCanceledException or IOException)
            {
                // Whoever asked has had enough.
            }

            Interlocked.Increment(ref left);
            return true;
        };
        // What is too long must be seen before the time is up, on any machine.
        await using var replica = await FollowAsync(server.Url, Quick with { ConnectWithin = TimeSpan.FromSeconds(told == "within" ? 0.5 : 30), MessageBytes = 64 << 10 });
        await replica.EventuallyAsync("tools", view => view.Sources![0].Error?.Contains(told, StringComparison.Ordinal) == true);
        await Eventually.TrueAsync(() => Volatile.Read(ref left) > 0);
    }

    [Fact]
    public async Task Secret_InHeaders_OpensTheServerAndIsShownNowhere()
    {
        await using var server = await HttpMcpServer.StartAsync("a");
        server.Instead = context =>
        {
            var isKnown = context.Request.Headers.Authorization == "Bearer hunter22";
            if (!isKnown)
                context.Response.StatusCode = 401;
            return Task.FromResult(!isKnown);
        };
        await using var replica = await FollowAsync(server.Url);
        await replica.EventuallyAsync("tools", view => view.Sources![0].Error?.Contains("401", StringComparison.Ordinal) == true);
        var source = new McpSourceOptions { Name = "web", Url = server.Url + "?key=hunter22", Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer hunter22" } };
        var put = await replica.PutAsync(Admin, "tools", new CatalogChange { Mcp = [source] });
        await replica.EventuallyAsync("tools", view => view is { Tools: 1 } && view.Sources![0].State == McpSourceState.Connected);
        server.Instead = context =>
        {
            context.Response.StatusCode = 500;
            return Task.FromResult(true);
        };
        await server.DisposeAsync();
        foreach (var view in new[] { put, (await replica.Catalogs.FindAsync(Admin, "tools")).View })
            JsonSerializer.Serialize(view).ShouldNotContain("hunter22");
    }

    [Fact]
    public async Task Name_ThatComesToMeanAnInnerAddress_IsRefusedAtTheConnection()
    {
        await using var server = await HttpMcpServer.StartAsync("inner");
        var asked = 0;
        IPAddress[] answer = [IPAddress.Loopback, IPAddress.Parse("10.1.2.3"), IPAddress.Parse("::ffff:192.168.0.1"), IPAddress.IPv6Loopback];
        var transports = new McpTransports(Quick, TimeProvider.System, NullLoggerFactory.Instance)
        {
            Resolve = (_, _) =>
            {
                Interlocked.Increment(ref asked);
                return Task.FromResult(answer);
            },
        };
        await using var replica = await new CatalogHarness(transports: transports).StartAsync();
        var source = new McpSourceOptions { Name = "web", Url = $"http://mcp.example.com:{server.Port}/mcp" };
        (await replica.Catalogs.PutAsync(Alice, "mine", new CatalogChange { Mcp = [source] })).Error.ShouldBeNull();
        await Eventually.TrueAsync(() => replica.Catalogs.FindAsync(Alice, "mine").AsTask().GetAwaiter().GetResult().View!.Sources![0].Error?.Contains("public internet", StringComparison.Ordinal) == true);
        await Eventually.TrueAsync(() => Volatile.Read(ref asked) > 2);
        server.Asked.ShouldBe(0);
    }

    private static async Task<CatalogHarness> FollowAsync(Uri url, McpLimits? limits = null)
    {
        var replica = await new CatalogHarness(mcp: limits).StartAsync();
        await replica.PutAsync(Admin, "tools", new CatalogChange { Global = true, Mcp = [new() { Name = "web", Url = url.ToString() }] });
        return replica;
    }
}
