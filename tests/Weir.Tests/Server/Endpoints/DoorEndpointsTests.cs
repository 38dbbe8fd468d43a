using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class DoorEndpointsTests : IAsyncLifetime
{
    private const string Resource = "remote:box.a.0";

    private readonly MemoryStateStore _store = new(new StateOptions(), TimeProvider.System);
    // A server that takes long to refuse is waited for: a client that has begun to send may lose the answer.
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false, Expect100ContinueTimeout = TimeSpan.FromMinutes(1) });
    private readonly List<IAsyncDisposable> _opened = [];
    private DoorServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await DoorServer.StartAsync(_store);

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (var opened in _opened)
            await opened.DisposeAsync();
        await _server.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Request_GoesOnWithoutRightsOfHereAndWithWhatTheEndpointNeeds()
    {
        var method = "";
        var headers = new Dictionary<string, string>();
        var fence = await LeaseAsync(
            context =>
            {
                method = context.Request.Method;
                headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
                headers["target"] = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
                context.Response.Headers["x-own"] = "yes";
                context.Response.Headers.SetCookie = "session=1; Path=/; Domain=example.org; HttpOnly";
                context.Response.StatusCode = 418;
                return context.Response.WriteAsync("tea");
            },
            basePath: "/base", headers: new() { ["Authorization"] = "Basic c2VjcmV0", ["x-own"] = "mine" });

        using var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/a%2Fb//c?q=a&x-weir-token=no");
        request.Headers.TryAddWithoutValidation("x-api-key", "weir_secret");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "6.6.6.6");
        request.Headers.TryAddWithoutValidation("x-own", "theirs");
        request.Headers.TryAddWithoutValidation("x-other", "kept");
        request.Headers.TryAddWithoutValidation("Cookie", "weir_session=1; theirs=2");
        request.Headers.TryAddWithoutValidation("Connection", "x-hop");
        request.Headers.TryAddWithoutValidation("x-hop", "1");
        using var answer = await _client.SendAsync(request, CancellationToken.None);

        ((int)answer.StatusCode).ShouldBe(418);
        (await answer.Content.ReadAsStringAsync()).ShouldBe("tea");
        answer.Headers.GetValues("x-own").ShouldBe(["yes"]);
        answer.Headers.GetValues("x-request-id").Single().ShouldStartWith("req_");
        answer.Headers.GetValues("Set-Cookie").ShouldBe([$"session=1; HttpOnly; Path=/doors/{Resource}"]);
        headers["target"].ShouldBe("/base/a%2Fb//c?q=a&x-weir-token=no");
        headers["Authorization"].ShouldBe("Basic c2VjcmV0");
        headers["x-own"].ShouldBe("mine");
        headers["x-other"].ShouldBe("kept");
        headers["Cookie"].ShouldBe("theirs=2");
        headers["X-Forwarded-For"].ShouldNotContain("6.6.6.6");
        headers["X-Forwarded-Prefix"].ShouldBe("/doors/" + Resource);
        headers["Host"].ShouldStartWith("127.0.0.1:");
        headers.Keys.ShouldNotContain("x-api-key");
        headers.Keys.ShouldNotContain("x-hop");
        headers.Values.ShouldNotContain(value => value.Contains("weirdoor_", StringComparison.Ordinal));
        method.ShouldBe("GET");
    }

    [Fact]
    public async Task Request_WithoutOrWithAnothersToken_NeverReachesTheResource()
    {
        var reached = 0;
        var fence = await LeaseAsync(_ =>
        {
            reached++;
            return Task.CompletedTask;
        });
        var token = _server.Doors.TokenOf(Resource, "l1", fence);

        foreach (var (path, header, expected) in ((string, string?, int)[])
        [
            ("/x", null, 401), ("/x", "Bearer weir_key", 401), ("/x?token=" + token, null, 401), ("/x", "Bearer " + _server.Doors.TokenOf("remote:box.a.1", "l1", fence), 401),
            ("/x", "Bearer " + _server.Doors.TokenOf(Resource, "l1", fence - 1), 410), ("/%2e%2e/x", "Bearer " + token, 400), ("/-/initialise", "Bearer " + token, 401),
        ])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Address.AbsoluteUri.TrimEnd('/') + "/doors/" + Resource + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
            if (header is not null)
                request.Headers.TryAddWithoutValidation("Authorization", header);
            using var answer = await _client.SendAsync(request, CancellationToken.None);
            ((int)answer.StatusCode).ShouldBe(expected, path + header);
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
            (await answer.Content.ReadAsStringAsync()).ShouldNotContain(token);
        }

        reached.ShouldBe(0);
        await _server.Fleet.EndAsync(Resource, "l1");
        await _server.Fleet.ReadAllAsync();
        (await CodeAsync(fence, "/x")).ShouldBe((410, "lease_ended"));
    }

    [Fact]
    public async Task Stream_OfEvents_ComesAsItIsSaid()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var fence = await LeaseAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: one\n\n");
            await context.Response.Body.FlushAsync();
            await go.Task;
            await context.Response.WriteAsync("data: two\n\n");
        });

        using var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/events");
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        (await lines.ReadLineAsync()).ShouldBe("data: one");
        go.SetResult();
        (await lines.ReadToEndAsync()).ShouldContain("data: two");
    }

    [Fact]
    public async Task Stream_OfVeryMuch_IsNotHeldInMemory()
    {
        const long Length = 400L << 20;
        var written = 0L;
        var fence = await LeaseAsync(async context =>
        {
            if (context.Request.Method == "POST")
            {
                var read = 0L;
                var buffer = new byte[64 << 10];
                while (await context.Request.Body.ReadAsync(buffer) is var n and > 0)
                    read += n;
                await context.Response.WriteAsync($"{read}");
                return;
            }

            context.Response.ContentLength = Length;
            var piece = new byte[1 << 20];
            for (var i = 0L; i < Length; i += piece.Length)
            {
                await context.Response.Body.WriteAsync(piece);
                Interlocked.Add(ref written, piece.Length);
            }
        });

        using var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/large");
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        answer.Content.Headers.ContentLength.ShouldBe(Length);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        // Nobody reads yet, and so whoever writes comes to a stand.
        for (var before = -1L; before != Interlocked.Read(ref written);)
        {
            before = Interlocked.Read(ref written);
            await Task.Delay(100);
        }

        Interlocked.Read(ref written).ShouldBeLessThan(Length / 4);
        var total = 0L;
        var held = new byte[64 << 10];
        while (await stream.ReadAsync(held) is var read and > 0)
            total += read;

        total.ShouldBe(Length);
        // Upwards, in chunks without a length.
        using var upload = _server.Request(HttpMethod.Post, Resource, "l1", fence, "/large", new StreamContent(new ZeroStream(20 << 20)));
        upload.Headers.TransferEncodingChunked = true;
        using var counted = await _client.SendAsync(upload, CancellationToken.None);
        (await counted.Content.ReadAsStringAsync()).ShouldBe($"{20 << 20}");
        // The server's own bound on bodies holds at doors too.
        using var tooLarge = _server.Request(HttpMethod.Post, Resource, "l1", fence, "/large", new StreamContent(new ZeroStream(33 << 20)));
        tooLarge.Headers.ExpectContinue = true;
        using var refused = await _client.SendAsync(tooLarge, CancellationToken.None);
        refused.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Answers_WithoutBodies_ComeThrough()
    {
        var fence = await LeaseAsync(async context =>
        {
            switch (context.Request.Path.Value)
            {
                case "/head":
                    context.Response.ContentLength = 1234;
                    break;
                case "/none":
                    context.Response.StatusCode = 204;
                    break;
                case "/same":
                    context.Response.StatusCode = 304;
                    context.Response.Headers.ETag = "\"1\"";
                    break;
                default:
                    context.Response.Redirect("/elsewhere?x=1");
                    break;
            }

            await context.Response.CompleteAsync();
        });

        using var head = await SendAsync(HttpMethod.Head, fence, "/head");
        head.Content.Headers.ContentLength.ShouldBe(1234);
        using var none = await SendAsync(HttpMethod.Delete, fence, "/none");
        none.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using var same = await SendAsync(HttpMethod.Get, fence, "/same");
        (same.StatusCode, same.Headers.ETag!.Tag).ShouldBe((HttpStatusCode.NotModified, "\"1\""));
        using var moved = await SendAsync(HttpMethod.Get, fence, "/moved");
        (moved.StatusCode, moved.Headers.Location!.OriginalString).ShouldBe((HttpStatusCode.Found, $"/doors/{Resource}/elsewhere?x=1"));
    }

    [Fact]
    public async Task Trailers_WhichTheServerCannotSend_AreLeftOutOfAnAnswerThatIsWholeWithoutThem()
    {
        using var listener = new TcpListener(IPAddress.Loopback, FreePort.Next());
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var accepted = await listener.AcceptTcpClientAsync();
            await accepted.GetStream().ReadExactlyAsync(new byte[16]);
            await accepted.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n"u8.ToArray());
            _ = await accepted.GetStream().ReadAsync(new byte[4096]);
        });
        var fence = await LeaseAtAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

        using var trailed = await SendAsync(HttpMethod.Get, fence, "/trailers");

        (await trailed.Content.ReadAsStringAsync()).ShouldBe("body");
        trailed.Headers.Contains("Trailer").ShouldBeFalse();
        await serving;
    }

    [Fact]
    public async Task Upstream_ThatIsNotThere_OrIsNoHttp_OrDies_IsAnErrorOrABrokenAnswer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, FreePort.Next());
        listener.Start();
        var script = "garbage\r\n\r\n";
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var accepted = await listener.AcceptTcpClientAsync();
                await accepted.GetStream().ReadExactlyAsync(new byte[16]);
                await accepted.GetStream().WriteAsync(Encoding.ASCII.GetBytes(script));
            }
        });
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var fence = await LeaseAtAsync($"http://127.0.0.1:{port}");

        (await CodeAsync(fence, "/x")).ShouldBe((502, "upstream_broken"));
        script = "";
        (await CodeAsync(fence, "/x")).ShouldBe((502, "upstream_broken"));
        script = $"HTTP/1.1 200 OK\r\nx-large: {new string('x', 100_000)}\r\n\r\n";
        (await CodeAsync(fence, "/x")).ShouldBe((502, "upstream_broken"));
        script = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it";
        // The reset may overtake what was said before it.
        await Should.ThrowAsync<Exception>(async () =>
        {
            using var half = await SendAsync(HttpMethod.Get, fence, "/x");
            await half.Content.ReadAsStringAsync();
        });

        listener.Stop();
        (await CodeAsync(fence, "/x")).ShouldBe((502, "upstream_unreachable"));
        await Should.ThrowAsync<Exception>(() => serving);
    }

    [Fact]
    public async Task Upstream_ThatRefusesAnUploadAtItsHead_IsHeard()
    {
        var fence = await LeaseAsync(context =>
        {
            // Nothing of the body is read.
            context.Response.StatusCode = 413;
            context.Response.Headers.Connection = "close";
            return context.Response.WriteAsync("too much");
        });

        foreach (var body in (HttpContent[])[new StreamContent(new ZeroStream(20 << 20)), new ByteArrayContent(new byte[20 << 20])])
        {
            using var request = _server.Request(HttpMethod.Post, Resource, "l1", fence, "/large", body);
            request.Headers.ExpectContinue = true;
            using var answer = await _client.SendAsync(request, CancellationToken.None);
            (answer.StatusCode, await answer.Content.ReadAsStringAsync()).ShouldBe((HttpStatusCode.RequestEntityTooLarge, "too much"));
        }
    }

    [Fact]
    public async Task Headers_BeyondAscii_ComeThroughBothWays()
    {
        var told = "";
        var fence = await LeaseAsync(context =>
        {
            told = context.Request.Headers["x-name"].ToString();
            context.Response.Headers["x-plain"] = "yes";
            return Task.CompletedTask;
        });
        using (var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/"))
        {
            request.Headers.TryAddWithoutValidation("x-name", "naïve 名");
            using var answer = await new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 }).SendAsync(request, CancellationToken.None);
            answer.Headers.GetValues("x-plain").ShouldBe(["yes"]);
        }

        told.ShouldBe("naïve 名");
        using var listener = new TcpListener(IPAddress.Loopback, FreePort.Next());
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var accepted = await listener.AcceptTcpClientAsync();
            await accepted.GetStream().ReadExactlyAsync(new byte[16]);
            byte[] said = [.. Encoding.UTF8.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Disposition: attachment; filename=naïve.txt\r\nx-latin: "), 0xE9, .. "\r\nx-plain: yes\r\n\r\n"u8];
            await accepted.GetStream().WriteAsync(said);
            _ = await accepted.GetStream().ReadAsync(new byte[4096]);
        });
        await _server.Fleet.EndAsync(Resource, "l1");
        await _server.Fleet.DefineAsync("remote:raw", new KindOptions { Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}" }] });
        var raw = await _server.Fleet.GrantAsync("remote:raw.a.0", "l2");
        using (var request = _server.Request(HttpMethod.Get, "remote:raw.a.0", "l2", raw, "/"))
        {
            using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, ResponseHeaderEncodingSelector = (_, _) => Encoding.UTF8 });
            using var answer = await client.SendAsync(request, CancellationToken.None);
            answer.Content.Headers.NonValidated["Content-Disposition"].ToString().ShouldBe("attachment; filename=naïve.txt");
            answer.Headers.NonValidated.Contains("x-latin").ShouldBeFalse("it cannot be said again as it was");
            answer.Headers.GetValues("x-plain").ShouldBe(["yes"]);
        }

        await serving;
    }

    [Fact]
    public async Task Upstream_ThatIsSilent_IsGivenUpWithAnErrorBeforeItsAnswerAndABreakWithinIt()
    {
        // Each has one short limit: on a busy machine a head that comes may come later than it.
        await using var brief = await DoorServer.StartAsync(_store, services => services.AddSingleton(new ForwardLimits { HeadWithin = TimeSpan.FromMilliseconds(300) }));
        await using var idle = await DoorServer.StartAsync(_store, services => services.AddSingleton(new ForwardLimits { IdleWithin = TimeSpan.FromMilliseconds(300) }));
        var fence = await LeaseAsync(async context =>
        {
            if (context.Request.Path == "/half")
            {
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
            }

            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        await brief.Fleet.ReadAllAsync();
        await idle.Fleet.ReadAllAsync();

        using var silent = brief.Request(HttpMethod.Get, Resource, "l1", fence, "/silent");
        using var late = await _client.SendAsync(silent, CancellationToken.None);
        ((int)late.StatusCode, (await late.Content.ReadAsStringAsync()).Contains("upstream_timeout", StringComparison.Ordinal)).ShouldBe((504, true));
        using var halting = idle.Request(HttpMethod.Get, Resource, "l1", fence, "/half");
        await Should.ThrowAsync<Exception>(async () =>
        {
            using var half = await _client.SendAsync(halting, CancellationToken.None);
            await half.Content.ReadAsStringAsync();
        });
    }

    [Fact]
    public async Task Stop_WithRequestsUnderWay_WaitsForTheDrainAndCutsThem()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await DoorServer.StartAsync(_store, options: new WeirOptions { Server = new ServerOptions { Drain = TimeSpan.FromMilliseconds(300) } });
        var fence = await LeaseAsync(async context =>
        {
            await context.Response.Body.FlushAsync();
            await using var registration = context.RequestAborted.Register(() => ended.TrySetResult());
            await ended.Task;
        });
        await server.Fleet.ReadAllAsync();
        using var request = server.Request(HttpMethod.Get, Resource, "l1", fence, "/");
        using var open = await _client.SendAsync(request, CancellationToken.None);

        await server.DisposeAsync();

        await Should.ThrowAsync<Exception>(() => open.Content.ReadAsStringAsync());
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Client_ThatLeaves_EndsTheRequestBehindTheDoor()
    {
        var (begun, ended) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var fence = await LeaseAsync(async context =>
        {
            await using var registration = context.RequestAborted.Register(() => ended.TrySetResult());
            begun.SetResult();
            await ended.Task;
        });

        using var leaves = new CancellationTokenSource();
        using var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/slow");
        var asking = _client.SendAsync(request, leaves.Token);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => asking);

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Lease_ThatEnds_CutsWhatIsUnderWay()
    {
        var begun = new SemaphoreSlim(0);
        var fence = await LeaseAsync(async context =>
        {
            if (context.Request.Path == "/stream")
                await context.Response.Body.FlushAsync();
            begun.Release();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });

        using var request = _server.Request(HttpMethod.Get, Resource, "l1", fence, "/silent");
        var silent = _client.SendAsync(request, CancellationToken.None);
        using var streaming = await SendAsync(HttpMethod.Get, fence, "/stream");
        await begun.WaitAsync();
        await begun.WaitAsync();
        await _server.Fleet.EndAsync(Resource, "l1");

        using var answer = await silent;
        (await answer.Content.ReadAsStringAsync()).ShouldContain("lease_ended");
        answer.StatusCode.ShouldBe(HttpStatusCode.Gone);
        await Should.ThrowAsync<Exception>(() => streaming.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task WebSocket_EchoesBothWaysWithCloseCodesAndIsCutAtTheEnd()
    {
        var fence = await LeaseAsync(async context =>
        {
            context.Request.Headers.SecWebSocketProtocol.ToString().ShouldNotContain("weir");
            var chosen = context.WebSockets.WebSocketRequestedProtocols.Contains("chat") ? "chat" : null;
            using var socket = await context.WebSockets.AcceptWebSocketAsync(chosen);
            var buffer = new byte[128 << 10];
            while (true)
            {
                var got = await socket.ReceiveAsync(buffer, context.RequestAborted);
                if (got.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseOutputAsync((WebSocketCloseStatus)4123, "was " + (int)got.CloseStatus!, CancellationToken.None);
                    return;
                }

                await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
            }
        });
        var token = _server.Doors.TokenOf(Resource, "l1", fence);

        using (var socket = await ConnectAsync("weir", "weir.token." + token))
        {
            socket.SubProtocol.ShouldBe("weir");
            var sent = Enumerable.Range(0, 100_000).Select(i => (byte)i).ToArray();
            await socket.SendAsync(sent, WebSocketMessageType.Binary, true, CancellationToken.None);
            (await ReceiveAsync(socket)).ShouldBe(sent);
            await socket.CloseAsync((WebSocketCloseStatus)4001, "done", CancellationToken.None);
            ((int)socket.CloseStatus!, socket.CloseStatusDescription).ShouldBe((4123, "was 4001"));
        }

        using (var chosen = await ConnectAsync("chat", "weir.token." + token))
            chosen.SubProtocol.ShouldBe("chat");

        using var last = await ConnectAsync("weir.token." + token);
        await last.SendAsync("x"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        (await ReceiveAsync(last)).ShouldBe("x"u8.ToArray());
        await _server.Fleet.EndAsync(Resource, "l1");
        await Should.ThrowAsync<WebSocketException>(() => ReceiveAsync(last));

        var refused = await Should.ThrowAsync<WebSocketException>(() => ConnectAsync("weir.token." + token));
        refused.Message.ShouldContain("410");
    }

    private static async Task<byte[]> ReceiveAsync(WebSocket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[16 << 10];
        while (true)
        {
            var got = await socket.ReceiveAsync(buffer, CancellationToken.None);
            all.Write(buffer, 0, got.Count);
            if (got.EndOfMessage)
                return all.ToArray();
        }
    }

    private async Task<ClientWebSocket> ConnectAsync(params string[] protocols)
    {
        var socket = new ClientWebSocket();
        foreach (var protocol in protocols)
            socket.Options.AddSubProtocol(protocol);
        await socket.ConnectAsync(new UriBuilder(_server.Address) { Scheme = "ws", Path = $"/doors/{Resource}/ws" }.Uri, CancellationToken.None);
        return socket;
    }

    private async Task<long> LeaseAsync(RequestDelegate serve, string basePath = "", Dictionary<string, string>? headers = null)
    {
        var upstream = await Upstream.StartAsync(serve);
        _opened.Add(upstream);
        return await LeaseAtAsync(upstream.Address + basePath, headers);
    }

    private async Task<long> LeaseAtAsync(string address, Dictionary<string, string>? headers = null)
    {
        await _server.Fleet.DefineAsync("remote:box", new KindOptions { Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = address, Headers = headers ?? [] }] });
        var fence = await _server.Fleet.GrantAsync(Resource, "l1");
        await _server.Fleet.ReadAllAsync();
        return fence;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, long fence, string path)
    {
        using var request = _server.Request(method, Resource, "l1", fence, path);
        return await _client.SendAsync(request, CancellationToken.None);
    }

    private async Task<(int Status, string Code)> CodeAsync(long fence, string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, fence, path);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return ((int)answer.StatusCode, body.RootElement.GetProperty("code").GetString()!);
    }

    private sealed class ZeroStream(long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(count, _left);
            Array.Clear(buffer, offset, read);
            _left -= read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
