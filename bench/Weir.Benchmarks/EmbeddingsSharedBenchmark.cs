using System.Globalization;
using System.Text;
using Weir.Tests.Retrieval.Support;

namespace Weir.Benchmarks;

/// <summary>
/// What one embedding service for many processes saves: worker processes that only wait, the same with their texts and a connection but without embeddings,
/// each with a model and a cache of its own, and all over one Weir. Memory is the sum of proportional set sizes, in which a shared page counts once.
/// </summary>
internal static class EmbeddingsSharedBenchmark
{
    private const int Vocabulary = 30_000, Dimensions = 256;

    public static async Task<int> RunAsync(string[] args)
    {
        var workers = Number(args, "--workers", 25);
        var texts = Number(args, "--texts", 200);
        var asked = Number(args, "--asked", 100);
        if (!File.Exists("/proc/self/smaps_rollup"))
        {
            Console.Error.WriteLine("Proportional set sizes come from /proc/PID/smaps_rollup, which only Linux has.");
            return 1;
        }

        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            var model = Path.Combine(folder, "model");
            StaticModelFolder.Write(model, Vocabulary, Dimensions, seed: 1);
            await using var provider = await EmbeddingsSharedProvider.StartAsync();
            Say($"{workers} workers that wait");
            var idle = await MeasureAsync("idle", [], null);
            Say($"{workers} workers without embeddings");
            var without = await MeasureAsync("base", [provider.Url.Authority], null);
            Say($"{workers} workers with a model of their own");
            var own = await MeasureAsync("own", [model, provider.Url.Authority], null);
            Say($"{workers} workers over one Weir");
            await using var weir = await WeirAsync(folder, model, provider.Url);
            var before = EmbeddingsSharedWorkers.ProportionalMegabytes(weir.Id);
            var shared = await MeasureAsync("weir", [weir.Url.ToString(), ClientFolder()], weir);
            Report(workers, texts, asked, idle, without, own, shared, before);

            async Task<Measured> MeasureAsync(string mode, string[] places, GatewayProcess? server)
            {
                var (requests, inputs) = provider.Counts;
                await using var started = await EmbeddingsSharedWorkers.StartAsync(workers, mode, texts, asked, places);
                var seconds = await started.WorkAsync();
                var (requestsAfter, inputsAfter) = provider.Counts;
                return new(started.ProportionalMegabytes(), server is null ? 0 : EmbeddingsSharedWorkers.ProportionalMegabytes(server.Id), requestsAfter - requests, inputsAfter - inputs, seconds);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static async Task<GatewayProcess> WeirAsync(string folder, string model, Uri provider)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var config = Path.Combine(folder, "weir.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "providers": { "counting": { "dialect": "openai", "base_url": "{{provider}}v1" } },
              "embeddings": { "models": { "static": { "kind": "static", "path": "{{model}}" }, "counted": { "kind": "route", "route": "counting/counted" } } }
            }
            """);
        return await GatewayProcess.StartAsync(url, "dotnet", GatewayServers.WeirDll(), "up", "--config", config, "--url", $"http://127.0.0.1:{url.Port}", "--data", Path.Combine(folder, "data"));
    }

    private static void Report(int workers, int texts, int asked, Measured idle, Measured without, Measured own, Measured shared, double before)
    {
        var culture = CultureInfo.InvariantCulture;
        var table = new StringBuilder();
        table.AppendLine(culture, $"{workers} worker processes (Python), each with the same {texts} texts for a static model of {Vocabulary:N0} × {Dimensions} float32 and the same {asked} for a provider, all twice.");
        table.AppendLine();
        table.AppendLine("| | workers, MB | Weir, MB | together, MB | provider calls | texts paid | seconds |");
        table.AppendLine("|---|---|---|---|---|---|---|");
        Row("waiting", idle);
        Row("without embeddings", without);
        Row("each with its own model and cache", own);
        Row("all over one Weir", shared);
        table.AppendLine();
        table.AppendLine("| over … | the workers alone, MB | with Weir's process, MB | each with its own, MB |");
        table.AppendLine("|---|---|---|---|");
        Over("workers that wait", idle);
        Over("workers with texts and a connection, without embeddings", without);
        table.AppendLine();
        table.AppendLine(culture, $"Memory: proportional set size, summed. Weir itself: {before:0} MB when it had started, {shared.Server:0} MB after.");
        Console.Write(table);

        void Row(string name, Measured measured) => table.AppendLine(
            culture, $"| {name} | {measured.Workers:0} | {measured.Server:0} | {measured.Total:0} | {measured.Requests:N0} | {measured.Inputs:N0} | {measured.Seconds:0.0} |");

        void Over(string name, Measured floor) => table.AppendLine(
            culture, $"| {name} | {shared.Workers - floor.Workers:0} | {shared.Total - floor.Workers:0} | {own.Workers - floor.Workers:0} |");
    }

    /// <summary>The client stands in the repository that this was built from.</summary>
    private static string ClientFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "clients", "python", "weir.py")))
                return Path.Combine(folder.FullName, "clients", "python");
        }

        throw new InvalidOperationException("clients/python/weir.py is not above " + AppContext.BaseDirectory);
    }

    private static int Number(string[] args, string name, int usual) =>
        Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : usual;

    private static void Say(string what) => Console.Error.WriteLine($"embeddings-shared: {what}");

    private sealed record Measured(double Workers, double Server, long Requests, long Inputs, double Seconds)
    {
        public double Total => Workers + Server;
    }
}
