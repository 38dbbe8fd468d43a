using System.Globalization;

namespace Weir.Benchmarks;

/// <summary>The measurements of one run, in turns so that the machine's moods meet everyone.</summary>
internal sealed class GatewayRun(
    GatewaySettings settings, string folder, string key, GatewayProcess upstream, GatewayProcess nginx, GatewayProcess bare, GatewayProcess weir, GatewayProcess? portkey)
{
    private const int Connections = 32;

    private readonly (string Name, GatewayProcess Server)[] _gateways = 
        [("nginx `proxy_pass`", nginx), ("bare Kestrel", bare), ("Weir", weir), .. portkey is null ? [] : new[] { ("Portkey", portkey) }];
    private readonly HttpClient _client = new();

    public async Task<string> RunAsync(int[] largeBodies)
    {
        var report = new GatewayReport(settings);
        var atStart = weir.ResidentMegabytes();

        Say("warming up");
        foreach (var (_, server) in _gateways)
            await LoadAsync(server, Connections, settings.Seconds);

        report.Add("CPU per request, 0.4 kB in and out, 32 keep-alive connections", "µs a request", 1e6, await ProcessorAsync(400, per: 1));
        report.AddLatency(await LatencyAsync());
        report.AddAllocation(await AllocationAsync(weir, WeirAllocatedAsync), await AllocationAsync(bare, BareAllocatedAsync));

        // Before the large bodies: what they leave in pools is another question, and is asked last.
        var memory = await MemoryAsync();
        foreach (var size in largeBodies)
            report.Add(string.Create(CultureInfo.InvariantCulture, $"CPU per byte, bodies of {size / 1000:N0} kB"), "ns a byte", 1e9, await ProcessorAsync(size, per: size));
        report.AddMemory(atStart, memory, weir.ResidentMegabytes());
        return report.ToString();
    }

    /// <param name="bodyBytes">Size of each request's body.</param>
    /// <param name="per">What the time of one request is divided by.</param>
    private async Task<Dictionary<string, List<GatewayCost>>> ProcessorAsync(int bodyBytes, int per)
    {
        var costs = _gateways.ToDictionary(gateway => gateway.Name, _ => new List<GatewayCost>());
        for (var round = 0; round < settings.Rounds; round++)
        {
            Say($"processor time, bodies of {bodyBytes:N0} bytes, round {round + 1} of {settings.Rounds}");
            foreach (var (name, server) in _gateways)
            {
                var before = server.ProcessorSeconds();
                var load = await LoadAsync(server, Connections, settings.Seconds, bodyBytes);
                costs[name].Add(new((server.ProcessorSeconds() - before) / load.Requests / per, load.Requests / load.Seconds));
            }
        }

        return costs;
    }

    /// <summary>Medians over the rounds of the percentiles of each.</summary>
    private async Task<List<(string Name, double P50, double P99)>> LatencyAsync()
    {
        (string Name, GatewayProcess Server)[] all = [("direct", upstream), .. _gateways];
        var loads = all.ToDictionary(target => target.Name, _ => new List<GatewayLoad>());
        for (var round = 0; round < settings.Rounds; round++)
        {
            Say($"latency, round {round + 1} of {settings.Rounds}");
            foreach (var (name, server) in all)
                loads[name].Add(await LoadAsync(server, 1, settings.Seconds));
        }

        return [.. all.Select(target => (target.Name, GatewayReport.Median(loads[target.Name], load => load.P50), GatewayReport.Median(loads[target.Name], load => load.P99)))];
    }

    private async Task<double> AllocationAsync(GatewayProcess server, Func<Task<double>> allocated)
    {
        Say("allocation");
        var before = await allocated();
        var load = await LoadAsync(server, Connections, settings.Seconds);
        return (await allocated() - before) / load.Requests;
    }

    private async Task<(double Before, double After, double Rested)> MemoryAsync()
    {
        Say($"memory: {settings.LoadSeconds} seconds of load and a rest");
        await Task.Delay(TimeSpan.FromSeconds(2));
        var before = weir.ResidentMegabytes();
        await LoadAsync(weir, Connections, settings.LoadSeconds);
        var after = weir.ResidentMegabytes();
        await Task.Delay(TimeSpan.FromSeconds(Math.Min(30, settings.LoadSeconds)));
        return (before, after, weir.ResidentMegabytes());
    }

    private async Task<GatewayLoad> LoadAsync(GatewayProcess server, int connections, double seconds, int bodyBytes = 400)
    {
        try
        {
            return await GatewayLoad.RunAsync(server, key, folder, connections, seconds, bodyBytes);
        }
        catch (InvalidOperationException failed)
        {
            throw new InvalidOperationException($"{failed.Message}\n{server}", failed);
        }
    }

    private async Task<double> BareAllocatedAsync() =>
        double.Parse(await _client.GetStringAsync(new Uri(bare.Url, "/allocated")), CultureInfo.InvariantCulture);

    private async Task<double> WeirAllocatedAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(weir.Url, "/metrics"));
        request.Headers.Authorization = new("Bearer", key);
        using var response = await _client.SendAsync(request);
        var text = await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith("dotnet_gc_heap_total_allocated", StringComparison.Ordinal));
        return line is null ? double.NaN : double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    private static void Say(string what) => Console.Error.WriteLine($"gateway: {what}");
}

/// <param name="Processor">Seconds of processor time for one request, or for each of its bytes.</param>
/// <param name="Rate">Requests a second.</param>
internal readonly record struct GatewayCost(double Processor, double Rate);
