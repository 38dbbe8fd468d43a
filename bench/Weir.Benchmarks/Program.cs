using BenchmarkDotNet.Running;
using Weir.Benchmarks;

// One command each: `./weir bench NAME`. Each prints Markdown on standard output and its progress on standard error.
var benchmarks = new Dictionary<string, Func<string[], Task<int>>>(StringComparer.Ordinal)
{
    ["batch"] = BatchBenchmark.RunAsync,
    ["collections"] = CollectionsBenchmark.RunAsync,
    ["embeddings"] = EmbeddingsBenchmark.RunAsync,
    ["embeddings-shared"] = EmbeddingsSharedBenchmark.RunAsync,
    ["gateway"] = GatewayBenchmark.RunAsync,
    ["leases"] = LeasesBenchmark.RunAsync,
    ["streams"] = GatewayStreams.RunAsync,
    ["retrieval"] = RetrievalBenchmark.RunAsync,
    ["state"] = StateBenchmark.RunAsync,
    ["vectors"] = VectorsBenchmark.RunAsync,
    ["micro"] = micro =>
    {
        BenchmarkSwitcher.FromAssembly(typeof(GatewayBenchmark).Assembly).Run(micro);
        return Task.FromResult(0);
    },
};

if (args is [GatewayBare.Command, .. var bare])
    return await GatewayBare.RunAsync(bare);
if (args is [EmbeddingsBare.Command, .. var fixedAnswer])
    return await EmbeddingsBare.RunAsync(fixedAnswer);
if (args is [LeasesNaive.Command, .. var naive])
    return await LeasesNaive.RunAsync(naive);
if (args is [var name, .. var rest] && benchmarks.TryGetValue(name, out var benchmark))
    return await benchmark(rest);
Console.Error.WriteLine($"weir bench NAME, where NAME is one of {string.Join(", ", benchmarks.Keys.Order())}.");
return 2;
