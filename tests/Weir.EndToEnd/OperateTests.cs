using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>What an operator does with real processes: orders over several replicas, load, reload and drain under traffic.</summary>
public sealed class OperateTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Orders_OverTwoReplicas_ReachTheOtherAndOutliveARestart()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var sim = await Server.SimAsync(_scratch);
        using var one = new Scratch();
        using var two = new Scratch();
        await using var first = await Server.UpAsync(one, "--config", Config(sim), "--state", redis.Url);
        string[] flags = ["--config", Config(sim), "--state", redis.Url];
        var second = await Server.UpAsync(two, flags);
        try
        {
            using var paused = await OrderAsync(first, one, "pause?drain=true");
            (await paused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("shared").GetBoolean().ShouldBeTrue();
            await UntilAsync(second, HttpStatusCode.ServiceUnavailable);

            await second.DisposeAsync();
            second = await Server.UpAsync(two, flags);
            // A replica is ready before it has read what others ordered at the latest by its first look.
            await UntilAsync(second, HttpStatusCode.ServiceUnavailable);
            (await second.Client.GetFromJsonAsync<JsonElement>("/v1/status")).GetProperty("paused")[0].GetProperty("drain").GetBoolean().ShouldBeTrue();

            (await OrderAsync(second, two, "resume")).Dispose();
            await UntilAsync(first, HttpStatusCode.OK);
            await UntilAsync(second, HttpStatusCode.OK);
        }
        finally
        {
            await second.DisposeAsync();
        }
    }

    [Fact]
    public async Task Reset_AtOneReplica_ClosesTheBreakerOfTheOther()
    {
        await using var redis = await RedisServer.StartAsync();
        using var one = new Scratch();
        using var two = new Scratch();
        var sim = await Server.SimAsync(_scratch);
        var config = Config(sim);
        await sim.DisposeAsync();
        await using var first = await Server.UpAsync(one, "--config", config, "--state", redis.Url);
        await using var second = await Server.UpAsync(two, "--config", config, "--state", redis.Url);
        for (var i = 0; i < 2; i++)
            (await second.ChatAsync("fast", "nobody there")).Dispose();
        (await BreakerAsync(second)).ShouldBe("open");

        (await OrderAsync(first, one, "reset")).Dispose();

        for (var look = 0; await BreakerAsync(second) != "closed"; look++)
        {
            look.ShouldBeLessThan(600);
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task BenchLoad_AgainstGatewayAndProvider_JudgesByExitCode()
    {
        await using var sim = await Server.SimAsync(_scratch, "--latency", "20ms");
        await using var weir = await Server.UpAsync(_scratch, "--config", Config(sim));

        var whole = await LoadAsync(weir.Url, "fast", "--latency-over", "1m", "--json");
        whole.Code.ShouldBe(0, whole.Output);
        JsonNode.Parse(whole.Output)!["queued_ms"].ShouldNotBeNull(whole.Output);

        var streamed = await LoadAsync(sim.BaseUrl, "sim-small", "--stream", "--latency-over", "1m");
        streamed.Code.ShouldBe(0, streamed.Output);
        streamed.Output.ShouldContain("first token");

        var slow = await LoadAsync(sim.BaseUrl, "sim-small", "--latency-over", "1ms");
        slow.Code.ShouldBe(1, slow.Output);
        slow.Output.ShouldContain("BREACHED");

        var missing = await LoadAsync(weir.BaseUrl, "nothing");
        missing.Code.ShouldBe(1, missing.Output);
        missing.Output.ShouldContain("first failure  404");

        (await LoadAsync(weir.BaseUrl, "fast", "--rate", "none")).Code.ShouldBe(2);
    }

    [Fact]
    public async Task Reload_UnderTraffic_DropsNothing()
    {
        await using var sim = await Server.SimAsync(_scratch, "--latency", "50ms", "--tokens-per-second", "400");
        var config = Config(sim);
        await using var weir = await Server.UpAsync(_scratch, "--config", config);
        var text = await File.ReadAllTextAsync(config);
        var running = LoadAsync(weir.BaseUrl, "fast", "--stream", "--rate", "30", "--duration", "6s", "--success-below", "1", "--latency-over", "1m");

        for (var i = 0; !running.IsCompleted; i++)
        {
            await File.WriteAllTextAsync(config, text.Replace("\"timeout\": \"10m\"", $"\"timeout\": \"{i + 11}m\"", StringComparison.Ordinal).Replace("\"weight\": 1", $"\"weight\": {(i % 5) + 1}", StringComparison.Ordinal));
            await Task.WhenAny(running, Task.Delay(700));
        }

        var (code, output) = await running;
        code.ShouldBe(0, output);
        weir.Process.Output.ShouldContain("onfiguration");
        (await weir.Client.GetFromJsonAsync<JsonElement>("/v1/routes")).GetProperty("data")[0].GetProperty("timeout").GetString().ShouldNotBe("10m");
    }

    [Fact]
    public async Task Sigterm_WithStreamsHeartbeatsQueuedRequestsAndABatch_EndsThemAllButTheBatchWhichGoesOn()
    {
        await using var sim = await Server.SimAsync(_scratch, "--latency", "1500ms");
        var config = Config(sim);
        string batch;
        await using (var weir = await Server.UpAsync(_scratch, "--config", config))
        {
            batch = await StartBatchAsync(weir);
            // Two at once at the provider: the rest queues. Those of the patient route are told so by heartbeats.
            var asked = Enumerable.Range(0, 6).Select(i => weir.ChatAsync(i % 2 == 0 ? "narrow" : "patient", $"question {i}", stream: i != 2)).ToList();
            await UntilAsync(weir, status => status.GetProperty("in_flight").GetInt32() >= 7);

            weir.Process.Signal();

            foreach (var one in asked)
            {
                using var answer = await one.WaitAsync(Soon);
                var text = await answer.Content.ReadAsStringAsync().WaitAsync(Soon);
                answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
                (text.Contains("[DONE]", StringComparison.Ordinal) || text.Contains("\"finish_reason\":\"stop\"", StringComparison.Ordinal)).ShouldBeTrue(text);
            }

            (await weir.Process.ExitAsync(Soon)).ShouldBe(0, weir.Process.Output);
        }

        await using var again = await Server.UpAsync(_scratch, "--config", config);
        for (var look = 0; ; look++)
        {
            var now = await again.Client.GetFromJsonAsync<JsonElement>($"/v1/batches/{batch}");
            if (now.GetProperty("status").GetString() == "completed")
            {
                now.GetProperty("request_counts").GetProperty("completed").GetInt32().ShouldBe(8);
                break;
            }

            look.ShouldBeLessThan(1200, now.ToString());
            await Task.Delay(50);
        }
    }

    private static async Task<string> StartBatchAsync(Server weir)
    {
        var lines = Enumerable.Range(0, 8).Select(i =>
            JsonSerializer.Serialize(new { custom_id = $"c{i}", method = "POST", url = "/v1/chat/completions", body = new { model = "wide", messages = new[] { new { role = "user", content = $"line {i}" } } } }));
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(string.Join('\n', lines))), "file", "in.jsonl" },
        };
        using var uploaded = await weir.Client.PostAsync("/v1/files", form);
        var file = (await uploaded.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        using var made = await weir.Client.PostAsJsonAsync("/v1/batches", new { input_file_id = file, endpoint = "/v1/chat/completions", completion_window = "1h" });
        return (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    private static async Task<HttpResponseMessage> OrderAsync(Server server, Scratch scratch, string order)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/providers/box/{order}");
        var key = await File.ReadAllTextAsync(Path.Combine(scratch.Path, "data", "admin.key"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Trim());
        var answer = await server.Client.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        return answer;
    }

    private static async Task UntilAsync(Server server, HttpStatusCode status)
    {
        for (var look = 0; ; look++)
        {
            using var answer = await server.ChatAsync("fast", "are you there?");
            if (answer.StatusCode == status)
                return;
            look.ShouldBeLessThan(600, await answer.Content.ReadAsStringAsync());
            await Task.Delay(50);
        }
    }

    private static async Task UntilAsync(Server server, Func<JsonElement, bool> condition)
    {
        for (var look = 0; ; look++)
        {
            var status = await server.Client.GetFromJsonAsync<JsonElement>("/v1/status");
            if (condition(status))
                return;
            look.ShouldBeLessThan(600, status.ToString());
            await Task.Delay(20);
        }
    }

    private static async Task<string> BreakerAsync(Server server)
    {
        var providers = await server.Client.GetFromJsonAsync<JsonElement>("/v1/providers");
        return providers.GetProperty("data").EnumerateArray().First(p => p.GetProperty("name").GetString() == "box")
            .GetProperty("deployments").EnumerateArray().First(d => d.GetProperty("name").GetString() == "box/sim-small")
            .GetProperty("breaker").GetProperty("state").GetString()!;
    }

    private Task<(int Code, string Output)> LoadAsync(string url, string model, params string[] flags)
    {
        string[] usual = flags.Contains("--rate") ? [] : ["--rate", "40", "--duration", "1s"];
        return ChildProcess.RunAsync("dotnet", [Artifacts.WeirDll, "bench", "load", "--url", url, "--model", model, .. usual, .. flags], _scratch.Path, Soon);
    }

    private string Config(Server sim) => _scratch.Write("weir.json", $$"""
        {
          "server": { "drain": "40s" },
          "providers": {
            "box": { "base_url": "{{sim.BaseUrl}}", "retry": { "network": 0 }, "breaker": { "minimum_requests": 2, "open": "5m" } },
            "two": { "base_url": "{{sim.BaseUrl}}", "limits": { "max_concurrency": 2 } }
          },
          "routes": {
            "fast": { "deployments": [ { "provider": "box", "model": "sim-small", "weight": 1 } ], "timeout": "10m" },
            "narrow": { "deployments": [ { "provider": "two", "model": "sim-small" } ] },
            "patient": { "deployments": [ { "provider": "two", "model": "sim-small" } ], "heartbeat": "1s" },
            "wide": { "deployments": [ { "provider": "two", "model": "sim-small" } ] }
          }
        }
        """);
}
