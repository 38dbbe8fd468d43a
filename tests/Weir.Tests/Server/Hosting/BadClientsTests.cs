using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Hosting;

/// <summary>What clients do wrong, over real sockets: each gets a clear answer or is cut, and nobody else notices.</summary>
public sealed class BadClientsTests : IAsyncLifetime
{
    private const int MaxBody = 64 * 1024;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        Sockets = true,
        Weir = new WeirOptions { Server = new ServerOptions { MaxBody = new ByteSize(MaxBody), Drain = TimeSpan.Zero } },
        // Shorter than in production, so that a test need not wait as long; what production has is asserted below.
        Customize = b => b.Services.PostConfigure<KestrelServerOptions>(k =>
        {
            k.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
            k.Limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(1.5));
        }),
        Map = app => app.MapPost("/v1/chat/completions/echo", async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            await context.Response.WriteAsync(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }).Requires(Role.App),
    });

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Limits_OfAServerAsItIsBuilt_BoundSlowClients()
    {
        await using var server = await RunningServer.StartAsync();
        var limits = server.Service<IOptions<KestrelServerOptions>>().Value.Limits;

        limits.RequestHeadersTimeout.ShouldBe(TimeSpan.FromSeconds(15));
        limits.MinRequestBodyDataRate!.BytesPerSecond.ShouldBe(240);
        limits.MinRequestBodyDataRate.GracePeriod.ShouldBe(TimeSpan.FromSeconds(5));
        limits.MinResponseDataRate!.BytesPerSecond.ShouldBe(240);
        limits.MaxRequestHeadersTotalSize.ShouldBe(32 * 1024);
        limits.MaxRequestBodySize.ShouldBe(32 * 1024 * 1024);
        server.Service<IOptions<KestrelServerOptions>>().Value.AddServerHeader.ShouldBeFalse();
    }

    [Fact]
    public async Task Body_LargerThanAllowed_Is413InThePathsShape()
    {
        var answer = await ExchangeAsync($"POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MaxBody + 1}\r\n\r\n");

        answer.ShouldStartWith("HTTP/1.1 413");
        answer.ShouldContain("\"error\":{");
        answer.ShouldContain("body_too_large");
        answer.ShouldContain(MaxBody.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task ChunkedBody_LargerThanAllowed_Is413()
    {
        var chunk = new string('x', 0x2000);
        var body = string.Concat(Enumerable.Repeat($"2000\r\n{chunk}\r\n", 9));

        var answer = await ExchangeAsync("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body);

        answer.ShouldStartWith("HTTP/1.1 413");
        answer.ShouldContain("body_too_large");
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task ChunkedBody_Malformed_Is400InThePathsShape()
    {
        var answer = await ExchangeAsync("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnot-a-size\r\n");

        answer.ShouldStartWith("HTTP/1.1 400");
        answer.ShouldContain("\"error\":{");
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task Body_ThatDrips_Is408AndCut()
    {
        var answer = await ExchangeAsync("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{");

        answer.ShouldStartWith("HTTP/1.1 408");
        answer.ShouldContain("body_too_slow");
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task Headers_ThatNeverEnd_AreCut()
    {
        var answer = await ExchangeAsync("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");

        (answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal)).ShouldBeTrue(answer);
        await OthersAreServedAsync();
    }

    [Theory]
    [InlineData(40_000, 1)]
    [InlineData(10, 150)]
    public async Task Headers_TooLargeOrTooMany_Are431(int length, int count)
    {
        var headers = string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {new string('x', length)}\r\n"));

        var answer = await ExchangeAsync($"GET /health/live HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");

        answer.ShouldStartWith("HTTP/1.1 431");
        await OthersAreServedAsync();
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("GET /health/live HTTP/1.1\r\n\r\n")]
    [InlineData("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    public async Task Request_ThatIsNoHttp_Is400(string request)
    {
        (await ExchangeAsync(request)).ShouldStartWith("HTTP/1.1 400");
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task Clients_ThatVanish_LeaveNothingInFlight()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        const string Request = "POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n";
        for (var i = 0; i < 100; i++)
        {
            using var socket = await ConnectAsync();
            var whole = Encoding.ASCII.GetBytes(Request + new string('x', 4000));
            await socket.SendAsync(whole.AsMemory(0, random.Next(whole.Length)));
            // Half of them with a reset, half with a close.
            if (random.Next(2) == 0) socket.LingerState = new LingerOption(true, 0);
        }

        await Eventually.TrueAsync(() => _server.Service<Drain>().InFlight == 0);
        await OthersAreServedAsync();
    }

    [Fact]
    public async Task SlowClients_Many_KeepNobodyElseWaiting()
    {
        var slow = new List<Socket>();
        try
        {
            for (var i = 0; i < 200; i++)
            {
                var socket = await ConnectAsync();
                slow.Add(socket);
                await socket.SendAsync(Encoding.ASCII.GetBytes("POST /v1/chat/completions/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"));
            }

            for (var i = 0; i < 20; i++) await OthersAreServedAsync();
        }
        finally
        {
            foreach (var socket in slow) socket.Dispose();
        }
    }

    private async Task OthersAreServedAsync()
    {
        using var answer = await _server.Client.PostAsync("/v1/chat/completions/echo", new StringContent("hello"));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await answer.Content.ReadAsStringAsync()).ShouldBe("5");
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, _server.Address.Port);
        return socket;
    }

    // Sends, then reads until the server ends the connection or has answered whole.
    private async Task<string> ExchangeAsync(string request)
    {
        using var socket = await ConnectAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var received = new StringBuilder();
        try
        {
            await socket.SendAsync(Encoding.Latin1.GetBytes(request), limit.Token);
            var buffer = new byte[4096];
            while (true)
            {
                var read = await socket.ReceiveAsync(buffer, limit.Token);
                if (read == 0) break;
                received.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (SocketException)
        {
            // Cut with a reset: what came before it counts.
        }

        return received.ToString();
    }
}
