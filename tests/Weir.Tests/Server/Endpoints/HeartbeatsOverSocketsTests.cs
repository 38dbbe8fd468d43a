using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Weir.Inference.Caching;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Heartbeats as a client sees them: through a real server and a real connection.</summary>
public sealed class HeartbeatsOverSocketsTests : IDisposable
{
    private const string Beat = ": heartbeat\n\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("weir-beats-").FullName;

    private string Captured => Path.Combine(_folder, "pairs.jsonl");

    public static TheoryData<string, Dialect, string> Clients { get; } = new()
    {
        { "chat/completions", Dialect.OpenAI, "data: {\"error\":{" },
        { "chat/completions", Dialect.Anthropic, "data: {\"error\":{" },
        { "responses", Dialect.OpenAI, "event: error\ndata: {\"type\":\"error\",\"code\":" },
        { "responses", Dialect.Anthropic, "event: error\ndata: {\"type\":\"error\",\"code\":" },
        { "messages", Dialect.OpenAI, "event: error\ndata: {\"type\":\"error\",\"error\":{" },
        { "messages", Dialect.Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{" },
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Stream_ProviderFailsAfterBeats_IsTheErrorEventOfTheDialect(string path, Dialect dialect, string error)
    {
        var heard = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await heard.Task;
            await exchange.RespondAsync(400, """{"type":"error","error":{"type":"invalid_request_error","message":"no such thing"}}""");
        });
        await using var server = await StartAsync(upstream, dialect);

        var (response, reader) = await AskAsync(server, path);
        using (response)
        {
            await HearAsync(reader, 3);
            heard.SetResult();
            var rest = (await reader.ReadToEndAsync()).Replace(Beat, "", StringComparison.Ordinal);

            ((int)response.StatusCode, response.Content.Headers.ContentType!.MediaType).ShouldBe((200, "text/event-stream"));
            rest.ShouldStartWith(error);
            rest.ShouldEndWith("}\n\n");
            rest.ShouldContain("no such thing");
            rest.Split("\n\n").Length.ShouldBe(2, "one event");
        }

        await Eventually.TrueAsync(() => server.Service<Drain>().InFlight == 0);
    }

    [Theory]
    [InlineData("chat/completions", Dialect.OpenAI)]
    [InlineData("messages", Dialect.OpenAI)]
    [InlineData("responses", Dialect.Anthropic)]
    public async Task Stream_ClientLeavesWhileItBeats_CancelsEverything(string path, Dialect dialect)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.ClosedByGatewayAsync();
            left.TrySetResult();
        });
        await using var server = await StartAsync(upstream, dialect);

        var (response, reader) = await AskAsync(server, path);
        await HearAsync(reader, 2);
        response.Dispose();

        await left.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await Eventually.TrueAsync(() => server.Service<Drain>().InFlight == 0);
        server.Service<RouteTables>().Current.Routes.Values.SelectMany(route => route.Deployments).ShouldAllBe(deployment => deployment.State.Lane.Load == 0);
    }

    [Fact]
    public async Task Stream_SilenceInTheMiddleOfAnEvent_IsNotTorn()
    {
        var go = new SemaphoreSlim(0);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[]}""");
            await go.WaitAsync();
            await exchange.ChunkAsync("data: {\"choices\":");
            // Longer than several beats.
            await Task.Delay(300);
            await exchange.ChunkAsync("[]}\n");
            await Task.Delay(300);
            await exchange.ChunkAsync("\n");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var server = await StartAsync(upstream, Dialect.OpenAI);

        var (response, reader) = await AskAsync(server, "chat/completions");
        using (response)
        {
            (await reader.ReadLineAsync()).ShouldBe("data: {\"choices\":[]}");
            (await reader.ReadLineAsync()).ShouldBe("");
            await HearAsync(reader, 2);
            go.Release();
            var rest = await reader.ReadToEndAsync();

            rest.ShouldContain("data: {\"choices\":[]}\n\n");
            rest.ShouldEndWith("data: [DONE]\n\n");
            foreach (var one in rest[..^2].Split("\n\n"))
                one.ShouldBeOneOf(": heartbeat", "data: {\"choices\":[]}", "data: [DONE]");
        }
    }

    [Fact]
    public async Task Stream_WithBeats_IsCapturedAndCachedWithoutThem()
    {
        var heard = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await heard.Task;
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        string first, second;
        await using (var server = await StartAsync(upstream, Dialect.OpenAI))
        {
            var (response, reader) = await AskAsync(server, "chat/completions", cache: true);
            using (response)
            {
                await HearAsync(reader, 3);
                heard.SetResult();
                first = (await reader.ReadToEndAsync()).Replace(Beat, "", StringComparison.Ordinal);
            }

            await Eventually.TrueAsync(() => server.Service<LocalAnswers>().Count == 1);
            (response, reader) = await AskAsync(server, "chat/completions", cache: true);
            using (response)
            {
                second = await reader.ReadToEndAsync();
            }
        }

        second.ShouldBe(first);
        upstream.Requests.Count.ShouldBe(1);
        var lines = File.ReadAllLines(Captured);
        lines.Length.ShouldBe(2);
        foreach (var line in lines)
            JsonDocument.Parse(line).RootElement.GetProperty("answer").GetString().ShouldBe(first);
    }

    private Task<RunningServer> StartAsync(ScriptedUpstream upstream, Dialect dialect) => RunningServer.StartAsync(new()
    {
        Sockets = true,
        Weir = new WeirOptions
        {
            Server = new ServerOptions { Drain = TimeSpan.Zero },
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl, Dialect = dialect, Retry = new RetryOptions { Network = 0, Unavailable = 0 } } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }], Heartbeat = new Rhythm(TimeSpan.FromMilliseconds(50)) },
            },
            Telemetry = new TelemetryOptions { Capture = new CaptureOptions { Routes = ["*"], Path = Captured } },
        },
    });

    private static async Task<(HttpResponseMessage Response, StreamReader Reader)> AskAsync(RunningServer server, string path, bool cache = false)
    {
        var asked = path == "responses" ? """ "input":"hi" """ : """ "max_tokens":9,"messages":[{"role":"user","content":"hi"}] """;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/" + path)
        {
            Content = new StringContent($$"""{"model":"fast","temperature":0,"stream":true,{{asked}}}""", Encoding.UTF8, "application/json"),
        };
        if (cache)
            request.Headers.TryAddWithoutValidation("x-weir-cache", "on");
        var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    // Beats as lines: each stands alone.
    private static async Task HearAsync(StreamReader reader, int beats)
    {
        for (; beats > 0; beats--)
        {
            (await reader.ReadLineAsync()).ShouldBe(": heartbeat");
            (await reader.ReadLineAsync()).ShouldBe("");
        }
    }
}
