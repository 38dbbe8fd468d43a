using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Weir.Inference.Providers;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Each fault of a provider, for each client at providers of each dialect, streamed and not: what the client sees of it, and that nobody else does.</summary>
public sealed class TranslatedFaultsTests
{
    private const string Json = "content-type: application/json\r\n";
    private const string Events = "content-type: text/event-stream\r\n";
    private const int Huge = 100_000_000;

    private static readonly string Deep = new string('[', 3000) + new string(']', 3000);

    /// <summary>What a client may see.</summary>
    [Flags]
    private enum Seen
    {
        /// <summary>A status that is an error, before anything of the answer.</summary>
        Refusal = 1,

        /// <summary>A stream that ends in an error event.</summary>
        Error = 2,

        /// <summary>A whole answer.</summary>
        Answer = 4,
    }

    public static TheoryData<string, Dialect> Pairs { get; } = new()
    {
        { "chat/completions", Dialect.OpenAI }, { "chat/completions", Dialect.Anthropic },
        { "messages", Dialect.OpenAI }, { "messages", Dialect.Anthropic },
        { "responses", Dialect.OpenAI }, { "responses", Dialect.Anthropic },
    };

    // Each: its name, what is done to the connection, and what may come of it where client and provider speak the same, and where they do not.
    private static IEnumerable<(string Name, bool Stream, Func<Exchange, Task> Step, Seen Same, Seen Translated)> Faults(Dialect dialect)
    {
        var isChat = dialect == Dialect.OpenAI;
        var body = isChat ? """{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"""
            : """{"id":"1","type":"message","role":"assistant","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""";
        var first = isChat ? Event("""{"id":"1","choices":[{"index":0,"delta":{"content":"hel"}}]}""")
            : Event("""{"type":"message_start","message":{"id":"1","usage":{"input_tokens":1,"output_tokens":1}}}""") + Event("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""")
            + Event("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hel"}}""");
        var last = isChat ? Event("[DONE]") : Event("""{"type":"message_stop"}""");
        var error = isChat ? """{"error":{"message":"went wrong","type":"server_error","code":"x"}}""" : """{"type":"error","error":{"type":"api_error","message":"went wrong"}}""";
        var redirect = "HTTP/1.1 302 Found\r\nlocation: /v1/elsewhere\r\ncontent-length: 0\r\n\r\n";

        foreach (var stream in new[] { false, true })
        {
            yield return ("closed before the head", stream, Closing(""), Seen.Refusal, Seen.Refusal);
            yield return ("reset before the head", stream, Resetting(""), Seen.Refusal, Seen.Refusal);
            yield return ("reset in the head", stream, Resetting("HTTP/1.1 200 OK\r\ncontent-ty"), Seen.Refusal, Seen.Refusal);
            yield return ("reset after the head", stream, Resetting($"HTTP/1.1 200 OK\r\n{(stream ? Events : Json)}content-length: 500\r\n\r\n"), Seen.Refusal, Seen.Refusal);
            yield return ("garbage for HTTP", stream, Closing("\u0001\u0002\u0003\r\n\r\n"), Seen.Refusal, Seen.Refusal);
            yield return ("redirect", stream, Closing(redirect), Seen.Refusal, Seen.Refusal);
            yield return ("a login page", stream, Whole("content-type: text/html\r\n", "<html>log in</html>"), Seen.Refusal, Seen.Refusal);
            yield return ("garbage", stream, Whole(Json, "no json"), Seen.Refusal, Seen.Refusal);
            yield return ("an empty body", stream, Whole(Json, ""), Seen.Refusal, Seen.Refusal);
            yield return ("200 with an error", stream, Whole(Json, error), Seen.Refusal, Seen.Refusal);
            yield return ("200 with an error in lines", stream, Whole(Json, error.Replace(":", " :\n ", StringComparison.Ordinal).Replace("{", "{\n  ", StringComparison.Ordinal)), Seen.Refusal, Seen.Refusal);
            yield return ("a status of 500 with garbage", stream, Closing($"HTTP/1.1 500 No\r\n{Json}content-length: 4\r\n\r\n\"\\ud"), Seen.Refusal, Seen.Refusal);
            yield return ("a status of 400 with garbage", stream, Closing($"HTTP/1.1 400 No\r\n{Json}content-length: 4\r\n\r\n\"\\ud"), Seen.Refusal, Seen.Refusal);
            yield return ("headers without end", stream, EndlessHeadersAsync, Seen.Refusal, Seen.Refusal);
        }

        yield return ("the other kind", true, Whole(Json, body), Seen.Refusal, Seen.Refusal);
        yield return ("the other kind", false, Whole(Events, first + last), Seen.Refusal, Seen.Refusal);
        yield return ("truncated JSON", false, Whole(Json, body[..^20]), Seen.Refusal, Seen.Refusal);
        yield return ("shorter than announced", false, Closing($"HTTP/1.1 200 OK\r\n{Json}content-length: 9999\r\n\r\n{body}"), Seen.Refusal, Seen.Refusal);
        yield return ("reset in the body", false, Resetting($"HTTP/1.1 200 OK\r\n{Json}content-length: 9999\r\n\r\n{body[..30]}"), Seen.Refusal, Seen.Refusal);
        yield return ("wrong content type", false, Whole("content-type: text/plain\r\n", body), Seen.Answer, Seen.Answer);
        yield return ("an object of another kind", false, Whole(Json, """{"hello":["world"]}"""), Seen.Answer, Seen.Refusal);
        yield return ("other types in every field", false, Whole(Json, """{"id":7,"choices":{"message":[]},"content":"x","usage":[]}"""), Seen.Answer, Seen.Refusal);
        yield return ("deep JSON", false, Whole(Json, body[..^1] + $",\"x\":{Deep}}}"), Seen.Answer, Seen.Refusal);
        yield return ("duplicate fields", false, Whole(Json, body[..^1] + $",\"id\":\"2\",{body[1..]}"), Seen.Answer, Seen.Answer);
        yield return ("invalid UTF-8", false, Bytes(Json, body.Replace("hello", "h\u00ffllo", StringComparison.Ordinal)), Seen.Answer, Seen.Refusal);

        yield return ("no terminator", true, Whole(Events, first), Seen.Error, Seen.Error);
        yield return ("no event", true, Whole(Events, ": nothing\n\n"), Seen.Refusal, Seen.Refusal);
        yield return ("two terminators", true, Whole(Events, first + last + last), Seen.Answer, Seen.Answer);
        yield return ("events after the terminator", true, Whole(Events, first + last + first), Seen.Answer, Seen.Answer);
        yield return ("a terminator without its line break", true, Whole(Events, first + last.TrimEnd('\n')), isChat ? Seen.Answer : Seen.Error | Seen.Answer, Seen.Answer);
        yield return ("reset in the stream", true, LaterAsync(first, exchange => exchange.Reset()), Seen.Error, Seen.Error);
        yield return ("reset in an event", true, LaterAsync(first + "data: {\"cho", exchange => exchange.Reset()), Seen.Error, Seen.Error);
        yield return ("closed in an event", true, LaterAsync(first + "data: {\"cho", exchange => exchange.Close()), Seen.Error, Seen.Error);
        yield return ("an error first", true, Whole(Events, Event(error)), Seen.Refusal, Seen.Refusal);
        yield return ("an event that is no JSON", true, Whole(Events, first + Event("{nonsense") + last), Seen.Answer, Seen.Error);
        yield return ("an event of other types", true, Whole(Events, first + Event("""{"type":7,"choices":7}""") + last), Seen.Answer, Seen.Answer | Seen.Error);
        yield return ("a deep event", true, Whole(Events, first + Event($"{{\"type\":\"ping2\",\"choices\":{Deep}}}") + last), Seen.Answer, Seen.Error);
        yield return ("invalid UTF-8 in an event", true, Bytes(Events, first.Replace("hel", "h\u00ffl", StringComparison.Ordinal) + last), Seen.Answer, Seen.Error);
        yield return ("a huge event", true, Whole(Events, first + Event($"{{\"x\":\"{new string('x', 5_000_000)}\"}}") + last), Seen.Answer, Seen.Error);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Ask_FaultOfAnyKind_IsSeenInTheDialectOfTheClient(string path, Dialect dialect)
    {
        foreach (var (name, stream, step, same, translated) in Faults(dialect))
        {
            await using var upstream = new ScriptedUpstream(exchange =>
                exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal) ? exchange.RespondAsync(404, """{"detail":"Not Found"}""") : step(exchange));
            await using var gateway = await GatewayUnderAttack.StartAsync(
                upstream.BaseUrl, new() { Dialect = dialect, Retry = new RetryOptions { Network = 0, Unavailable = 0, RateLimited = 0 } });

            var (status, body) = await AskAsync(gateway, path, stream);

            var isSame = path == (dialect == Dialect.OpenAI ? "chat/completions" : "messages");
            var seen = See(path, stream, status, body, isSame);
            ((isSame ? same : translated) & seen).ShouldNotBe((Seen)0, $"{name}, {(stream ? "streamed" : "whole")}: {seen}, {status}\n{body[..Math.Min(body.Length, 2000)]}");
            upstream.Requests.ShouldAllBe(request => !request.Path.EndsWith("/elsewhere", StringComparison.Ordinal), "redirects are not followed");
            await gateway.OthersAreServedAsync();
            await gateway.NothingIsInFlightAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Ask_HundredMegabytes_AreNotHeld(string path, Dialect dialect)
    {
        foreach (var stream in new[] { false, true })
        {
            var sent = 0L;
            var chunk = new string('x', 64 * 1024);
            await using var upstream = new ScriptedUpstream(async exchange =>
            {
                if (exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal))
                {
                    await exchange.RespondAsync(404, """{"detail":"Not Found"}""");
                    return;
                }

                await exchange.SendAsync($"HTTP/1.1 200 OK\r\n{(stream ? Events : Json)}content-length: {Huge + 100}\r\n\r\n{(stream ? "data: " : "")}{{\"x\":\"");
                for (; sent < Huge; sent += chunk.Length)
                    await exchange.SendAsync(chunk);
                exchange.Close();
            });
            await using var gateway = await GatewayUnderAttack.StartAsync(
                upstream.BaseUrl, new() { Dialect = dialect, Retry = new RetryOptions { Network = 0, Unavailable = 0 } });
            var isSame = path == (dialect == Dialect.OpenAI ? "chat/completions" : "messages");
            using var client = new HttpClient { BaseAddress = gateway.Address };
            using var request = Request(path, stream);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (isSame)
            {
                // It flows through: bounded by what the client reads.
                await using var reading = await response.Content.ReadAsStreamAsync();
                var buffer = new byte[64 * 1024];
                var most = 0L;
                try
                {
                    for (var total = 0L; await reading.ReadAsync(buffer) is > 0 and var count; total += count)
                        most = Math.Max(most, Interlocked.Read(ref sent) - total);
                }
                catch (HttpIOException)
                {
                    // It was never whole.
                }

                most.ShouldBeLessThan(40_000_000, "what is between the two sockets");
            }
            else
            {
                ((int)response.StatusCode).ShouldBe(stream ? 200 : 502);
                (await response.Content.ReadAsStringAsync()).Length.ShouldBeLessThan(10_000);
                Interlocked.Read(ref sent).ShouldBeLessThan(60_000_000);
            }

            await gateway.OthersAreServedAsync();
            await gateway.NothingIsInFlightAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Ask_NobodyThere_IsNamed(string path, Dialect dialect)
    {
        using var certificate = SelfSigned();
        using var listener = new TcpListener(IPAddress.Loopback, FreePort.Next());
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var serving = ServeTlsAsync(listener, certificate);
        var closed = new TcpListener(IPAddress.Loopback, FreePort.Next());
        closed.Start();
        var nobody = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        foreach (var (address, why) in new[]
        {
            ($"https://127.0.0.1:{port}/v1", "TLS could not be agreed"),
            ($"http://127.0.0.1:{nobody}/v1", "does not accept connections"),
            ("http://nobody.invalid/v1", "does not resolve"),
        })
        {
            foreach (var stream in new[] { false, true })
            {
                await using var gateway = await GatewayUnderAttack.StartAsync(address, new() { Dialect = dialect, Retry = new RetryOptions { Network = 0, Unavailable = 0 }, Timeouts = new TimeoutOptions { Connect = TimeSpan.FromSeconds(30) } });

                var (status, body) = await AskAsync(gateway, path, stream);

                status.ShouldBe(502, body);
                body.ShouldContain(why);
                See(path, stream, status, body, isSame: false).ShouldBe(Seen.Refusal);
                await gateway.OthersAreServedAsync();
                await gateway.NothingIsInFlightAsync();
            }
        }

        listener.Stop();
        await serving;
    }

    private static Seen See(string path, bool stream, int status, string body, bool isSame)
    {
        if (status != 200)
        {
            status.ShouldBeInRange(400, 599);
            using var refusal = JsonDocument.Parse(body);
            var error = refusal.RootElement.GetProperty("error");
            error.GetProperty("message").GetString().ShouldNotBeNullOrEmpty();
            if (path == "messages")
                refusal.RootElement.GetProperty("type").GetString().ShouldBe("error");
            else
                error.GetProperty("code").GetString().ShouldNotBe("internal_error");
            return Seen.Refusal;
        }

        if (!stream)
        {
            if (!isSame)
            {
                using var answer = JsonDocument.Parse(body);
                answer.RootElement.TryGetProperty(path switch { "messages" => "content", "responses" => "output", _ => "choices" }, out _).ShouldBeTrue(body);
            }

            return Seen.Answer;
        }

        var end = body.TrimEnd('\n');
        end = end[(end.LastIndexOf("\n\n", StringComparison.Ordinal) is var at and >= 0 ? at + 2 : 0)..];
        if (end.Contains("\"error\":{", StringComparison.Ordinal) || end.StartsWith("event: error", StringComparison.Ordinal))
        {
            end.StartsWith(path == "chat/completions" ? "data: {\"error\":" : "event: error\ndata: {\"type\":\"error\",", StringComparison.Ordinal).ShouldBeTrue(end);
            return Seen.Error;
        }

        if (!isSame)
            end.StartsWith(path switch { "messages" => "event: message_stop\n", "responses" => "event: response.completed\n", _ => "data: [DONE]" }, StringComparison.Ordinal).ShouldBeTrue(end);
        return Seen.Answer;
    }

    private static async Task<(int Status, string Body)> AskAsync(GatewayUnderAttack gateway, string path, bool stream)
    {
        using var client = new HttpClient { BaseAddress = gateway.Address, Timeout = TimeSpan.FromSeconds(60) };
        using var request = Request(path, stream);
        using var response = await client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static HttpRequestMessage Request(string path, bool stream)
    {
        var asked = path switch
        {
            "responses" => """ "input":"hi" """,
            "messages" => """ "max_tokens":9,"messages":[{"role":"user","content":"hi"}] """,
            _ => """ "messages":[{"role":"user","content":"hi"}] """,
        };
        return new HttpRequestMessage(HttpMethod.Post, "/v1/" + path)
        {
            Content = new StringContent($"{{\"model\":\"fast\",{asked}{(stream ? ",\"stream\":true" : "")}}}", Encoding.UTF8, "application/json"),
        };
    }

    private static string Event(string data)
    {
        var name = data.StartsWith("{\"type\":\"", StringComparison.Ordinal) ? $"event: {data[9..data.IndexOf('"', 9)]}\n" : "";
        return $"{name}data: {data}\n\n";
    }

    private static Func<Exchange, Task> Closing(string raw) => async exchange =>
    {
        await exchange.SendAsync(raw);
        exchange.Close();
    };

    private static Func<Exchange, Task> Resetting(string raw) => async exchange =>
    {
        await exchange.SendAsync(raw);
        exchange.Reset();
    };

    // A reset throws away what its receiver has not read.
    private static Func<Exchange, Task> LaterAsync(string events, Action<Exchange> end) => async exchange =>
    {
        await exchange.BeginStreamAsync();
        await exchange.ChunkAsync(events);
        await Task.Delay(100);
        end(exchange);
    };

    private static Func<Exchange, Task> Whole(string headers, string body) => exchange =>
        exchange.SendAsync($"HTTP/1.1 200 OK\r\n{headers}content-length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    private static Func<Exchange, Task> Bytes(string headers, string latin) => exchange =>
        exchange.SendAsync(Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\n{headers}content-length: {latin.Length}\r\n\r\n{latin}"));

    private static async Task EndlessHeadersAsync(Exchange exchange)
    {
        await exchange.SendAsync("HTTP/1.1 200 OK\r\n");
        for (var i = 0; ; i++)
            await exchange.SendAsync($"x-{i}: {new string('x', 1000)}\r\n");
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private static async Task ServeTlsAsync(TcpListener listener, X509Certificate2 certificate)
    {
        while (true)
        {
            try
            {
                using var client = await listener.AcceptTcpClientAsync();
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(certificate);
            }
            catch (Exception fault) when (fault is IOException or System.Security.Authentication.AuthenticationException)
            {
                // The gateway does not trust it.
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
