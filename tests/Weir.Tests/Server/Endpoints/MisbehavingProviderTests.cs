using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Weir.Inference.Providers;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What providers do that they should not, over real sockets: the client gets a clear answer, and nobody else notices.</summary>
public sealed class MisbehavingProviderTests
{
    private const string Json = "content-type: application/json\r\n";

    public static TheoryData<string, string, int> Answers { get; } = new()
    {
        { "shorter than announced", $"HTTP/1.1 200 OK\r\n{Json}content-length: 100\r\n\r\n{{}}", 502 },
        { "not a chunk", $"HTTP/1.1 200 OK\r\n{Json}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n", 502 },
        { "chunk cut", $"HTTP/1.1 200 OK\r\n{Json}transfer-encoding: chunked\r\n\r\n10\r\n{{}}", 502 },
        { "204", "HTTP/1.1 204 No Content\r\n\r\n", 502 },
        { "205", "HTTP/1.1 205 Reset Content\r\ncontent-length: 2\r\n\r\n{}", 502 },
        { "304", "HTTP/1.1 304 Not Modified\r\n\r\n", 503 },
        { "redirect", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 503 },
        { "informational first", $"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n{Json}content-length: 2\r\n\r\n{{}}", 200 },
        { "longer than announced", $"HTTP/1.1 200 OK\r\n{Json}content-length: 2\r\n\r\n{{}}{{}}", 200 },
        { "no http", "SSH-2.0-OpenSSH_9.2\r\n", 502 },
        { "status 999", $"HTTP/1.1 999 No\r\n{Json}content-length: 2\r\n\r\n{{}}", 503 },
        { "header that ours cannot carry", $"HTTP/1.1 200 OK\r\n{Json}x-ratelimit-limit-requests: käse\r\nretry-after: é\r\ncontent-length: 2\r\n\r\n{{}}", 200 },
        { "content type that ours cannot carry", "HTTP/1.1 200 OK\r\ncontent-type: application/json; x=\"käse\"\r\ncontent-length: 2\r\n\r\n{}", 200 },
        { "error that is no text", Error(500, """{"error":{"message":"\ud800","code":"\udfff"}}"""), 500 },
        { "error with a name that is no text", Error(500, """{"\ud800rror":{"message":"x"}}"""), 500 },
        { "error packed", $"HTTP/1.1 400 Bad\r\n{Json}content-encoding: gzip\r\ncontent-length: 2\r\n\r\n\u001f\u0008", 400 },
        { "error empty", "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", 400 },
        { "usage with a name that is no text", $"HTTP/1.1 200 OK\r\n{Json}content-length: 33\r\n\r\n" + """{"usage":{"\ud800rompt_tokens":1}}"""[..33], 200 },
    };

