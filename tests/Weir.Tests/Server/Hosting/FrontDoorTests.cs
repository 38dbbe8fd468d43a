using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Hosting;

public sealed class FrontDoorTests
{
    [Theory]
    [InlineData("GET", "/nowhere", 404, "not_found")]
    [InlineData("GET", "/v1/models/x/../../nowhere", 404, "not_found")]
    [InlineData("PUT", "/v1/status", 405, "method_not_allowed")]
    [InlineData("POST", "/health/live", 405, "method_not_allowed")]
    public async Task NoSuchEndpoint_IsAProblemWithACode(string method, string path, int status, string code)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await server.SendAsync(new HttpMethod(method), path);

        ((int)answer.StatusCode).ShouldBe(status);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await ReadAsync(answer)).GetProperty("code").GetString().ShouldBe(code);
        if (status == 405) answer.Content.Headers.Allow.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("/v1/messages/nowhere", "error")]
    [InlineData("/v1/chat/completions/nowhere", null)]
    public async Task NoSuchEndpoint_UnderAForeignPath_HasThatShape(string path, string? type)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await server.SendAsync(HttpMethod.Get, path);

        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var body = await ReadAsync(answer);
        body.GetProperty("error").GetProperty("message").GetString()!.ShouldContain("nothing at");
        if (type is not null) body.GetProperty("type").GetString().ShouldBe(type);
    }

    [Fact]
    public async Task Fault_InAnEndpoint_Is500WithoutDetailsAndIsLoggedUnderTheRequestsId()
    {
        var log = new RecordingLogs();
        await using var server = await RunningServer.StartAsync(new()
        {
            Customize = b =>
            {
                b.Logging.ClearProviders();
                b.Logging.SetMinimumLevel(LogLevel.Warning);
                b.Logging.AddProvider(log);
            },
            Map = app => app.MapGet("/v1/chat/completions", new RequestDelegate(_ => throw new InvalidOperationException("password=hunter2"))).Requires(Role.Any),
        });

        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/chat/completions");

        answer.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        var text = await answer.Content.ReadAsStringAsync();
        text.ShouldNotContain("hunter2");
        text.ShouldNotContain("   at ");
        var id = answer.Headers.GetValues("x-request-id").Single();
        text.ShouldContain(id);
        log.Lines.ShouldContain(l => l.Contains(id));
    }

    [Fact]
    public async Task Fault_AfterTheAnswerBegan_CutsIt()
    {
        await using var server = await RunningServer.StartAsync(new()
        {
            Sockets = true,
            Map = app => app.MapGet("/half", async context =>
            {
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
                throw new InvalidOperationException();
            }).Requires(Role.Any),
        });

        // Cut before its head was read, or after it: never whole.
        await Should.ThrowAsync<HttpRequestException>(async () =>
        {
            using var answer = await server.SendAsync(HttpMethod.Get, "/half");
            await answer.Content.ReadAsStringAsync();
        });
        (await server.Client.GetAsync("/health/live")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task RequestId_IsOnEveryAnswerAndItsOwn()
    {
        await using var server = await RunningServer.StartAsync();
        var ids = new HashSet<string>();

        foreach (var path in (string[])["/health/live", "/nowhere", "/v1/keys", "/v1/status"])
        {
            using var answer = await server.SendAsync(HttpMethod.Get, path);
            ids.Add(answer.Headers.GetValues("x-request-id").Single()).ShouldBeTrue();
        }

        ids.ShouldAllBe(id => id.StartsWith("req_") && id.Length == 24);
    }

    [Fact]
    public void RequestId_Many_AreDistinct() =>
        ParallelEnumerable.Range(0, 100_000).Select(_ => RequestId.Next()).Distinct().Count().ShouldBe(100_000);

    [Fact]
    public async Task ClientThatLeaves_EndsTheRequestAndIsNobodysFault()
    {
        var log = new RecordingLogs();
        var entered = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        await using var server = await RunningServer.StartAsync(new()
        {
            Sockets = true,
            Customize = b =>
            {
                b.Logging.ClearProviders();
                b.Logging.SetMinimumLevel(LogLevel.Warning);
                b.Logging.AddProvider(log);
            },
            Map = app => app.MapGet("/wait", async context =>
            {
                entered.SetResult();
                try
                {
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                }
                finally
                {
                    left.SetResult();
                }
            }).Requires(Role.Any),
        });
        using var cancel = new CancellationTokenSource();
        var call = server.Client.GetAsync("/wait", cancel.Token);
        await entered.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await cancel.CancelAsync();

        await left.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await Should.ThrowAsync<OperationCanceledException>(() => call);
        await Eventually.TrueAsync(() => server.Service<Drain>().InFlight == 0);
        log.Lines.ShouldBeEmpty();
    }

    [Fact]
    public async Task Answers_NameNoServer()
    {
        await using var server = await RunningServer.StartAsync(new() { Sockets = true });

        using var answer = await server.SendAsync(HttpMethod.Get, "/health/live");

        answer.Headers.Contains("Server").ShouldBeFalse();
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;

    private sealed class RecordingLogs : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + " " + exception);

        public void Dispose()
        {
        }
    }
}
