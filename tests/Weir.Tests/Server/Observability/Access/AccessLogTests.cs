using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Observability.Access;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Observability.Access;

public sealed class AccessLogTests
{
    [Fact]
    public async Task Request_ThroughTheGateway_IsOneLineWithoutBodyOrSecret()
    {
        var lines = new Lines();
        await using var upstream = new ScriptedUpstream();
        await using var server = await RunningServer.StartAsync(new()
        {
            Customize = builder => builder.Logging.AddProvider(lines).AddFilter<Lines>(AccessLog.Category, LogLevel.Information),
            Weir = new WeirOptions
            {
                Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl, ApiKey = "sk-hidden" } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
            },
        });
        var key = await server.AddKeyAsync("app");

        using (var answer = await server.SendAsync(
            HttpMethod.Post, "/v1/chat/completions", key, new StringContent("""{"model":"fast","messages":["hidden text"]}""", System.Text.Encoding.UTF8, "application/json")))
        {
            await answer.Content.ReadAsStringAsync();
        }

        await server.SendAsync(HttpMethod.Get, "/health/live");
        await server.SendAsync(HttpMethod.Get, "/metrics", key);
        await server.SendAsync(HttpMethod.Get, "/v1/status", key);
        await server.SendAsync(HttpMethod.Get, "/no/such/path");
        await Eventually.TrueAsync(() => lines.Access.Count >= 3);

        lines.Access.Count.ShouldBe(3);
        var line = lines.Access.First();
        line.ShouldStartWith("POST /v1/chat/completions 200 total_ms=");
        foreach (var part in (string[])["model=fast", "deployment=p/m", "attempts=1", "in=3 out=5", "priority=5", "key=key_", "request=req_"]) line.ShouldContain(part);
        string.Join('\n', lines.Access).ShouldNotContain("hidden");
        string.Join('\n', lines.Access).ShouldNotContain(key);
        lines.Access.ShouldContain(l => l.StartsWith("GET /v1/status 200", StringComparison.Ordinal));
        lines.Access.ShouldContain(l => l.StartsWith("_OTHER (none) 404", StringComparison.Ordinal));
    }

    [Fact]
    public void ToString_WithAModelThatForgesALine_StaysOneLine()
    {
        var entry = new AccessEntry
        {
            Request = new InferenceRequest
            {
                Operation = Operation.ChatCompletions,
                Head = new RequestHead { Model = "x\nPOST /v1/keys 200 key=admin \"" + new string('a', 10_000), ModelValue = default },
                Body = default,
                Tenant = "t",
            },
            Report = new InferenceReport(),
        };

        var line = entry.ToString();

        line.ShouldNotContain('\n');
        line.Length.ShouldBeLessThan(600);
        line.ShouldContain("model=\"x\\n");
        entry.ShouldContain(field => field.Key == "model");
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Access { get; } = new();

        public ILogger CreateLogger(string categoryName) => categoryName == AccessLog.Category ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            eventId.Name.ShouldBe("request");
            Access.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
