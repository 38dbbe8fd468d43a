using System.Globalization;

namespace Weir.Benchmarks;

/// <summary>
/// Leases, as workers see them: how long one waits for one lease, for one of 300 that are asked for at once, for 100 resources; pairs of allocate and release a second beside a naive
/// allocator; and what is given twice or lost when workers and replicas are paused and killed. Each part has the Weir process to itself, or two.
/// </summary>
internal sealed class LeasesBenchmark : IAsyncDisposable
{
    private static readonly string[] Parts = ["waits", "pairs", "attack", "workers", "desktops"];

    private readonly string _folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
    private readonly List<(string Figure, string Target, string Seen, bool Met)> _targets = [];
    private readonly LeasesUpstream _upstream;
    private readonly int _rounds;
    private readonly double _seconds;
    private readonly int _seed;
    private int _servers;

    private LeasesBenchmark(LeasesUpstream upstream, bool quick, int seed) => (_upstream, _rounds, _seconds, _seed) = (upstream, quick ? 1 : 5, quick ? 1 : 4, seed);

    public static async Task<int> RunAsync(string[] args)
    {
        var quick = args.Contains("--quick");
        var seed = args.SkipWhile(arg => arg != "--seed").Skip(1).FirstOrDefault() is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : 1;
        var only = args.SkipWhile(arg => arg != "--only").Skip(1).FirstOrDefault()?.Split(',') ?? Parts;
        if (!Array.TrueForAll(only, Parts.Contains))
        {
            await Console.Error.WriteLineAsync($"bench leases [--quick] [--seed N] [--only {string.Join(',', Parts)}]");
            return 2;
        }

        await using var benchmark = new LeasesBenchmark(await LeasesUpstream.StartAsync(), quick, seed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]} before the run; medians of {benchmark._rounds}, seed {seed}.\n"));
        foreach (var part in only)
        {
            await Console.Error.WriteLineAsync(part);
            await (part switch
            {
                "waits" => benchmark.WaitsAsync(),
                "pairs" => benchmark.PairsAsync(),
                "attack" => benchmark.AttackAsync(quick ? 8 : 40),
                "workers" => benchmark.WorkersAsync(),
                _ => benchmark.DesktopsAsync(),
            });
        }

        benchmark.PrintTargets();
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static void Print(FormattableString line) => VectorsBenchmark.Print(line);

    private Task<LeasesServer> ServerAsync(string state = "sqlite", bool desktops = false) => LeasesServer.StartAsync(NewFolder(), _upstream.Url, state, desktops: desktops);

    private string NewFolder() => Path.Combine(_folder, $"{_servers++}");

