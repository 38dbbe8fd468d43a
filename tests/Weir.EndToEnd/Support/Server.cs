using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Tests.Support;

namespace Weir.EndToEnd.Support;

/// <summary><c>weir up</c> or <c>weir sim</c> as a process of its own on a free loopback port.</summary>
internal sealed class Server : IAsyncDisposable
{
    private static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);

    private Server(ChildProcess process, int port)
    {
        Process = process;
        Port = port;
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false, ResponseDrainTimeout = TimeSpan.Zero })
        {
            BaseAddress = new Uri(Url),
            Timeout = TimeSpan.FromSeconds(100),
        };
    }

    public ChildProcess Process { get; }

    public int Port { get; }

    public string Url => $"http://127.0.0.1:{Port}";

    public string BaseUrl => Url + "/v1";

    public HttpClient Client { get; }

    public static Task<Server> SimAsync(Scratch scratch, params string[] flags) => StartAsync(scratch, "sim", "/sim/stats", flags);

    public static Task<Server> UpAsync(Scratch scratch, params string[] flags) =>
        StartAsync(scratch, "up", "/health/ready", ["--data", Path.Combine(scratch.Path, "data"), .. flags]);

    public Task<HttpResponseMessage> ChatAsync(string model, string text, bool stream = false, string? key = null, CancellationToken cancellationToken = default)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["stream"] = stream,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
        };
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public async Task<JsonObject> StatsAsync() => (await Client.GetFromJsonAsync<JsonObject>("/sim/stats"))!;

    /// <summary>Waits until a simulated provider has counted so many requests of an outcome and has none in flight.</summary>
    public async Task<JsonObject> SettledAsync(string outcome, int count)
    {
        for (var attempt = 0; ; attempt++)
        {
            var stats = await StatsAsync();
            if ((int)stats["outcomes"]![outcome]! == count && (int)stats["in_flight"]! == 0)
                return stats;
            attempt.ShouldBeLessThan(600, $"{outcome} did not come to {count}: {stats.ToJsonString()}");
            await Task.Delay(50);
        }
    }

    public async Task<JsonElement> KindAsync(string name) => await Client.GetFromJsonAsync<JsonElement>("/v1/kinds/" + name);

    /// <summary>Waits until nothing of any kind is leased, and what was given back is free again.</summary>
    public async Task AllFreeAsync()
    {
        for (var attempt = 0; ; attempt++)
        {
            var kinds = await Client.GetFromJsonAsync<JsonElement>("/v1/kinds");
            if (kinds.GetProperty("data").EnumerateArray().All(kind => kind.GetProperty("free").GetInt32() is > 0 and var free && free == kind.GetProperty("total").GetInt32()))
                return;
            attempt.ShouldBeLessThan(600, kinds.GetRawText());
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Process.DisposeAsync();
    }

    private static async Task<Server> StartAsync(Scratch scratch, string command, string ready, string[] flags)
    {
        var port = FreePort.Next();
        var server = new Server(new ChildProcess("dotnet", [Artifacts.WeirDll, command, "--url", $"http://127.0.0.1:{port}", .. flags], scratch.Path), port);
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < StartWithin && !server.Process.HasExited)
        {
            try
            {
                using var answer = await server.Client.GetAsync(ready);
                if (answer.IsSuccessStatusCode)
                    return server;
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }

            await Task.Delay(50);
        }

        var output = server.Process.Output;
        await server.DisposeAsync();
        throw new InvalidOperationException($"weir {command} did not become ready. It said:\n{output}");
    }
}
