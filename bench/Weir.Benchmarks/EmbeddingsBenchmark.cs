using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Weir.Benchmarks;

/// <summary>
/// Cached embeddings of 384 dimensions over HTTP, 64 to a request: vectors for each second of the server's own processor time, as base64 and as JSON
/// numbers, against a bare Kestrel endpoint that answers the same bytes fixed, in the same run, in turns, medians over the rounds.
/// </summary>
internal static class EmbeddingsBenchmark
{
    private const int Batch = 64;
    private const int Bodies = 32;
    private const int Connections = 8;

    public static async Task<int> RunAsync(string[] args)
    {
        if (GatewaySettings.Parse(args) is not { Portkey: null } settings)
        {
            await Console.Error.WriteLineAsync("weir bench embeddings [--rounds N] [--seconds N] [--quick]");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            // Vectors of a provider are dense; those of the hashing model hold many zeros, which are quickly written.
            await using var provider = await GatewayServers.SimulatedAsync(tokensPerSecond: 0, tokens: 1);
            var (weir, key) = await GatewayServers.WeirAsync(
                folder, provider.Url, """, "embeddings": { "models": { "bench-vectors": { "kind": "route", "route": "up/dense" } } }""");
            await using var _ = weir;
            var report = new StringBuilder();
            report.AppendLine(CultureInfo.InvariantCulture, $"Vectors of 384 dimensions, {Batch} to a request, {Bodies * Batch:N0} texts, all cached; {Connections} connections; medians of {settings.Rounds} rounds of {settings.Seconds} s. Client and server share {Environment.ProcessorCount} cores.");
            report.AppendLine("\n| | vectors a second of processor time | range | vectors a second by the clock | µs a request | to bare |\n|---|---|---|---|---|---|");
            foreach (var format in (string[])["base64", "float"])
            {
                await MeasureAsync(settings, folder, weir, key, format, report);
            }

            Console.Write(report);
            return 0;
        }
        catch (InvalidOperationException failed)
        {
            await Console.Error.WriteLineAsync(failed.Message);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(GatewaySettings settings, string folder, GatewayProcess weir, string key, string format, StringBuilder report)
    {
        var bodies = Enumerable.Range(0, Bodies).Select(i => BodyOf(i, format)).ToArray();
        var answer = await WarmAsync(weir, key, bodies);
        var fixedAnswer = Path.Combine(folder, format + ".json");
        await File.WriteAllBytesAsync(fixedAnswer, answer);
        await using var bare = await EmbeddingsBare.StartAsync(fixedAnswer);
        var costs = new Dictionary<string, List<GatewayCost>>(StringComparer.Ordinal) { ["bare"] = [], ["Weir"] = [] };
        for (var round = -1; round < settings.Rounds; round++)
        {
            await Console.Error.WriteLineAsync($"embeddings: {format}, {(round < 0 ? "warm-up" : $"round {round + 1} of {settings.Rounds}")}");
            foreach (var (name, server) in ((string, GatewayProcess)[])[("bare", bare), ("Weir", weir)])
            {
                var before = server.ProcessorSeconds();
                var load = await EmbeddingsLoad.RunAsync(server, key, folder, bodies, Connections, settings.Seconds);
                if (round >= 0)
                    costs[name].Add(new GatewayCost((server.ProcessorSeconds() - before) / load.Requests, load.Requests / load.Seconds));
            }
        }

        var toBare = GatewayReport.Median(costs["bare"], cost => cost.Processor);
        foreach (var (name, rounds) in costs)
        {
            var processor = GatewayReport.Median(rounds, cost => cost.Processor);
            report.AppendLine(CultureInfo.InvariantCulture,
                $"| {name}, {format}, {answer.Length / 1000} kB | {Batch / processor:N0} | {rounds.Min(cost => Batch / cost.Processor):N0} to {rounds.Max(cost => Batch / cost.Processor):N0} | {Batch * GatewayReport.Median(rounds, cost => cost.Rate):N0} | {processor * 1e6:N0} | {processor / toBare:0.00} |");
        }
    }

    // Once each, so that all are known; gives the first answer.
    private static async Task<byte[]> WarmAsync(GatewayProcess weir, string key, string[] bodies)
    {
        using var client = new HttpClient { BaseAddress = weir.Url };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        byte[]? first = null;
        foreach (var body in bodies)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync("/v1/embeddings", content);
            var bytes = await answer.Content.ReadAsByteArrayAsync();
            if (!answer.IsSuccessStatusCode)
                throw new InvalidOperationException($"Weir answered {(int)answer.StatusCode}: {Encoding.UTF8.GetString(bytes)}");
            first ??= bytes;
        }

        return first!;
    }

    private static string BodyOf(int body, string format) => JsonSerializer.Serialize(new
    {
        model = "bench-vectors",
        encoding_format = format,
        input = Enumerable.Range(0, Batch).Select(i => $"Passage {body * Batch + i}: a weir pools a stream, levels it and meters what flows over it."),
    });
}
