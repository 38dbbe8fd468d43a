using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Weir.Benchmarks;

/// <summary>
/// A batch of 10,000 lines against a provider that fails one request in ten, while the server is killed with SIGKILL and started again:
/// what counts is that no line is missing and none stands there twice, and what those notice who ask the same provider meanwhile.
/// </summary>
internal static class BatchBenchmark
{
    private const int Concurrency = 32;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Alone = TimeSpan.FromSeconds(10);

    private const string Usage = "weir bench batch [--lines N] [--kills N]: lines in the batch, default 10000; how often the server is killed, default 2";

    public static async Task<int> RunAsync(string[] args)
    {
        var (lines, kills) = (10_000, 2);
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 >= args.Length || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || args[i] is not ("--lines" or "--kills")
                || (args[i] == "--lines" && number is < 1 or > 50_000))
            {
                await Console.Error.WriteLineAsync(Usage);
                return 2;
            }

            (lines, kills) = args[i] == "--lines" ? (number, kills) : (lines, number);
        }

        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            return await MeasureAsync(folder, lines, kills);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<int> MeasureAsync(string folder, int lines, int kills)
    {
        var simUrl = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        await using var sim = await GatewayProcess.StartAsync(
            simUrl, "dotnet", GatewayServers.WeirDll(), "sim", "--url", simUrl.ToString(), "--models", "*", "--latency", "20ms", "--error-rate", "0.08", "--reset-rate", "0.02");
        var config = Path.Combine(folder, "weir.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "providers": { "sim": { "dialect": "openai", "base_url": "{{simUrl}}v1", "limits": { "max_concurrency": {{Concurrency}} } } },
              "routes": { "bench": { "deployments": [ { "provider": "sim", "model": "m" } ] } }
            }
            """);
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        using var client = new HttpClient { BaseAddress = url };
        var server = await StartAsync();
        try
        {
            using (var warming = new CancellationTokenSource(Alone / 2))
                await AskAsync(client, warming.Token);
            using var ends = new CancellationTokenSource(Alone);
            var alone = await AskAsync(client, ends.Token);
            var batch = await SubmitAsync(client, lines);
            using var beside = new CancellationTokenSource();
            var asking = AskAsync(client, beside.Token);
            var id = batch.GetProperty("id").GetString()!;
            var watch = Stopwatch.StartNew();
            for (var kill = 1; kill <= kills; kill++)
            {
                await UntilAsync(client, id, seen => Done(seen) >= (long)lines * kill / (kills + 1) || HasEnded(seen));
                await Console.Error.WriteLineAsync($"kill {kill} after {watch.Elapsed.TotalSeconds:0.0} s");
                await server.DisposeAsync();
                server = await StartAsync();
            }

            var ended = await UntilAsync(client, id, HasEnded);
            var seconds = watch.Elapsed.TotalSeconds;
            await beside.CancelAsync();
            var meanwhile = await asking;
            var ids = new List<string>();
            foreach (var name in new[] { "output_file_id", "error_file_id" })
            {
                if (ended.GetProperty(name).GetString() is { } file)
                    ids.AddRange((await client.GetStringAsync($"/v1/files/{file}/content")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(IdOf));
            }

            var missing = lines - ids.Distinct().Count();
            var duplicates = ids.Count - ids.Distinct().Count();
            Console.WriteLine($"""
                | batch of {lines} lines, 10 % faults | |
                |---|---|
                | status | {ended.GetProperty("status").GetString()} |
                | lines a second, restarts included | {lines / seconds:0} |
                | kills | {kills} |
                | failed | {ended.GetProperty("request_counts").GetProperty("failed").GetInt32()} |
                | duplicates | {duplicates} |
                | missing | {missing} |
                | others' requests, without the batch | {Describe(alone)} |
                | others' requests, beside the batch | {Describe(meanwhile)} |
                """);
            return missing == 0 && duplicates == 0 ? 0 : 1;
        }
        finally
        {
            await server.DisposeAsync();
        }

        Task<GatewayProcess> StartAsync() => GatewayProcess.StartAsync(
            url, "dotnet", GatewayServers.WeirDll(), "up", "--config", config, "--url", $"http://127.0.0.1:{url.Port}", "--data", Path.Combine(folder, "data"));
    }

    // One request after the other's start at an even pace, whatever becomes of them; those that meet the killed server are not answered.
    private static async Task<List<double>> AskAsync(HttpClient client, CancellationToken ends)
    {
        var asked = new List<Task<double?>>();
        using var timer = new PeriodicTimer(Pace);
        try
        {
            while (await timer.WaitForNextTickAsync(ends))
                asked.Add(OneAsync());
        }
        catch (OperationCanceledException)
        {
            // Enough.
        }

        return [.. (await Task.WhenAll(asked)).OfType<double>().Order()];

        async Task<double?> OneAsync()
        {
            var watch = Stopwatch.StartNew();
            try
            {
                using var answer = await client.PostAsJsonAsync("/v1/chat/completions", new { model = "bench", messages = new[] { new { role = "user", content = "hello" } } }, CancellationToken.None);
                return answer.IsSuccessStatusCode ? watch.Elapsed.TotalMilliseconds : null;
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    private static string Describe(List<double> sorted) =>
        sorted.Count == 0 ? "none" : $"{sorted.Count}: p50 {At(sorted, 0.5):0.0} ms, p99 {At(sorted, 0.99):0.0} ms";

    private static double At(List<double> sorted, double quantile) => sorted[(int)((sorted.Count - 1) * quantile)];

    private static async Task<JsonElement> SubmitAsync(HttpClient client, int lines)
    {
        var text = new StringBuilder();
        for (var i = 0; i < lines; i++)
            text.Append(CultureInfo.InvariantCulture, $$"""{"custom_id":"c{{i}}","method":"POST","url":"/v1/chat/completions","body":{"model":"bench","messages":[{"role":"user","content":"prompt {{i}}"}]} }""").Append('\n');
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(text.ToString())), "file", "bench.jsonl" },
        };
        using var uploaded = await client.PostAsync(new Uri("/v1/files", UriKind.Relative), form);
        uploaded.EnsureSuccessStatusCode();
        var file = (await uploaded.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        using var made = await client.PostAsJsonAsync("/v1/batches", new { input_file_id = file, endpoint = "/v1/chat/completions", completion_window = "24h" });
        made.EnsureSuccessStatusCode();
        return await made.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<JsonElement> UntilAsync(HttpClient client, string id, Func<JsonElement, bool> condition)
    {
        while (true)
        {
            try
            {
                var batch = await client.GetFromJsonAsync<JsonElement>($"/v1/batches/{id}");
                if (condition(batch))
                    return batch;
            }
            catch (HttpRequestException)
            {
                // It is just starting.
            }

            await Task.Delay(100);
        }
    }

    private static int Done(JsonElement batch) =>
        batch.GetProperty("request_counts").GetProperty("completed").GetInt32() + batch.GetProperty("request_counts").GetProperty("failed").GetInt32();

    private static bool HasEnded(JsonElement batch) => batch.GetProperty("status").GetString() is "completed" or "failed" or "expired" or "cancelled";

    private static string IdOf(string line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty("custom_id").GetString()!;
    }
}