    private static string Error(int status, string body) => $"HTTP/1.1 {status} Bad\r\n{Json}content-length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Chat_StrangeAnswer_IsPassedOnOrNamed(string name, string raw, int status)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync(raw);
            exchange.Close();
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);

        var answer = await gateway.ChatAsync();

        if (status == 200)
        {
            answer.Status.ShouldBe(200, name + "\n" + answer.Body);
        }
        else
        {
            answer.ShouldBeError(status).Code.ShouldNotBe("internal_error");
        }

        await gateway.OthersAreServedAsync();
        await gateway.NothingIsInFlightAsync();
    }

    [Fact]
    public async Task Chat_HeadersWithoutEnd_IsCutOff()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\n");
            for (var i = 0; ; i++)
            {
                await exchange.SendAsync($"x-{i}: {new string('x', 1000)}\r\n");
            }
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);

        (await gateway.ChatAsync()).ShouldBeError(502);
        await gateway.NothingIsInFlightAsync();
    }

    // A thousand million bytes, if anybody read them.
    [Theory]
    [InlineData(400, 400)]
    [InlineData(500, 500)]
    public async Task Chat_ErrorBodyWithoutEnd_IsCutOffAndExplained(int status, int expected)
    {
        var sent = 0L;
        var chunk = new string('x', 64 * 1024);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync($"HTTP/1.1 {status} No\r\n{Json}content-length: 1000000000\r\n\r\n");
            for (; sent < 1_000_000_000; sent += chunk.Length)
            {
                await exchange.SendAsync(chunk);
            }
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);

        (await gateway.ChatAsync()).ShouldBeError(expected).Message.Length.ShouldBeLessThan(1000);
        Interlocked.Read(ref sent).ShouldBeLessThan(100_000_000);
        await gateway.NothingIsInFlightAsync();
    }

    [Fact]
    public async Task Chat_FirstLineWithoutEnd_FlowsWithoutBeingHeld()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync("data: ");
            for (var i = 0; i < 4000; i++)
            {
                await exchange.ChunkAsync(new string('x', 1000));
            }

            await exchange.ChunkAsync("\n\ndata: [DONE]\n\n");
            await exchange.EndAsync();
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);

        var answer = await gateway.ChatAsync(""","stream":true""");

        answer.Status.ShouldBe(200);
        answer.Body.Count(letter => letter == 'x').ShouldBeGreaterThanOrEqualTo(4_000_000);
        answer.Body.ShouldContain("data: [DONE]");
    }

    // Kestrel, sending chunks, gives less memory than it is asked for: a long line must not be taken for the stream's end.
    [Theory]
    [InlineData(5_000)]
    [InlineData(20_000)]
    [InlineData(60_000)]
    public async Task Chat_LongLineInPieces_ArrivesWhole(int length)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("first");
            await exchange.ChunkAsync("data: ");
            for (var i = 0; i < length; i += 1000)
            {
                await exchange.ChunkAsync(new string('x', 1000));
                await Task.Delay(1);
            }

            await exchange.ChunkAsync("\n\ndata: [DONE]\n\n");
            await exchange.EndAsync();
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);
        using var client = new HttpClient { BaseAddress = gateway.Address };

        using var answer = await client.PostAsync("/v1/chat/completions", new StringContent("""{"model":"fast","stream":true}"""));

        (await answer.Content.ReadAsStringAsync()).ShouldBe($"data: first\n\ndata: {new string('x', length)}\n\ndata: [DONE]\n\n");
    }

    [Fact]
    public async Task Chat_StreamByteByByte_ArrivesWhole()
    {
        const string Events = "data: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\r\n\r\n: still here\r\n\r\ndata: [DONE]\r\n\r\n";
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
            foreach (var letter in Events)
            {
                await exchange.SendAsync(letter.ToString());
                await Task.Yield();
            }

            exchange.Close();
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);

        var answer = await gateway.ChatAsync(""","stream":true""");

        foreach (var line in new[] { "\"é\"", ": still here", "data: [DONE]" })
        {
            answer.Body.ShouldContain(line);
        }
    }

    [Fact]
    public async Task Chat_ProviderThatAnswersWithoutReading_IsNotWaitedForWithoutEnd()
    {
        using var listener = new TcpListener(IPAddress.Loopback, FreePort.Next());
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var socket = await listener.AcceptSocketAsync();
            await socket.SendAsync(Encoding.ASCII.GetBytes(Error(413, """{"error":{"message":"too large"}}""")));
            socket.Shutdown(SocketShutdown.Send);
            await Task.Delay(200);
        });
        await using var gateway = await GatewayUnderAttack.StartAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1");

        var answer = await gateway.ChatAsync($",\"x\":\"{new string('x', 250_000)}\"");

        // Whether the answer was seen before the connection was lost is the network's doing.
        answer.Status.ShouldBeOneOf(413, 502);
        answer.Body.ShouldContain(answer.Status == 413 ? "too large" : "provider_unreachable");
        await serving;
        await gateway.NothingIsInFlightAsync();
    }

    [Fact]
    public async Task Chat_Http2Provider_AnswersStreamsAndIsReset()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(listen => listen.Protocols = HttpProtocols.Http2));
        await using var provider = builder.Build();
        var begun = new TaskCompletionSource();
        var connections = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        provider.Run(async context =>
        {
            connections.TryAdd(context.Connection.Id, true);
            using var reader = new StreamReader(context.Request.Body);
            var body = await reader.ReadToEndAsync();
            if (body.Contains("reset", StringComparison.Ordinal))
            {
                if (body.Contains("late", StringComparison.Ordinal))
                {
                    context.Response.ContentType = "text/event-stream";
                    await context.Response.WriteAsync("data: {\"choices\":[]}\n\n");
                    await context.Response.Body.FlushAsync();
                    // A reset throws away what its receiver has not read.
                    await begun.Task;
                }

                context.Abort();
                return;
            }

            if (body.Contains("stream", StringComparison.Ordinal))
            {
                context.Response.ContentType = "text/event-stream";
                await context.Response.WriteAsync("data: {\"choices\":[]}\n\n");
                await context.Response.Body.FlushAsync();
                await context.Response.WriteAsync("data: [DONE]\n\n");
                return;
            }

            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(ScriptedUpstream.Answer);
        });
        await provider.StartAsync();
        await using var gateway = await GatewayUnderAttack.StartAsync(
            provider.Urls.First() + "/v1",
            new ProviderOptions { Connections = new ConnectionOptions { Http2 = Http2Mode.On }, Retry = new RetryOptions { Network = 0, Unavailable = 0 } });

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => gateway.ChatAsync(i % 2 == 0 ? "" : ""","stream":true""")));
        var reset = await gateway.ChatAsync(""","x":"reset" """);
        RawAnswer late;
        using (var client = new HttpClient { BaseAddress = gateway.Address })
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent("""{"model":"fast","stream":true,"x":"reset late"}""") })
        using (var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            begun.SetResult();
            late = new RawAnswer((int)response.StatusCode, "", await response.Content.ReadAsStringAsync());
        }


        answers.ShouldAllBe(answer => answer.Status == 200 && (answer.Body == ScriptedUpstream.Answer || answer.Body.Contains("[DONE]")));
        reset.ShouldBeError(502);
        late.Status.ShouldBe(200);
        late.Body.ShouldContain("stream_broken");
        (await gateway.ChatAsync()).Body.ShouldBe(ScriptedUpstream.Answer);
        connections.Count.ShouldBe(1, "requests share one connection");
        await gateway.NothingIsInFlightAsync();
    }
}
