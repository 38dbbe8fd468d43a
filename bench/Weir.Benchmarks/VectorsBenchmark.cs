using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using Weir.Retrieval.Vectors;

namespace Weir.Benchmarks;

/// <summary>
/// The vector index beside its peers: reading the int8 bytes once with the same threads, and a plain float scan. Recall is told against that scan,
/// for vectors in all directions and in clusters. Medians of five rounds.
/// </summary>
internal static class VectorsBenchmark
{
    private const int Batch = 10_000;
    private const int Rounds = 5;
    private const int K = 10;
    private static readonly float[] Shares = [0.5f, 0.1f, 0.01f];

    public static async Task<int> RunAsync(string[] args)
    {
        var (count, dimensions) = (1_000_000, 384);
        for (var i = 0; i < args.Length; i += 2)
        {
            var known = i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
                ? (args[i], number)
                : default;
            if (known is ("--count", var c and <= 50_000_000))
                count = c;
            else if (known is ("--dimensions", var d and <= 65_536))
                dimensions = d;
            else
            {
                await Console.Error.WriteLineAsync("bench vectors [--count ROWS] [--dimensions NUMBERS]");
                return 2;
            }
        }

        var cpu = Avx512BW.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : "128 bits";
        Print($"{count:N0} vectors of {dimensions} dimensions, {Environment.ProcessorCount} processors, int8 path: {cpu}. Medians of {Rounds} rounds.");
        Console.WriteLine();
        var data = new VectorsData(dimensions);
        var set = Build("all directions", data, count, dimensions);
        Searches(set, data, dimensions);
        Recall("all directions", set, data, dimensions);
        Changes(set, data, count, dimensions);
        set.Dispose();
        foreach (var (name, spread) in new[] { ("1,000 clusters, cosine 0.74 within", 0.6f), ("1,000 clusters, cosine 0.99 within", 0.1f) })
        {
            var clustered = new VectorsData(dimensions, 1000, spread);
            set = Build(name, clustered, count, dimensions);
            Recall(name, set, clustered, dimensions);
            set.Dispose();
        }

        Collect();
        Print($"Resident after all indexes were disposed: {Resident() >> 20:N0} MB.");
        return 0;
    }

    public static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    public static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;

    public static long Resident() =>
        File.Exists("/proc/self/statm") ? long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize : 0;

    /// <summary>Resident, less what is shared with files: memory that the system cannot have back.</summary>
    public static long Private() =>
        File.Exists("/proc/self/statm")
            ? File.ReadAllText("/proc/self/statm").Split(' ') is var pages
                ? (long.Parse(pages[1], CultureInfo.InvariantCulture) - long.Parse(pages[2], CultureInfo.InvariantCulture)) * Environment.SystemPageSize
                : 0
            : 0;

    public static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    private static VectorsSet Build(string name, VectorsData data, int count, int dimensions)
    {
        Console.Error.WriteLine($"building: {name}");
        var set = new VectorsSet(dimensions);
        Collect();
        var before = Resident();
        for (var from = 0; from < count; from += Batch)
            set.Add(from, Math.Min(Batch, count - from), data.Rows(Math.Min(Batch, count - from), from));
        Print($"**{name}**: added {count / set.Adding.TotalSeconds:N0} vectors a second on one thread, in batches of {Batch:N0}; {set.Index.Snapshot.Bytes / (double)count:N0} bytes a vector in the index, of which int8 codes are {Int8Codec.Stride(dimensions)}; resident {Resident() - before >> 20:N0} MB more, {(long)count * dimensions * 4 >> 20:N0} MB of them the benchmark's own copy.");
        Console.WriteLine();
        return set;
    }

    private static void Searches(VectorsSet set, VectorsData data, int dimensions)
    {
        var codes = set.Index.Snapshot.Count * (long)Int8Codec.Stride(dimensions);
        var reading = new VectorsReading(codes);
        var queries = data.Rows(21, -7);
        var threads = set.Index.Snapshot.Count >= set.Index.Settings.ParallelRows ? Environment.ProcessorCount : 1;
        Console.WriteLine("| | ms | range | to reading |");
        Console.WriteLine("|---|---|---|---|");
        var rounds = Enumerable.Range(0, Rounds + 1).Select(_ => (
            Read: Median(Enumerable.Range(0, 11).Select(_ => reading.Read(threads).TotalMilliseconds)),
            Int8: Round(set.Index.Snapshot, queries, dimensions),
            Float: Round(set.Floats.Snapshot, queries, dimensions),
            Shares: Shares.Select(share => Round(set.Index.Snapshot, queries, dimensions, id => id * 2_654_435_761 % 1000 < share * 1000)).ToArray()))
            .Skip(1).ToArray();
        var read = Median(rounds.Select(r => r.Read));
        Row(string.Create(CultureInfo.InvariantCulture, $"reading {codes >> 20:N0} MB once, threads: {threads}"), rounds.Select(r => r.Read), read);
        Row($"int8 and rescoring, p50, k = {K}", rounds.Select(r => r.Int8), read);
        for (var i = 0; i < Shares.Length; i++)
            Row(string.Create(CultureInfo.InvariantCulture, $"the same, a filter that passes {Shares[i] * 100:0} %"), rounds.Select(r => r.Shares[i]), read);
        Row("plain float scan, p50", rounds.Select(r => r.Float), read);
        Console.WriteLine();
    }

