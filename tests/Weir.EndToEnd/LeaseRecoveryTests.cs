using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Leases;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary>What is left of leases when a server, or a worker, is killed or stands still.</summary>
public sealed class LeaseRecoveryTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Slots = 320;

    private readonly Scratch[] _scratches = [new(), new()];
    private readonly List<Server> _servers = [];
    private readonly FencedEndpoints _endpoints = new();
    private RedisServer? _redis;

    private static IReadOnlyDictionary<string, int> OneBox { get; } = new Dictionary<string, int> { ["remote:box"] = 1 };

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        if (_redis is not null)
            await _redis.DisposeAsync();
        await _endpoints.DisposeAsync();
        foreach (var scratch in _scratches)
            scratch.Dispose();
    }

    [Fact]
    public async Task Leases_HundredsWhoseWorkersAndServerAreKilled_AreAllFreeASecondAfterTheirTtl()
    {
        var (granting, other) = await TwoAsync(Slots);
        var held = await Task.WhenAll(Enumerable.Range(0, Slots).Select(i => granting.AllocateAsync($"w{i}", "4s", "10s", OneBox).GrantedAsync()));
        (await other.ResourcesAsync()).ShouldAllBe(resource => resource.State == "leased");
        granting.Process.Signal(ChildProcess.SignalKill);

        var free = await other.AllFreeAsync(Slots);

        var late = free - held.Max(lease => lease.ExpiresAt);
        output.WriteLine($"{Slots} leases of a killed server: all free {late.TotalMilliseconds:0} ms after the last of their ends");
        late.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(-50), "something was taken back before its end");
        late.ShouldBeLessThan(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Request_SentFiftyTimesUnderOneKeyToTwoServersOfWhichOneDies_MakesOneLease()
    {
        var (dying, staying) = await TwoAsync(60);
        var asked = Enumerable.Range(0, 50).Select(i => (i % 2 == 0 ? dying : staying).AllocateAsync("w", "20s", "30s", OneBox, key: "the-same")).ToList();
        await Task.WhenAny(asked);
        dying.Process.Signal(ChildProcess.SignalKill);
        var answered = new List<HeldLease>();
        foreach (var one in asked)
        {
            try
            {
                answered.Add(await one.GrantedAsync());
            }
            catch (HttpRequestException)
            {
                // It was at the server that died.
            }
        }

        answered.Add(await staying.AllocateAsync("w", "20s", "30s", OneBox, key: "the-same").GrantedAsync());
        answered.Count.ShouldBeGreaterThanOrEqualTo(26);
        answered.Select(lease => (lease.Id, lease.Fence)).Distinct().ShouldHaveSingleItem();
        (await staying.ResourcesAsync()).Count(resource => resource.State == "leased").ShouldBe(1);
        (await staying.ReleaseAsync(answered[0])).ShouldBe(204);
        await staying.AllFreeAsync(60);
    }

    [Fact]
    public async Task Worker_StoppedBeyondItsTtl_IsRefusedWhateverItDoesThen()
    {
        var (one, other) = await TwoAsync(1);
        var lease = await one.AllocateAsync("sleeper", "1500ms", "5s", OneBox).GrantedAsync();
        var resource = lease.Resources.ShouldHaveSingleItem();
        var script = _scratches[0].Write("worker.sh", $$"""
            while :; do
              renewed=$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'content-type: application/json' -d '{"fence":{{lease.Fence}}}' {{one.Url}}/v1/leases/{{lease.Id}}/renew)
              used=$(curl -s -o /dev/null -w '%{http_code}' -H 'authorization: Bearer {{resource.Token}}' '{{other.Url}}{{resource.Door}}/use?fence={{lease.Fence}}&lease={{lease.Id}}')
              echo "$renewed $used"
              sleep 0.1
            done
            """);
        await using var worker = new ChildProcess("bash", [script], _scratches[0].Path);
        await SaysAsync(worker, "200 200");

        worker.Signal(ChildProcess.SignalStop);
        var next = await other.AllocateAsync("next", "20s", "20s", OneBox).GrantedAsync();
        next.Resources[0].Id.ShouldBe(resource.Id);
        next.Fence.ShouldBeGreaterThan(lease.Fence);
        (await other.UseAsync(next, next.Resources[0])).ShouldBe(200);
        var before = worker.Output.Length;
        worker.Signal(ChildProcess.SignalContinue);
        // The line that it was about to write when it was stopped, and then those that it finds out now.
        await Eventually.TrueAsync(() => worker.Output[before..].Split('\n').Length > 4);

        worker.Output[before..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).ShouldAllBe(line => line.StartsWith("410 410", StringComparison.Ordinal));
        (await one.ReleaseAsync(lease)).ShouldBe(204);
        (await other.UseAsync(next, next.Resources[0])).ShouldBe(200);
        _endpoints.Wrong.ShouldBeEmpty();
        (await one.ReleaseAsync(next with { Fence = lease.Fence })).ShouldBe(412);
        (await one.ReleaseAsync(next)).ShouldBe(204);
    }

    [Fact]
    public async Task Server_OnSqliteKilledAndStartedAgain_LosesNothing()
    {
        var server = await StartAsync(0, state: null, 8);
        var held = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => server.AllocateAsync($"w{i}", "60s", "10s", OneBox).GrantedAsync()));
        var waiting = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            using var accepted = await server.AllocateAsync($"later{i}", "60s", "60s", OneBox, isAsynchronous: true);
            waiting.Add((await accepted.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!);
        }

        var connected = server.AllocateAsync("connected", "60s", "60s", OneBox);
        await Eventually.TrueAsync(() => server.Client.GetStringAsync("/v1/leases?state=waiting").GetAwaiter().GetResult().Contains("connected", StringComparison.Ordinal));
        server.Process.Signal(ChildProcess.SignalKill);
        await server.Process.ExitAsync(TimeSpan.FromSeconds(20));
        await Should.ThrowAsync<HttpRequestException>(connected);

        var again = await StartAsync(0, state: null, 8);

        (await again.ResourcesAsync()).Count(resource => resource.State == "leased").ShouldBe(8);
        foreach (var lease in held)
        {
            (await again.RenewAsync(lease)).Status.ShouldBe(200);
            (await again.UseAsync(lease, lease.Resources[0])).ShouldBe(200);
        }

        // Those who wait on no connection wait still, in their order; the one whose client is gone does not.
        for (var i = 0; i < waiting.Count; i++)
        {
            (await again.ReleaseAsync(held[i])).ShouldBe(204);
            var granted = await again.Client.GetFromJsonAsync<JsonElement>($"/v1/leases/{waiting[i]}?wait=10s");
            granted.GetProperty("state").GetString().ShouldBe("ready");
            (await again.ReleaseAsync(HeldLease.Read(granted))).ShouldBe(204);
        }

        foreach (var lease in held)
            (await again.ReleaseAsync(lease)).ShouldBe(204);
        await again.AllFreeAsync(8);
    }

    private static async Task SaysAsync(ChildProcess process, string line)
    {
        await Eventually.TrueAsync(() => process.Output.Contains(line, StringComparison.Ordinal) || process.HasExited);
        process.Output.ShouldContain(line);
    }

    private async Task<(Server One, Server Other)> TwoAsync(int slots)
    {
        _redis = await RedisServer.StartAsync();
        var both = await Task.WhenAll(StartAsync(0, _redis.Url, slots), StartAsync(1, _redis.Url, slots));
        await both[0].AllFreeAsync(slots);
        await both[1].AllFreeAsync(slots);
        return (both[0], both[1]);
    }

    private async Task<Server> StartAsync(int index, string? state, int slots)
    {
        var settings = new Dictionary<string, object>
        {
            ["kinds"] = new Dictionary<string, object> { ["remote:box"] = new { endpoints = new[] { new { id = "e0", base_url = $"{_endpoints.Url}/e0", slots } } } },
        };
        if (state is not null)
            settings["state"] = state;
        var server = await Server.UpAsync(_scratches[index], "--config", _scratches[index].Write("weir.json", JsonSerializer.Serialize(settings)));
        lock (_servers)
            _servers.Add(server);
        return server;
    }
}
