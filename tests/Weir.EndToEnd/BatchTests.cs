using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary>Batches through real processes: the official client's flow, and a server that is killed in the middle.</summary>
public sealed class BatchTests
{
    private const int Lines = 2000;
    private const string Config = """{ "providers": { "sim": { "dialect": "openai", "base_url": "SIM/v1", "timeouts": { "first_byte": "2s" } } }, "routes": { "thousand": { "deployments": [ { "provider": "sim", "model": "sim-small" } ] } } }""";
    private const string Script = """
        import OpenAI, { toFile } from 'openai';
        const client = new OpenAI({ baseURL: process.argv[2], apiKey: 'any', maxRetries: 0 });
        const lines = Array.from({ length: 20 }, (_, i) => JSON.stringify({ custom_id: `c${i}`, method: 'POST', url: '/v1/chat/completions',
          body: { model: 'thousand', messages: [{ role: 'user', content: `prompt ${i}` }] } })).join('\n');
        const file = await client.files.create({ file: await toFile(Buffer.from(lines), 'in.jsonl'), purpose: 'batch' });
        let batch = await client.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { of: 'test' } });
        while (!['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) {
          await new Promise(resolve => setTimeout(resolve, 100));
          batch = await client.batches.retrieve(batch.id);
        }
        const output = await (await client.files.content(batch.output_file_id)).text();
        const ids = output.trim().split('\n').map(line => JSON.parse(line)).filter(line => line.response.status_code === 200).map(line => line.custom_id);
        let listed = 0;
        for await (const one of client.batches.list({ limit: 1 })) listed += one.id === batch.id ? 1 : 0;
        let files = 0;
        for await (const one of client.files.list({ limit: 1 })) files++;
        const deleted = await client.files.delete(file.id);
        console.log(`${batch.status} ${batch.request_counts.completed} ${new Set(ids).size} ${listed} ${files} ${deleted.deleted} ${batch.usage.total_tokens > 0}`);
        """;

    [Fact]
    public async Task NpmPackage_ItsOrdinaryFlow_Works()
    {
        var folder = Path.GetDirectoryName(await NodeExample.InstallAsync())!;
        var script = Path.Combine(folder, "batch.mjs");
        await File.WriteAllTextAsync(script, Script);
        using var scratch = new Scratch();
        await using var sim = await Server.SimAsync(scratch, "--latency", "5ms");
        await using var gateway = await Server.UpAsync(scratch, "--config", scratch.Write("weir.json", Config.Replace("SIM", sim.Url)));

        var (code, output) = await ChildProcess.RunAsync("node", [script, gateway.BaseUrl], scratch.Path, TimeSpan.FromSeconds(60));

        code.ShouldBe(0, output);
        output.ShouldContain("completed 20 20 1 2 true true");
    }

    [Fact]
    public async Task Batch_ServerKilledInTheMiddleUnderFaults_AnswersEachLineExactlyOnce()
    {
        using var scratch = new Scratch();
        await using var sim = await Server.SimAsync(scratch, "--latency", "20ms", "--seed", "21", "--error-rate", "0.08", "--reset-rate", "0.02");
        var config = scratch.Write("weir.json", Config.Replace("SIM", sim.Url));
        string id;
        await using (var first = await Server.UpAsync(scratch, "--config", config))
        {
            using var form = new MultipartFormDataContent
            {
                { new StringContent("batch"), "purpose" },
                { new ByteArrayContent(Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(0, Lines).Select(Line)))), "file", "in.jsonl" },
            };
            using var uploaded = await first.Client.PostAsync("/v1/files", form);
            var file = await uploaded.Content.ReadFromJsonAsync<JsonElement>();
            using var made = await first.Client.PostAsJsonAsync("/v1/batches", new
            {
                input_file_id = file.GetProperty("id").GetString(), endpoint = "/v1/chat/completions", completion_window = "1h",
            });
            id = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
            (await UntilAsync(first, id, batch => Completed(batch) >= Lines / 4)).GetProperty("status").GetString().ShouldBe("in_progress", "it was to be killed in the middle");
            // Disposing sends SIGKILL.
        }

        await using var second = await Server.UpAsync(scratch, "--config", config);
        var ended = await UntilAsync(second, id, batch => batch.GetProperty("status").GetString() is "completed" or "failed" or "expired");

        ended.GetProperty("status").GetString().ShouldBe("completed");
        var output = await second.Client.GetStringAsync($"/v1/files/{ended.GetProperty("output_file_id").GetString()}/content");
        var results = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        results.Select(result => result.GetProperty("custom_id").GetString()).ShouldBe(Enumerable.Range(0, Lines).Select(i => $"c{i}"));
        foreach (var (result, i) in results.Select((result, i) => (result, i)))
        {
            result.GetProperty("response").GetProperty("body").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!
                .ShouldContain(PromptFile.Fingerprint($"prompt {i}"));
        }
    }

    private static string Line(int i) => JsonSerializer.Serialize(new
    {
        custom_id = $"c{i}", method = "POST", url = "/v1/chat/completions", body = new { model = "thousand", messages = new[] { new { role = "user", content = $"prompt {i}" } } },
    });

    private static int Completed(JsonElement batch) => batch.GetProperty("request_counts").GetProperty("completed").GetInt32();

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