    private static void Row(string name, IEnumerable<double> values, double read) =>
        Print($"| {name} | {Median(values):0.0} | {values.Min():0.0} to {values.Max():0.0} | {Median(values) / read:0.00} |");

    private static double Round(VectorSnapshot snapshot, float[] queries, int dimensions, Predicate<long>? filter = null) =>
        Median(Enumerable.Range(0, queries.Length / dimensions).Select(i =>
        {
            var began = Stopwatch.GetTimestamp();
            snapshot.Search(queries.AsSpan(i * dimensions, dimensions), K, filter);
            return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }));

    private static void Recall(string name, VectorsSet set, VectorsData data, int dimensions)
    {
        const int Queries = 50;
        var queries = data.Rows(Queries, -9);
        var oneScan = set.Index.Snapshot.With(set.Index.Settings with { MostCandidates = 0 });
        var (found, foundOnce) = (0, 0);
        var spent = new List<double>();
        for (var i = 0; i < Queries; i++)
        {
            var query = queries.AsSpan(i * dimensions, dimensions);
            var truth = set.Floats.Snapshot.Search(query, K).Select(h => h.Id).ToHashSet();
            var began = Stopwatch.GetTimestamp();
            found += set.Index.Snapshot.Search(query, K).Count(h => truth.Contains(h.Id));
            spent.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            foundOnce += oneScan.Search(query, K).Count(h => truth.Contains(h.Id));
        }

        var all = (double)Queries * Math.Min(K, set.Index.Snapshot.Count);
        Print($"Recall@{K} against float, {Queries} queries, {name}: **{found / all:0.0000}**, p50 {Median(spent):0.0} ms; without the second scan {foundOnce / all:0.0000}.");
        Console.WriteLine();
    }

    private static void Changes(VectorsSet set, VectorsData data, int count, int dimensions)
    {
        var random = new Random(3);
        var ids = Enumerable.Range(0, count).Select(i => (long)i).ToArray();
        random.Shuffle(ids);
        var began = Stopwatch.GetTimestamp();
        var most = TimeSpan.Zero;
        var gone = count * 3 / 4;
        for (var from = 0; from < gone; from += 1000)
        {
            var one = Stopwatch.GetTimestamp();
            set.Index.Apply([], ids[from..Math.Min(from + 1000, gone)]);
            most = Stopwatch.GetElapsedTime(one) is var took && took > most ? took : most;
        }

        var elapsed = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Print($"Removing three quarters, in any order, 1,000 at a time: {gone / elapsed:N0} a second, compaction included; the longest change took {most.TotalMilliseconds:0} ms, during which searches go on. What is left takes {set.Index.Snapshot.Bytes / (double)Math.Max(1, set.Index.Snapshot.Count):N0} bytes a vector.");
        var single = data.Rows(1000, -11);
        began = Stopwatch.GetTimestamp();
        for (var i = 0; i < 1000; i++)
            set.Index.Apply([new VectorUpsert(count + i, single.AsMemory(i * dimensions, dimensions))], []);
        Print($"Adding one at a time: {1000 / Stopwatch.GetElapsedTime(began).TotalSeconds:N0} a second.");
        Console.WriteLine();
    }
}

/// <summary>One index as it is used, and one of floats, which is the truth.</summary>
internal sealed class VectorsSet(int dimensions) : IDisposable
{
    public VectorIndex Index { get; } = new(dimensions);

    public VectorIndex Floats { get; } = new(dimensions, new VectorIndexSettings { Quantize = false });

    public TimeSpan Adding { get; private set; }

    public void Add(long firstId, int count, float[] rows)
    {
        var upserts = new VectorUpsert[count];
        for (var i = 0; i < count; i++)
            upserts[i] = new VectorUpsert(firstId + i, rows.AsMemory(i * dimensions, dimensions));
        var began = Stopwatch.GetTimestamp();
        Index.Apply(upserts, []);
        Adding += Stopwatch.GetElapsedTime(began);
        Floats.Apply(upserts, []);
    }

    public void Dispose()
    {
        Index.Dispose();
        Floats.Dispose();
    }
}
