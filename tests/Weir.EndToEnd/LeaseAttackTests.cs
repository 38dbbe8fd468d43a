using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Leases;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>Two servers over one Redis, and everything that goes wrong in a fleet, by chance and at once. What must hold is judged by those who hold the leases, and by what stands behind the doors.</summary>
public sealed class LeaseAttackTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Boxes = 5;
    private const int Rags = 3;
    private const int Workers = 20;

    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestTtl = TimeSpan.FromSeconds(3);

    private readonly Scratch[] _scratches = [new(), new()];
    private readonly Server[] _servers = new Server[2];
    private readonly FencedEndpoints _endpoints = new();
    private readonly HoldersLedger _ledger = new();
    private readonly CancellationTokenSource _over = new();
    private RedisServer _redis = null!;
    private int _refused;
    private int _away;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        await Task.WhenAll(StartAsync(0), StartAsync(1));
        using var made = await _servers[0].Client.PutAsync("/v1/collections/handbook", null);
        made.EnsureSuccessStatusCode();
        await _servers[0].AllFreeAsync(Boxes + Rags);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        await _redis.DisposeAsync();
        await _endpoints.DisposeAsync();
        foreach (var scratch in _scratches)
            scratch.Dispose();
        _over.Dispose();
    }

    [Fact]
    public async Task Fleet_KilledPausedAndLeft_NeverGivesOneThingTwiceAndGetsAllBack()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("WEIR_SEED") ?? $"{Random.Shared.Next()}", System.Globalization.CultureInfo.InvariantCulture);
        output.WriteLine($"WEIR_SEED={seed}");
        var seeds = new Random(seed);
        _over.CancelAfter(Lasts);
        await Task.WhenAll([.. Enumerable.Range(0, Workers).Select(i => new Random(seeds.Next())).Select((random, i) => Task.Run(() => WorkAsync($"w{i}", random))), DisturbAsync(new Random(seeds.Next()))]);

        // Every worker is dead by now, and some held leases until then; of some they were never told.
        var (died, last) = (Now, _ledger.LastEnd);
        var free = await _servers[0].AllFreeAsync(Boxes + Rags);
        await _servers[1].AllFreeAsync(Boxes + Rags);
        output.WriteLine($"{_ledger.Grants} grants, {_endpoints.Calls} uses, {_refused} late ones refused, {_away} found a server or the store away; all free {(free - died).TotalMilliseconds:0} ms after all died, {(free - last).TotalMilliseconds:0} ms after the last end that a holder knew");
        _ledger.Wrong.ShouldBeEmpty($"WEIR_SEED={seed}");
        _endpoints.Wrong.ShouldBeEmpty($"WEIR_SEED={seed}");
        _ledger.Grants.ShouldBeGreaterThan(20);
        _refused.ShouldBeGreaterThan(0);
        (free - died).ShouldBeLessThan(LongestTtl + TimeSpan.FromSeconds(1), $"WEIR_SEED={seed}");
        foreach (var server in _servers)
        {
            var lease = await server.AllocateAsync("last", "10s", "10s", new Dictionary<string, int> { ["remote:box"] = Boxes, ["rag"] = Rags }).GrantedAsync();
            (await server.UseAsync(lease, lease.Resources.First(resource => resource.Id.StartsWith("remote", StringComparison.Ordinal)))).ShouldBe(200);
            (await server.ReleaseAsync(lease)).ShouldBe(204);
        }
    }

    private async Task StartAsync(int index)
    {
        var config = _scratches[index].Write("weir.json", JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["state"] = _redis.Url,
            ["kinds"] = new Dictionary<string, object>
            {
                ["rag"] = new { collection = "handbook", capacity = Rags },
                ["remote:box"] = new { endpoints = Enumerable.Range(0, Boxes).Select(i => new { id = $"e{i}", base_url = $"{_endpoints.Url}/e{i}" }) },
            },
        }));
        _servers[index] = await Server.UpAsync(_scratches[index], "--config", config);
    }

    /// <summary>A server is killed and started again, the other stands still, and so does the store.</summary>
    private async Task DisturbAsync(Random random)
    {
        var victim = random.Next(2);
        await Task.Delay(random.Next(1500, 2500));
        var killed = _servers[victim];
        killed.Process.Signal(ChildProcess.SignalKill);
        await killed.Process.ExitAsync(TimeSpan.FromSeconds(20));
        await StartAsync(victim);
        await killed.DisposeAsync();
        var other = _servers[1 - victim];
        other.Process.Signal(ChildProcess.SignalStop);
        await Task.Delay(5000);
        other.Process.Signal(ChildProcess.SignalContinue);
        await Task.Delay(random.Next(200, 800));
        _redis.Pause();
        await Task.Delay(3000);
        _redis.Continue();
    }

    private async Task WorkAsync(string name, Random random)
    {
        while (!_over.IsCancellationRequested)
        {
            try
            {
                if (await AskAsync(name, random) is { } lease)
                    await HoldAsync(lease, random);
            }
            catch (Exception fault) when (fault is HttpRequestException or OperationCanceledException or ObjectDisposedException or IOException)
            {
                // Its server was killed, or it hung up itself: what it may hold is over at its end.
                Interlocked.Increment(ref _away);
                await Task.Delay(random.Next(20, 100));
            }
        }
    }

    private async Task<HeldLease?> AskAsync(string name, Random random)
    {
        var kinds = new Dictionary<string, int>();
        if (random.Next(4) > 0)
            kinds["remote:box"] = random.Next(1, 3);
        if (kinds.Count == 0 || random.Next(3) == 0)
            kinds["rag"] = 1;
        var (ttl, wait) = ($"{random.Next(1, 4)}s", $"{random.Next(0, 4000)}ms");
        using var client = new CancellationTokenSource(random.Next(8) == 0 ? random.Next(1, 500) : 12_000);
        var key = random.Next(3) == 0 ? $"{name}-{random.Next()}" : null;
        var asked = _servers[random.Next(2)].AllocateAsync(name, ttl, wait, kinds, key, cancellationToken: client.Token);
        // The same asked for again, at whichever server, as clients do that had no answer in time.
        var again = key is not null && random.Next(2) == 0 ? _servers[random.Next(2)].AllocateAsync(name, ttl, wait, kinds, key, cancellationToken: client.Token) : null;
        var lease = await ReadAsync(asked, again);
        if (lease is not null && again is not null && await ReadAsync(again, null) is { } twin)
        {
            (twin.Id, twin.Fence).ShouldBe((lease.Id, lease.Fence));
            // What is believed is what was told last.
            lease = lease with { ExpiresAt = lease.ExpiresAt < twin.ExpiresAt ? lease.ExpiresAt : twin.ExpiresAt };
        }

        return lease;
    }

    private async Task<HeldLease?> ReadAsync(Task<HttpResponseMessage> asked, Task? beside)
    {
        try
        {
            using var answer = await asked;
            if (answer.StatusCode == HttpStatusCode.Created)
            {
                var lease = HeldLease.Read(await answer.Content.ReadFromJsonAsync<JsonElement>());
                _ledger.Granted(lease);
                return lease;
            }

            // Nothing was free in time, the client left, the lease of the key is over, or the store or the server is away.
            ((int)answer.StatusCode).ShouldBeOneOf(504, 503, 410, 409);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                Interlocked.Increment(ref _away);
            return null;
        }
        catch
        {
            await (beside ?? Task.CompletedTask).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    private async Task HoldAsync(HeldLease lease, Random random)
    {
        for (var turns = random.Next(1, 5); turns > 0; turns--)
        {
            foreach (var resource in lease.Resources.Where(resource => resource.Id.StartsWith("remote", StringComparison.Ordinal)))
                await _servers[random.Next(2)].UseAsync(lease, resource);
            if (random.Next(2) == 0)
            {
                var (status, until) = await _servers[random.Next(2)].RenewAsync(lease);
                if (until is { } end)
                    _ledger.Renewed(lease, end);
                else
                    status.ShouldBeOneOf(410, 412, 404, 503);
            }

            await Task.Delay(random.Next(1, 100));
        }

        switch (random.Next(4))
        {
            case 0:
                // It stands still beyond its ttl, then goes on as if nothing had happened.
                await Task.Delay(TimeSpan.FromSeconds(3.3));
                await ShouldBeRefusedAsync(lease, random);
                break;
            case 1:
                // It dies.
                break;
            default:
                _ledger.LetGo(lease);
                (await _servers[random.Next(2)].ReleaseAsync(lease)).ShouldBeOneOf(204, 503);
                if (random.Next(2) == 0)
                    (await _servers[random.Next(2)].ReleaseAsync(lease)).ShouldBeOneOf(204, 503);
                break;
        }
    }

    private async Task ShouldBeRefusedAsync(HeldLease lease, Random random)
    {
        var server = _servers[random.Next(2)];
        (await server.RenewAsync(lease)).Status.ShouldBeOneOf(410, 412, 503);
        foreach (var resource in lease.Resources)
            (await server.UseAsync(lease, resource)).ShouldBeOneOf(401, 410, 503);
        (await server.ReleaseAsync(lease)).ShouldBeOneOf(204, 412, 503);
        Interlocked.Increment(ref _refused);
    }
}
