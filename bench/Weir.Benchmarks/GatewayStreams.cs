using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Weir.Benchmarks;

/// <summary>
/// Many paced streams held at once, through a bare pass-through and through Weir in the same run: what is lost, what comes late,
/// and what an event costs. Client, provider and gateway share the machine, so lateness is judged against the bare one's.
/// </summary>
internal static class GatewayStreams
{
    private const int TokensPerSecond = 20;

    /// <summary>An event this much after its time is late.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(100);

    /// <summary>Between one stream's start and the next one's, so that starting is not what is measured.</summary>
    private static readonly TimeSpan Ramp = TimeSpan.FromMilliseconds(1);

    public static async Task<int> RunAsync(string[] args)
    {
        var streams = Number(args, "--streams", 2000);
        var tokens = Number(args, "--seconds", 10) * TokensPerSecond;
        var rounds = Number(args, "--rounds", 5);
        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            await using var provider = await GatewayServers.SimulatedAsync(TokensPerSecond, tokens);
            await using var bare = await GatewayServers.BareAsync(provider.Url);
            var (weir, key) = await GatewayServers.WeirAsync(folder, provider.Url);
            await using var _ = weir;
            (string Name, GatewayProcess Server)[] targets = [("direct", provider), ("bare Kestrel", bare), ("Weir", weir)];

            foreach (var (_, server) in targets)
                await MeasureAsync(server, key, Math.Min(200, streams), tokens);
            var results = targets.ToDictionary(target => target.Name, _ => new List<Result>());
            for (var round = 0; round < rounds; round++)
            {
                foreach (var (name, server) in targets)
                {
                    await Console.Error.WriteLineAsync($"streams: round {round + 1} of {rounds}, {name}");
                    results[name].Add(await MeasureAsync(server, key, streams, tokens));
                }
            }

            Print(results, streams, tokens);
            return results.Values.SelectMany(list => list).Any(result => result.Broken > 0) ? 1 : 0;
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

    private static void Print(Dictionary<string, List<Result>> results, int streams, int tokens)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"**{streams:N0} streams at once, {TokensPerSecond} tokens a second each, {tokens} tokens long**; medians of {results.First().Value.Count} rounds\n"));
        Console.WriteLine("| | streams not whole (all rounds) | events late by over 100 ms | µs of CPU an event |\n|---|---|---|---|");
        foreach (var (name, list) in results)
        {
            var (late, cpu) = (GatewayReport.Median(list, result => result.LateShare), GatewayReport.Median(list, result => result.Processor));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {list.Sum(result => result.Broken)} | {late:0.00 %} | {cpu * 1e6:0.0} |"));
        }
    }

    private static async Task<Result> MeasureAsync(GatewayProcess server, string key, int streams, int tokens)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = int.MaxValue };
        using var client = new HttpClient(handler) { BaseAddress = server.Url, Timeout = TimeSpan.FromMinutes(5) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var before = server.ProcessorSeconds();
        var reads = new List<Task<Stream>>(streams);
        for (var i = 0; i < streams; i++)
        {
            reads.Add(ReadAsync(client, tokens));
            await Task.Delay(Ramp);
        }

        var all = await Task.WhenAll(reads);
        var events = all.Sum(stream => (long)stream.Events);
        return new(all.Count(stream => !stream.Whole), (double)all.Sum(stream => (long)stream.LateEvents) / events, (server.ProcessorSeconds() - before) / events);
    }

    private static async Task<Stream> ReadAsync(HttpClient client, int tokens)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent("""{"model":"bench","stream":true,"messages":[{"role":"user","content":"What is a weir?"}]}""", Encoding.UTF8, "application/json"),
        };
        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            response.EnsureSuccessStatusCode();
            await using var body = await response.Content.ReadAsStreamAsync();
            var reader = new EventReader();
            var buffer = new byte[4096];
            while (await body.ReadAsync(buffer) is var read and > 0)
                reader.Add(buffer.AsSpan(0, read));
            return reader.End(tokens);
        }
        catch (Exception failed) when (failed is HttpRequestException or IOException)
        {
            return new(0, 0, Whole: false);
        }
    }

    private static int Number(string[] args, string name, int otherwise) =>
        Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length && int.TryParse(args[at + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : otherwise;

    private sealed record Result(int Broken, double LateShare, double Processor);

    private sealed record Stream(int Events, int LateEvents, bool Whole);

    /// <summary>Finds the events in the bytes as they come, and notes when each was whole.</summary>
    private sealed class EventReader
    {
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1.0 / TokensPerSecond);

        private readonly List<byte> _event = new(512);
        private readonly List<long> _arrivals = [];
        private bool _torn;
        private bool _done;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            var now = TimeProvider.System.GetTimestamp();
            foreach (var value in bytes)
            {
                _event.Add(value);
                if (value != '\n' || _event.Count < 2 || _event[^2] != '\n')
                    continue;
                var text = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_event);
                if (text.SequenceEqual("data: [DONE]\n\n"u8))
                    _done = true;
                else if (text.StartsWith("data: {"u8) && text.EndsWith("}\n\n"u8) && !_done)
                    _arrivals.Add(now);
                else
                    _torn = true;
                _event.Clear();
            }
        }

        public Stream End(int tokens)
        {
            // The role's event, one for each token, and the one that says why it ended.
            var whole = _done && !_torn && _event.Count == 0 && _arrivals.Count == tokens + 2;
            if (_arrivals.Count < 3)
                return new(_arrivals.Count, 0, whole);

            // A stream's own zero is where its earliest token would put the first: nothing hides behind a late start.
            var delays = _arrivals.Skip(1).Take(tokens).Select((arrival, index) => TimeProvider.System.GetElapsedTime(_arrivals[0], arrival) - index * Interval).ToArray();
            var zero = delays.Min();
            return new(_arrivals.Count, delays.Count(delay => delay - zero > Late), whole);
        }
    }
}
