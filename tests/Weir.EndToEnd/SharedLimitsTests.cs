using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>Two servers over one Redis under load: what they let through together, and what becomes of them when Redis stops answering.</summary>
public sealed class SharedLimitsTests : IAsyncLifetime
{
    private const int PerKey = 120;
    private const int PerProvider = 300;
    private const string Config = """
        {
          "state": "REDIS",
          "providers": {
            "narrow": { "dialect": "openai", "base_url": "NARROW/v1", "limits": { "requests_per_minute": 300, "max_concurrency": 100 } },
            "wide": { "dialect": "openai", "base_url": "WIDE/v1" }
          },
          "routes": {
            "narrow": { "deployments": [ { "provider": "narrow", "model": "sim-small" } ] },
            "wide": { "deployments": [ { "provider": "wide", "model": "sim-small" } ] }
          }
        }
        """;

    private readonly Scratch[] _scratches = [new(), new(), new()];
    private readonly List<Server> _started = [];
    private RedisServer _redis = null!;
    private Server _narrow = null!;
    private Server[] _replicas = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        _started.Add(_narrow = await Server.SimAsync(_scratches[2], "--latency", "5ms"));
        _started.Add(await Server.SimAsync(_scratches[2], "--latency", "5ms"));
        var config = Config.Replace("REDIS", _redis.Url).Replace("NARROW", _narrow.Url).Replace("WIDE", _started[1].Url);
        _replicas = await Task.WhenAll(_scratches.Take(2).Select(scratch => Server.UpAsync(scratch, "--config", scratch.Write("weir.json", config))));
        _started.AddRange(_replicas);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _started)
            await server.DisposeAsync();
        await _redis.DisposeAsync();
        foreach (var scratch in _scratches)
            scratch.Dispose();
    }

    [Fact]
    public async Task TwoReplicas_UnderLoad_KeepTheLimitsTogetherAndGoOnWithoutRedis()
    {
        await UntilAsync(_replicas[0], "weir_limits_replicas", 2);
        await UntilAsync(_replicas[1], "weir_limits_replicas", 2);
        var limited = await CreateKeyAsync(PerKey);
        var free = await CreateKeyAsync(null);

        foreach (var replica in _replicas)
            replica.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", free);

        // A key of a limit, everywhere at once: all of this lies within one minute.
        var (admitted, refused) = await LoadAsync("wide", limited, TimeSpan.FromSeconds(8));
        admitted.ShouldBeInRange(PerKey * 3 / 5, PerKey);
        refused.ShouldBeGreaterThan(0);

        // A provider of a limit: what does not fit waits, and is given up after a second.
        var (served, _) = await LoadAsync("narrow", free, TimeSpan.FromSeconds(10), patience: "1s");
        var atProvider = (int)(await _narrow.StatsAsync())["requests"]!;
        TestContext.Current.TestOutputHelper?.WriteLine($"key: {admitted} of {PerKey}, {refused} refused; provider: {served} served, {atProvider} came, of {PerProvider}");
        served.ShouldBeGreaterThan(PerProvider * 3 / 5);
        atProvider.ShouldBeLessThanOrEqualTo(PerProvider);

        _redis.Pause();
        var without = LoadAsync("wide", free, TimeSpan.FromSeconds(6));
        var limitedWithout = LoadAsync("wide", limited, TimeSpan.FromSeconds(6));
        foreach (var replica in _replicas)
        {
            await UntilAsync(replica, "weir_limits_local", 1);
            (await replica.Client.GetStringAsync("/health/ready")).ShouldContain("degraded");
        }

        var (wentOn, notServed) = await without;
        wentOn.ShouldBeGreaterThan(100);
        notServed.ShouldBe(0);
        await limitedWithout;
        _redis.Continue();
        foreach (var replica in _replicas)
            await UntilAsync(replica, "weir_limits_local", 0);
    }

    // Both replicas at once, eight requests at a time each.
    private async Task<(int Admitted, int Refused)> LoadAsync(string model, string key, TimeSpan duration, string? patience = null)
    {
        var (admitted, refused) = (0, 0);
        using var ends = new CancellationTokenSource(duration);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async worker =>
        {
            var replica = _replicas[worker % 2];
            while (!ends.IsCancellationRequested)
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
                {
                    Content = JsonContent.Create(new { model, messages = new[] { new { role = "user", content = "hello" } } }),
                };
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
                if (patience is not null)
                    request.Headers.Add("x-weir-timeout", patience);
                using var answer = await replica.Client.SendAsync(request);
                if (answer.IsSuccessStatusCode)
                {
                    Interlocked.Increment(ref admitted);
                    continue;
                }

                Interlocked.Increment(ref refused);
                answer.StatusCode.ShouldBeOneOf(HttpStatusCode.TooManyRequests, HttpStatusCode.GatewayTimeout);
                if (answer.StatusCode == HttpStatusCode.TooManyRequests)
                    answer.Headers.RetryAfter.ShouldNotBeNull().Delta.ShouldNotBeNull().ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(62));
                await Task.Delay(100);
            }
        }));
        return (admitted, refused);
    }

    private async Task<string> CreateKeyAsync(int? requestsPerMinute)
    {
        var body = new JsonObject { ["name"] = "test", ["roles"] = new JsonArray("app") };
        if (requestsPerMinute is { } limit)
            body["requests_per_minute"] = limit;
        string? key = null;
        foreach (var scratch in _scratches.Take(2))
        {
            var file = Path.Combine(scratch.Path, "data", "admin.key");
            if (!File.Exists(file))
                continue;
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/keys") { Content = JsonContent.Create(body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(file)).Trim());
            using var answer = await _replicas[0].Client.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
            key = (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["key"]!;
            break;
        }

        // Known everywhere before it is used.
        foreach (var replica in _replicas)
        {
            for (var look = 0; ; look++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
                using var answer = await replica.Client.SendAsync(request);
                if (answer.IsSuccessStatusCode)
                    break;
                look.ShouldBeLessThan(200, $"{answer.StatusCode}");
                await Task.Delay(50);
            }
        }

        return key.ShouldNotBeNull();
    }

    private static async Task UntilAsync(Server replica, string metric, int value)
    {
        for (var look = 0; ; look++)
        {
            var lines = (await replica.Client.GetStringAsync("/metrics")).Split('\n');
            var line = lines.FirstOrDefault(line => line.StartsWith(metric, StringComparison.Ordinal));
            if (line is not null && line.TrimEnd().EndsWith($" {value}", StringComparison.Ordinal))
                return;
            look.ShouldBeLessThan(400, $"{metric} did not become {value}: {line}");
            await Task.Delay(50);
        }
    }
}
