using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Weir.State;

namespace Weir.Benchmarks;

/// <summary>
/// Commits and documents a second of each store, at one and at 64 commits in flight, with three small documents and with 256 in each
/// commit; beside them, the machine's own fsyncs a second, which bound what any durable store does one at a time.
/// </summary>
internal static class StateBenchmark
{
    private static readonly (int Documents, int InFlight, double Seconds)[] Shapes = [(3, 1, 2), (3, 64, 4), (256, 4, 3)];

    public static async Task<int> RunAsync(string[] args)
    {
        string[] stores = args.Length > 0 ? args : ["sqlite", "redis", "memory"];
        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            Console.WriteLine($"fsync of 4 kB written over in a file: {Fsyncs(Path.Combine(folder, "fsync")):0} a second, one at a time");
            Console.WriteLine();
            Console.WriteLine("| store | documents in a commit | in flight | commits/s | documents/s | p50 ms | p99 ms |");
            Console.WriteLine("|---|---|---|---|---|---|---|");
            foreach (var kind in stores)
            {
                if (kind is not ("sqlite" or "redis" or "memory"))
                {
                    await Console.Error.WriteLineAsync($"bench state [sqlite] [redis] [memory]: '{kind}' is none of these.");
                    return 2;
                }

                using var redis = kind == "redis" ? await StateBenchmarkRedis.StartAsync(Path.Combine(folder, "redis")) : null;
                await using var store = await StateStores.OpenAsync(new StateOptions { Store = redis?.Url ?? kind, DataFolder = Path.Combine(folder, kind) });
                await MeasureAsync(store, 3, 64, 1);
                foreach (var (documents, inFlight, seconds) in Shapes)
                {
                    var (commits, latencies, elapsed) = await MeasureAsync(store, documents, inFlight, seconds);
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {kind} | {documents} | {inFlight} | {commits / elapsed:0} | {commits * documents / elapsed:0} | {Percentile(latencies, 0.5):0.00} | {Percentile(latencies, 0.99):0.00} |"));
                }
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(long Commits, double[] Latencies, double Seconds)> MeasureAsync(IStateStore store, int documents, int inFlight, double seconds)
    {
        var body = new byte[200];
        Array.Fill(body, (byte)' ');
        (body[0], body[^1]) = ((byte)'{', (byte)'}');
        var latencies = new ConcurrentBag<double>();
        var run = Guid.NewGuid().ToString("N");
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(task => Task.Run(async () =>
        {
            long version = 0;
            var keys = Enumerable.Range(0, documents).Select(i => $"{run}/{task}/{i}").ToArray();
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                var began = watch.Elapsed;
                var outcome = await store.CommitAsync(new Commit("bench") { Writes = [.. keys.Select(k => new Write(k, version, body))] });
                version = outcome is CommitOutcome.Committed(var revision) ? revision : throw new InvalidOperationException($"{outcome}");
                latencies.Add((watch.Elapsed - began).TotalMilliseconds);
            }
        })));
        return (latencies.Count, [.. latencies.Order()], watch.Elapsed.TotalSeconds);
    }

    private static double Fsyncs(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[4096];
        file.Write(new byte[1 << 20]);
        file.Flush(flushToDisk: true);
        var watch = Stopwatch.StartNew();
        var count = 0;
        for (; watch.Elapsed.TotalSeconds < 1; count++)
        {
            file.Position = count % 256 * block.Length;
            file.Write(block);
            file.Flush(flushToDisk: true);
        }

        return count / watch.Elapsed.TotalSeconds;
    }

    private static double Percentile(double[] sorted, double share) => sorted.Length == 0 ? double.NaN : sorted[(int)((sorted.Length - 1) * share)];
}

/// <summary>A redis-server of the benchmark's own, with its writes logged and flushed every second, as <c>docs/state.md</c> advises.</summary>
internal sealed class StateBenchmarkRedis : IDisposable
{
    private readonly Process _process;

    private StateBenchmarkRedis(Process process, int port) => (_process, Url) = (process, $"redis://127.0.0.1:{port}/0");

    public string Url { get; }

    public static async Task<StateBenchmarkRedis> StartAsync(string folder)
    {
        Directory.CreateDirectory(folder);
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        string[] arguments =
        [
            "--port", $"{port}", "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--auto-aof-rewrite-min-size", "1gb", "--logfile", Path.Combine(folder, "log"),
        ];
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("redis-server", arguments))!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException("redis-server is missing: apt-get install redis-server, or name only the other stores.", e);
        }

        var server = new StateBenchmarkRedis(process, port);
        for (var tries = 0; tries < 200; tries++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return server;
            }
            catch (SocketException)
            {
                await Task.Delay(25);
            }
        }

        server.Dispose();
        throw new InvalidOperationException("redis-server did not start.");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