    private async Task WaitsAsync()
    {
        await using var server = await ServerAsync();
        var asks = new List<(string Name, string Kind, object Ask)>();
        foreach (var (name, kind) in (ReadOnlySpan<(string, string)>)[("rag", LeasesServer.Rag), ("remote", LeasesServer.Remote), ("remote with webhooks", LeasesServer.Hooked)])
        {
            asks.Add(($"{name}, lease only", kind, LeasesServer.Ask("bench", "1m", "10s", (kind, 1))));
            asks.Add(($"{name}, to first observation", kind, LeasesServer.AskToSee("bench", "1m", "10s", kind)));
        }

        foreach (var one in asks)
        {
            await server.FreeAsync(one.Kind, LeasesServer.Capacity);
            await LeasesWaits.BurstAsync(server, 100, one.Ask);
        }

        Console.WriteLine("**One lease, 45 a second, as they come (Poisson)**\n\n| | p50 ms | p99 ms | slowest ms |\n|---|---|---|---|");
        foreach (var one in asks)
        {
            await server.FreeAsync(one.Kind, LeasesServer.Capacity);
            var rounds = new List<double[]>();
            for (var round = 0; round < _rounds; round++)
                rounds.Add(await LeasesWaits.PoissonAsync(server, 45, _seconds, _seed + round, one.Ask));
            var (p50, p99) = (rounds.Select(times => times.At(0.5)).Median(), rounds.Select(times => times.At(0.99)).Median());
            Print($"| {one.Name} | {p50:0.0} | {p99:0.0} | {rounds.Max(times => times[^1]):0.0} |");
            if (one.Kind != LeasesServer.Hooked && one.Name.EndsWith("only", StringComparison.Ordinal))
                Judge($"one warm lease of {one.Name}, 45 a second", "p50 under 10 ms, p99 under 50 ms", $"{p50:0.0} / {p99:0.0} ms", p50 < 10 && p99 < 50);
        }

        Console.WriteLine("\n**300 leases at once**\n\n| | median ms | p90 ms | all ready ms |\n|---|---|---|---|");
        foreach (var one in asks.Where(one => one.Kind != LeasesServer.Hooked))
        {
            await LeasesWaits.BurstAsync(server, 300, one.Ask);
            var rounds = new List<double[]>();
            for (var round = 0; round < _rounds; round++)
                rounds.Add(await LeasesWaits.BurstAsync(server, 300, one.Ask));
            var all = rounds.Select(times => times[^1]).Median();
            Print($"| {one.Name} | {rounds.Select(times => times.At(0.5)).Median():0} | {rounds.Select(times => times.At(0.9)).Median():0} | {all:0} |");
            if (one.Name.EndsWith("only", StringComparison.Ordinal))
                Judge($"300 leases at once of {one.Name}", "all ready in 500 ms", $"{all:0} ms", all < 500);
        }

        Console.WriteLine("\n**One lease of 100 resources, one after the other**\n\n| | p50 ms | p99 ms |\n|---|---|---|");
        (string Name, object Ask)[] many =
        [
            ("100 rag", LeasesServer.Ask("bench", "1m", "10s", (LeasesServer.Rag, 100))),
            ("50 rag and 50 remote", LeasesServer.Ask("bench", "1m", "10s", (LeasesServer.Rag, 50), (LeasesServer.Remote, 50))),
        ];
        foreach (var (name, ask) in many)
        {
            await LeasesWaits.AloneAsync(server, 20, ask);
            var times = await LeasesWaits.AloneAsync(server, 20 * _rounds, ask);
            Print($"| {name} | {times.At(0.5):0.0} | {times.At(0.99):0.0} |");
            Judge($"one lease of {name}", "under 100 ms", $"{times.At(0.5):0.0} ms, p99 {times.At(0.99):0.0}", times.At(0.99) < 100);
        }

        Console.WriteLine();
    }

    private async Task PairsAsync()
    {
        Console.WriteLine("**Pairs of allocate and release, `rag` and `remote` together, 64 connections**\n\n| | pairs a second | range | p50 ms of a request | p99 ms | µs of CPU a pair |\n|---|---|---|---|---|---|");
        await using var naive = await LeasesNaive.StartAsync(NewFolder());
        await using var embedded = await ServerAsync();
        using var redis = await StateBenchmarkRedis.StartAsync(NewFolder());
        await using var shared = await ServerAsync(redis.Url);
        (string Name, GatewayProcess Process, LeasesServer? Server, List<(LeasesPairs Pairs, double Processor)> Rounds)[] servers =
        [
            ("naive: one lock, a flushed line for each resource", naive, null, []),
            ("Weir, SQLite", embedded.Process, embedded, []),
            ("Weir, Redis (flushed every second)", shared.Process, shared, []),
        ];
        foreach (var server in (LeasesServer[])[embedded, shared])
            await server.FreeAsync(LeasesServer.Remote, LeasesServer.Capacity);
        // The first two rounds only warm up.
        for (var round = -2; round < _rounds; round++)
        {
            foreach (var one in servers)
            {
                var before = one.Process.ProcessorSeconds();
                var pairs = await LeasesPairs.RunAsync(one.Process, one.Server?.Key, _folder, _seconds);
                var used = (one.Process.ProcessorSeconds() - before) * 1e6 / pairs.Pairs;
                if (one.Server is { } server)
                    await server.ReleaseAllAsync();
                if (round >= 0)
                    one.Rounds.Add((pairs, used));
            }
        }

        foreach (var (name, _, server, rounds) in servers)
        {
            var rate = rounds.Select(round => round.Pairs.Rate).Median();
            Print($"| {name} | {rate:N0} | {rounds.Min(round => round.Pairs.Rate):N0} to {rounds.Max(round => round.Pairs.Rate):N0} | {rounds.Select(round => round.Pairs.P50).Median():0.0} | {rounds.Select(round => round.Pairs.P99).Median():0.0} | {rounds.Select(round => round.Processor).Median():0} |");
            if (server == embedded)
                Judge("atomic leases of two kinds, allocate and release, durable", "at least 2,000 pairs a second", $"{rate:N0}", rate >= 2000);
        }

        foreach (var state in (string[])["sqlite", "memory"])
        {
            var (rate, processor) = await LeasesInProcess.RunAsync(state, NewFolder(), 64, _seconds);
            Print($"| the broker alone, {state}, 64 at once, no HTTP | {rate:N0} | | | | {processor:0} |");
        }

        Console.WriteLine();
    }

