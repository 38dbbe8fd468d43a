using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>Two servers over one Redis: the one that runs a batch dies, or is stopped and wakes again when another has it.</summary>
public sealed class BatchReplicasTests : IAsyncLifetime
{
    private const int Lines = 4000;
    private const string Config = """{ "state": "REDIS", "providers": { "sim": { "dialect": "openai", "base_url": "SIM/v1" } }, "routes": { "r": { "deployments": [ { "provider": "sim", "model": "sim-small" } ] } } }""";

    private readonly Scratch[] _scratches = [new(), new(), new()];
    private readonly List<Server> _started = [];
    private RedisServer _redis = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        _started.Add(await Server.SimAsync(_scratches[2], "--latency", "60ms", "--seed", "5", "--error-rate", "0.05"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _started)
            await server.DisposeAsync();
        await _redis.DisposeAsync();
        foreach (var scratch in _scratches)
            scratch.Dispose();
    }

    [Theory]
    [InlineData(ChildProcess.SignalKill)]
    [InlineData(ChildProcess.SignalStop)]
    public async Task Batch_ItsHolderDiesOrStandsStill_IsTakenOverAndAnsweredOnce(int signal)
    {
        var config = Config.Replace("REDIS", _redis.Url).Replace("SIM", _started[0].Url);
        var replicas = await Task.WhenAll(_scratches.Take(2).Select(scratch => Server.UpAsync(scratch, "--config", scratch.Write("weir.json", config))));
        _started.AddRange(replicas);
        var id = await SubmitAsync(replicas[0]);
        await UntilAsync(replicas[0], id, batch => Done(batch) >= Lines / 8);
        var holder = replicas.Single(Runs);
        var other = replicas.Single(replica => replica != holder);

        holder.Process.Signal(signal);
        for (var look = 0; !Runs(other); look++)
        {
            look.ShouldBeLessThan(600, "nobody took it over");
            await Task.Delay(50);
        }

        if (signal == ChildProcess.SignalStop)
            holder.Process.Signal(ChildProcess.SignalContinue);
        var ended = await UntilAsync(other, id, batch => batch.GetProperty("status").GetString() is "completed" or "failed" or "expired");

        ended.GetProperty("status").GetString().ShouldBe("completed");
        ended.GetProperty("request_counts").GetProperty("completed").GetInt32().ShouldBe(Lines);
        ended.GetProperty("error_file_id").ValueKind.ShouldBe(JsonValueKind.Null);
        var output = await other.Client.GetStringAsync($"/v1/files/{ended.GetProperty("output_file_id").GetString()}/content");
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("custom_id").GetString())
            .ShouldBe(Enumerable.Range(0, Lines).Select(i => $"c{i}"));
        (await _redis.SayAsync("KEYS", "weir:*log*")).ShouldStartWith("*0", customMessage: "the log of an ended batch stayed");
        if (signal == ChildProcess.SignalStop)
            (await holder.Client.GetStringAsync($"/v1/batches/{id}")).ShouldContain("completed");
    }

    private static bool Runs(Server replica) => replica.Process.Output.Contains("is run from here", StringComparison.Ordinal);

    private static async Task<string> SubmitAsync(Server replica)
    {
        var lines = string.Join('\n', Enumerable.Range(0, Lines).Select(i => JsonSerializer.Serialize(new
        {
            custom_id = $"c{i}", method = "POST", url = "/v1/chat/completions", body = new { model = "r", messages = new[] { new { role = "user", content = $"n{i}" } } },
        })));
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(lines)), "file", "in.jsonl" } };
        using var uploaded = await replica.Client.PostAsync("/v1/files", form);
        var file = await uploaded.Content.ReadFromJsonAsync<JsonElement>();
        using var made = await replica.Client.PostAsJsonAsync("/v1/batches", new
        {
            input_file_id = file.GetProperty("id").GetString(), endpoint = "/v1/chat/completions", completion_window = "1h",
        });
        return (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    private static int Done(JsonElement batch) => batch.GetProperty("request_counts").GetProperty("completed").GetInt32();

    private static async Task<JsonElement> UntilAsync(Server server, string id, Func<JsonElement, bool> condition)
    {
        for (var look = 0; ; look++)
        {
            var batch = await server.Client.GetFromJsonAsync<JsonElement>($"/v1/batches/{id}");
            if (condition(batch))
                return batch;
            look.ShouldBeLessThan(1200, batch.ToString());
            await Task.Delay(50);
        }
    }
}
