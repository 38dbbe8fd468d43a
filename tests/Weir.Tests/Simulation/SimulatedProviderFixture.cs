using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Weir.Simulation;

namespace Weir.Tests.Simulation;

/// <summary>A simulated provider on a free loopback port: its faults are those of real sockets.</summary>
internal sealed class SimulatedProviderFixture : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SimulatedProviderFixture(WebApplication app)
    {
        _app = app;
        Client = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero, PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = new Uri(app.Urls.Single()),
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    public HttpClient Client { get; }

    /// <summary>How long a stop waits for requests before it cuts them.</summary>
    public TimeSpan StopsWithin
    {
        set => _app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout = value;
    }

    public static async Task<SimulatedProviderFixture> StartAsync(SimulationOptions? options = null, TimeProvider? time = null)
    {
        var app = SimulatedProvider.Build(options ?? new SimulationOptions(), time: time);
        await app.StartAsync();
        return new(app);
    }

    public static string Chat(string text, string rest = "") =>
        $$"""{"model":"sim-small","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"{{text}}"}]{{rest}}}""";

    public async Task<HttpResponseMessage> PostAsync(string path, string body, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (path.StartsWith("/v1/messages", StringComparison.Ordinal))
            request.Headers.Add("anthropic-version", "2023-06-01");
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public async Task<JsonObject> AskAsync(string path, string body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await PostAsync(path, body);
        response.StatusCode.ShouldBe(expected);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject();
    }

    /// <summary>The body of a stream as its events, after checking the framing.</summary>
    public async Task<string[]> EventsAsync(string path, string body)
    {
        using var response = await PostAsync(path, body);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var text = await response.Content.ReadAsStringAsync();
        text.ShouldEndWith("\n\n");
        return text[..^2].Split("\n\n");
    }

    public async Task<JsonObject> StatsAsync() => JsonNode.Parse(await Client.GetStringAsync("/sim/stats?prompts=true"))!.AsObject();

    /// <summary>Waits until a request has been read and has met its fate; in flight it is before that.</summary>
    public async Task ReadAsync()
    {
        while ((int)(await StatsAsync())["prompts"]!["distinct"]! == 0)
            await Task.Delay(5);
    }

    public async Task ShouldEventuallyEndAsync(string outcome, int count = 1)
    {
        for (var attempt = 0; ; attempt++)
        {
            var stats = await StatsAsync();
            if ((int)stats["outcomes"]![outcome]! == count && (int)stats["in_flight"]! == 0)
                return;
            attempt.ShouldBeLessThan(1000, $"{outcome} never reached {count}: {stats}");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