    private async Task AttackAsync(double seconds)
    {
        using var redis = await StateBenchmarkRedis.StartAsync(NewFolder());
        var attack = new LeasesAttack(_upstream, redis.Url, NewFolder(), _seed);
        await attack.RunAsync(seconds);
        Print($"**Two replicas over Redis, {seconds:0} s of random pauses and kills, 24 workers on {LeasesServer.FewSlots} resources**\n");
        Console.WriteLine("| leases given | pauses | kills | held by two at once | uses asked for | let through after the end | used later than the next holder's first use | all free after s |\n|---|---|---|---|---|---|---|---|");
        Print($"| {attack.Grants:N0} | {attack.Pauses} | {attack.Kills} | {attack.Double} | {attack.Uses:N0} | {attack.Overstayed} | {_upstream.Older} | {attack.FreeAfter:0.0} |\n");
        Judge("double grants under pause and kill, two replicas", "0", $"{attack.Double} of {attack.Grants:N0}", attack.Double == 0);
    }

    private async Task WorkersAsync()
    {
        await using var server = await ServerAsync();
        var random = new Random(_seed);
        var all = new List<double>();
        for (var round = 0; round < _rounds; round++)
            all.AddRange(await LeasesKilled.RunAsync(server, random));
        var ttl = LeasesKilled.Ttl.TotalSeconds;
        Print($"**{LeasesKilled.Workers * _rounds} worker processes with {LeasesKilled.Each} resources each, killed; ttl {ttl:0} s**\n");
        Print($"| resources | median s until free | worst s |\n|---|---|---|\n| {all.Count} | {all.Median():0.00} | {all.Max():0.00} |\n");
        Judge("resources back after SIGKILL of a worker", "within ttl + 1 s, all", $"worst ttl {(all.Max() < ttl ? "-" : "+")} {Math.Abs(all.Max() - ttl):0.00} s", all.Max() <= ttl + 1);
    }

    private async Task DesktopsAsync()
    {
        await using var server = await ServerAsync(desktops: true);
        var rounds = new List<(double Warm, double Cold, double Reset)>();
        for (var round = 0; round < _rounds; round++)
        {
            var (times, unable) = await LeasesDesktops.RunAsync(server);
            if (times is null)
            {
                Print($"**Desktops**: none here: {unable}\n");
                return;
            }

            rounds.Add(times.Value);
        }

        Console.WriteLine("**Desktops** (1280x800, xterm), seconds\n\n| | median | worst |\n|---|---|---|");
        foreach (var (name, of) in (ReadOnlySpan<(string, Func<(double Warm, double Cold, double Reset), double>)>)[("warm, to first picture", one => one.Warm), ("cold, to first picture", one => one.Cold), ("from release until clean", one => one.Reset)])
            Print($"| {name} | {rounds.Select(of).Median():0.00} | {rounds.Max(of):0.00} |");
        Console.WriteLine();
    }

    private void Judge(string figure, string target, FormattableString seen, bool met) => _targets.Add((figure, target, seen.ToString(CultureInfo.InvariantCulture), met));

    private void PrintTargets()
    {
        Console.WriteLine("**Against the targets**\n\n| figure | target | seen | |\n|---|---|---|---|");
        foreach (var (figure, target, seen, met) in _targets)
            Print($"| {figure} | {target} | **{seen}** | {(met ? "met" : "missed")} |");
    }
}
