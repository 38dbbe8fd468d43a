using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Catalogs.Support;

/// <summary>An MCP server over Streamable HTTP, with sessions and a stream for announcements, on a real port.</summary>
internal sealed class HttpMcpServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Channel<string>> _sessions = new();
    private readonly WebApplication _app;
    private int _made;
    private int _asked;
    private int _streams;

    private HttpMcpServer(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    public int Port => Url.Port;

    public string[] Tools { get; set; } = [];

    /// <summary>Answers a request in place of this, if it says so.</summary>
    public Func<HttpContext, Task<bool>>? Instead { get; set; }

    /// <summary>Sessions that were ever begun.</summary>
    public int Made => Volatile.Read(ref _made);

    /// <summary>Requests of any sort.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>Streams that somebody listens to.</summary>
    public int Streams => Volatile.Read(ref _streams);

    public static async Task<HttpMcpServer> StartAsync(params string[] tools) => await StartAsync(FreePort.Next(), tools);

    public static async Task<HttpMcpServer> StartAsync(int port, params string[] tools)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        var server = new HttpMcpServer(app) { Tools = tools };
        app.Run(server.ServeAsync);
        await app.StartAsync();
        server.Url = new Uri(app.Urls.First() + "/mcp");
        return server;
    }

    public void Announce()
    {
        foreach (var session in _sessions.Values)
            session.Writer.TryWrite("""{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}""");
    }

    /// <summary>No session is known any more, as after a restart.</summary>
    public void Forget()
    {
        foreach (var id in _sessions.Keys)
        {
            if (_sessions.TryRemove(id, out var session))
                session.Writer.TryComplete();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Forget();
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task ServeAsync(HttpContext context)
    {
        Interlocked.Increment(ref _asked);
        if (Instead is { } instead && await instead(context))
            return;
        var id = context.Request.Headers["Mcp-Session-Id"].ToString();
        var session = _sessions.GetValueOrDefault(id);
        if (context.Request.Method == "POST")
            await PostAsync(context, await JsonNode.ParseAsync(context.Request.Body), id.Length > 0, session is not null);
        else if (session is null)
            context.Response.StatusCode = 404;
        else if (context.Request.Method == "GET")
            await StreamAsync(context, session);
        else
            _sessions.TryRemove(id, out _);
    }

    private async Task PostAsync(HttpContext context, JsonNode? message, bool namesSession, bool hasSession)
    {
        var method = (string?)message!["method"];
        if (method != "initialize" && !hasSession)
        {
            context.Response.StatusCode = namesSession ? 404 : 400;
            return;
        }

        if (message["id"] is not { } id)
        {
            context.Response.StatusCode = 202;
            return;
        }

        var answer = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id.DeepClone() };
        switch (method)
        {
            case "initialize":
                var name = Guid.NewGuid().ToString("N");
                _sessions[name] = Channel.CreateUnbounded<string>();
                Interlocked.Increment(ref _made);
                context.Response.Headers["Mcp-Session-Id"] = name;
                answer["result"] = JsonNode.Parse("""{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"http","version":"1"}}""");
                break;
            case "tools/list":
                answer["result"] = ScriptedMcpServer.Names(Tools);
                break;
            default:
                answer["error"] = new JsonObject { ["code"] = -32601, ["message"] = "no such method" };
                break;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString());
    }

    private async Task StreamAsync(HttpContext context, Channel<string> session)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        Interlocked.Increment(ref _streams);
        try
        {
            await foreach (var message in session.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync($"event: message\ndata: {message}\n\n");
                await context.Response.Body.FlushAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // Who listened has left.
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }
}
