using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Inference.Providers;
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
        using var output = new MemoryStream();
        await using var upstream = new ScriptedUpstream();
        string key;
        await using (var server = await RunningServer.StartAsync(new()
        {
            Customize = builder =>
            {
                builder.Logging.AddProvider(new Deaf()).AddFilter<Deaf>(AccessLog.Category, LogLevel.Information);
                builder.Services.AddSingleton(new AccessOutput(output));
            },
            Weir = new WeirOptions
            {
                Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl, ApiKey = "sk-hidden" } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
            },
        }))
        {
            key = await server.AddKeyAsync("app");
            using (var answer = await server.SendAsync(
                HttpMethod.Post, "/v1/chat/completions", key, new StringContent("""{"model":"fast","messages":["hidden text"]}""", Encoding.UTF8, "application/json")))
            {
                await answer.Content.ReadAsStringAsync();
            }

            await server.SendAsync(HttpMethod.Get, "/health/live");
            await server.SendAsync(HttpMethod.Get, "/metrics", key);
            await server.SendAsync(HttpMethod.Get, "/v1/status", key);
            await server.SendAsync(HttpMethod.Get, "/no/such/path");
        }

        // What waited has been written by the stop.
        var text = Encoding.UTF8.GetString(output.ToArray());
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(3);
        var chat = lines.Single(line => line.Contains(" info: Weir.Access[1] POST /v1/chat/completions 200 total_ms=", StringComparison.Ordinal));
        foreach (var part in (string[])["model=fast", "deployment=p/m", "attempts=1", "in=3 out=5", "priority=5", "key=key_", "request=req_"]) chat.ShouldContain(part);
        text.ShouldNotContain("hidden");
        text.ShouldNotContain(key);
        // A line is written after its answer, and may come after the next one's.
        lines.ShouldContain(line => line.Contains("GET /v1/status 200", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("_OTHER (none) 404", StringComparison.Ordinal));
    }

    // Says that the category is wanted, as the console does.
    private sealed class Deaf : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }
}
