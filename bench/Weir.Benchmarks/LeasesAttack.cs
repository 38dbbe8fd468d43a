using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;

namespace Weir.Benchmarks;

/// <summary>
/// Two replicas over one Redis, paused and killed at random under workers that hold, renew, overstay and give back. What a worker may take for its own, from the answer until its release
/// or the end it was told, must never overlap with another's; and nothing that it asks of a door after its end may be let through.
/// </summary>
internal sealed class LeasesAttack(LeasesUpstream upstream, string redis, string folder, int seed)
{
    private const int Workers = 24;

    private readonly Random _random = new(seed);
    private readonly LeasesServer?[] _replicas = new LeasesServer?[2];
    private readonly List<(string Resource, long Fence, DateTimeOffset From, DateTimeOffset To)> _held = [];
    private string? _key;

    public int Grants { get; private set; }

    public int Double { get; private set; }

    public int Uses { get; private set; }

    /// <summary>Uses that were asked for after the end and answered with success.</summary>
    public int Overstayed { get; private set; }

    public int Pauses { get; private set; }

    public int Kills { get; private set; }

    /// <summary>From the last lease's end until all was free, in seconds.</summary>
    public double FreeAfter { get; private set; }

    public async Task RunAsync(double seconds)
    {
        for (var i = 0; i < _replicas.Length; i++)
            _key = (_replicas[i] = await StartAsync(i)).Key;
        try
        {
            using var stop = new CancellationTokenSource();
            var workers = Enumerable.Range(0, Workers).Select(i => Task.Run(() => WorkAsync(i, stop.Token))).ToArray();
            var began = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds)
                await DisturbAsync(_random.Next(_replicas.Length));
            await stop.CancelAsync();
            await Task.WhenAll(workers);
            var freed = Stopwatch.GetTimestamp();
            await _replicas[0]!.FreeAsync(LeasesServer.Few, LeasesServer.FewSlots);
            FreeAfter = Stopwatch.GetElapsedTime(freed).TotalSeconds;
        }
        finally
        {
            foreach (var replica in _replicas)
            {
                if (replica is not null)
                    await replica.DisposeAsync();
            }
        }

        Double = _held.GroupBy(one => one.Resource, StringComparer.Ordinal).Sum(resource =>
        {
            var (count, until) = (0, DateTimeOffset.MinValue);
            foreach (var (_, _, from, to) in resource.Where(one => one.To > one.From).OrderBy(one => one.From))
            {
                count += from < until ? 1 : 0;
                until = to > until ? to : until;
            }

            return count;
        });
    }

    private Task<LeasesServer> StartAsync(int i) => LeasesServer.StartAsync(Path.Combine(folder, $"replica-{i}"), upstream.Url, redis, _key);

    /// <summary>One replica is paused for up to 4 s, beyond the ttl, or killed and started again; then all is well for a while.</summary>
    private async Task DisturbAsync(int i)
    {
        await Task.Delay(_random.Next(500, 1500));
        var replica = _replicas[i]!;
        if (_random.Next(3) > 0)
        {
            Pauses++;
            await SignalAsync("STOP", replica.Process.Id);
            await Task.Delay(_random.Next(200, 4000));
            await SignalAsync("CONT", replica.Process.Id);
            return;
        }

        Kills++;
        Volatile.Write(ref _replicas[i], null);
        await SignalAsync("KILL", replica.Process.Id);
        await replica.Process.DisposeAsync();
        Volatile.Write(ref _replicas[i], await StartAsync(i));
    }

    private static async Task SignalAsync(string signal, int pid)
    {
        using var kill = Process.Start("kill", [$"-{signal}", pid.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private async Task WorkAsync(int worker, CancellationToken stop)
    {
        var random = new Random(seed + worker + 1);
        while (!stop.IsCancellationRequested)
        {
            if (Volatile.Read(ref _replicas[random.Next(_replicas.Length)]) is not { } server)
            {
                await Task.Delay(20, CancellationToken.None);
                continue;
            }

            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(6));
            try
            {
                if ((await server.TryAllocateAsync(LeasesServer.Ask($"w{worker}", "1500ms", "3s", (LeasesServer.Few, random.Next(1, 4))), patience.Token)).Lease is { } lease)
                    await HoldAsync(server, lease, random, DateTimeOffset.UtcNow);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or ObjectDisposedException)
            {
                // Its replica is paused or gone: the lease, if it was given, ends by itself.
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private async Task HoldAsync(LeasesServer server, LeaseInHand lease, Random random, DateTimeOffset from)
    {
        var end = lease.ExpiresAt!.Value;
        var to = end;
        try
        {
            for (var step = random.Next(0, 6); step > 0; step--)
            {
                await Task.Delay(random.Next(0, 700));
                await UseAsync(server, lease, random, end);
                if (random.Next(2) > 0 && await RenewAsync(server, lease) is { } later)
                    to = end = later;
            }

            if (random.Next(4) > 0)
            {
                var now = DateTimeOffset.UtcNow;
                to = now < end ? now : end;
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3));
                using var answer = await server.Client.DeleteAsync(lease.ReleasePath, patience.Token);
                if (answer.IsSuccessStatusCode)
                    await UseAsync(server, lease, random, DateTimeOffset.MinValue);
            }
        }
        finally
        {
            lock (_held)
            {
                Grants++;
                foreach (var resource in lease.Resources)
                    _held.Add((resource.Id, lease.Fence, from, to));
            }
        }
    }

    private async Task UseAsync(LeasesServer server, LeaseInHand lease, Random random, DateTimeOffset end)
    {
        var resource = lease.Resources[random.Next(lease.Resources.Count)];
        using var use = new HttpRequestMessage(HttpMethod.Post, resource.BaseUrl + LeasesUpstream.UseOf(resource.Id, lease.Fence));
        use.Headers.Authorization = new AuthenticationHeaderValue("Bearer", resource.Token);
        var asked = DateTimeOffset.UtcNow;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        using var answer = await server.Client.SendAsync(use, patience.Token);
        lock (_held)
        {
            Uses++;
            if (answer.IsSuccessStatusCode && asked > end)
                Overstayed++;
        }
    }

    private static async Task<DateTimeOffset?> RenewAsync(LeasesServer server, LeaseInHand lease)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        using var answer = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(server.Client, $"/v1/leases/{lease.Id}/renew", new { fence = lease.Fence }, patience.Token);
        return answer.IsSuccessStatusCode
            ? (await System.Net.Http.Json.HttpContentJsonExtensions.ReadFromJsonAsync<System.Text.Json.Nodes.JsonObject>(answer.Content, patience.Token))!["expires_at"]!.GetValue<DateTimeOffset>()
            : null;
    }
}
