using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Weir.Benchmarks;

/// <summary>Workers that are real processes, which renew what they hold until they are killed: how long until each resource is free again.</summary>
internal static class LeasesKilled
{
    public const int Workers = 8, Each = 5;
    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(2);

    private const string Worker = """
        import json, os, sys, time, urllib.request
        def ask(path, body):
            r = urllib.request.Request(os.environ["BENCH_URL"] + path, json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["BENCH_KEY"]})
            with urllib.request.urlopen(r, timeout=30) as a: return json.load(a)
        kind, count, ttl = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
        lease = ask("/v1/leases", {"worker_id": "killed-%d" % os.getpid(), "ttl": "%gs" % ttl, "resources": [{"kind": kind, "count": count}]})
        print(" ".join(r["id"] for r in lease["resources"]), flush=True)
        while True:
            time.sleep(ttl / 3)
            ask("/v1/leases/%s/renew" % lease["id"], {"fence": lease["fence"]})
        """;

    /// <returns>Seconds from the kill until each resource was free, in order.</returns>
    public static async Task<double[]> RunAsync(LeasesServer server, Random random)
    {
        var workers = new List<Process>();
        try
        {
            var held = new Dictionary<string, Process>(StringComparer.Ordinal);
            for (var i = 0; i < Workers; i++)
            {
                var start = new ProcessStartInfo("python3", ["-c", Worker, LeasesServer.Remote, $"{Each}", Ttl.TotalSeconds.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true };
                (start.Environment["BENCH_URL"], start.Environment["BENCH_KEY"]) = (server.Process.Url.ToString().TrimEnd('/'), server.Key);
                workers.Add(Process.Start(start) ?? throw new InvalidOperationException("python3 did not start."));
            }

            foreach (var worker in workers)
            {
                foreach (var resource in (await worker.StandardOutput.ReadLineAsync())!.Split(' '))
                    held.Add(resource, worker);
            }

            // Long enough that each has renewed, at no moment that all have in common.
            await Task.Delay(TimeSpan.FromSeconds(Ttl.TotalSeconds * (1 + random.NextDouble())));
            var killed = new Dictionary<Process, long>();
            foreach (var worker in workers)
            {
                await Task.Delay(random.Next(50));
                killed[worker] = Stopwatch.GetTimestamp();
                worker.Kill();
            }

            var times = new List<double>();
            while (held.Count > 0 && killed.Values.Max(at => Stopwatch.GetElapsedTime(at)) < TimeSpan.FromSeconds(60))
            {
                var seen = (await server.Client.GetFromJsonAsync<JsonObject>($"/v1/resources?kind={LeasesServer.Remote}&state=leased&limit=1000"))!["data"]!.AsArray();
                var leased = seen.Select(one => (string)one!["id"]!).ToHashSet(StringComparer.Ordinal);
                foreach (var (resource, worker) in held.Where(one => !leased.Contains(one.Key)).ToList())
                {
                    times.Add(Stopwatch.GetElapsedTime(killed[worker]).TotalSeconds);
                    held.Remove(resource);
                }

                await Task.Delay(10);
            }

            return held.Count == 0 ? [.. times.Order()] : throw new InvalidOperationException($"{held.Count} resources were not back a minute after their workers were killed: {string.Join(' ', held.Keys)}");
        }
        finally
        {
            foreach (var worker in workers)
            {
                worker.Kill();
                await worker.WaitForExitAsync();
                worker.Dispose();
            }
        }
    }
}
