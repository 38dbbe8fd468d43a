using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weir.Benchmarks;

/// <summary>A real Weir process whose kinds are warm, and a worker's key to it.</summary>
internal sealed class LeasesServer : IAsyncDisposable
{
    public const string Rag = "rag", Remote = "remote:warm", Hooked = "remote:hooked", Few = "remote:few", Desktop = "vm";
    public const int Capacity = 400, FewSlots = 16;

    private readonly SocketsHttpHandler _handler = new() { MaxConnectionsPerServer = 1024, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(10) };

    private LeasesServer(GatewayProcess process, string key)
    {
        (Process, Key) = (process, key);
        Client = new HttpClient(_handler) { BaseAddress = process.Url, Timeout = TimeSpan.FromMinutes(2) };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public GatewayProcess Process { get; }

    public string Key { get; }

    public HttpClient Client { get; }

    /// <summary>Starts one, with a key of its own unless one of the same store is given.</summary>
    /// <param name="data">Its data folder.</param>
    /// <param name="upstream">What its remote kinds lead to.</param>
    /// <param name="state">As <c>--state</c> takes it.</param>
    /// <param name="key">Null: one is made.</param>
    /// <param name="desktops">With the kind <c>vm</c>.</param>
    public static async Task<LeasesServer> StartAsync(string data, Uri upstream, string state, string? key = null, bool desktops = false)
    {
        Directory.CreateDirectory(data);
        var config = Path.Combine(data, "weir.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "collections": { "bench": {} },
              "kinds": {
                "{{Rag}}": { "collection": "bench", "capacity": {{Capacity}} },
                "{{Remote}}": { "endpoints": [ { "id": "a", "base_url": "{{upstream}}", "slots": {{Capacity}}, "observe": "/observe" } ] },
                "{{Hooked}}": { "endpoints": [ { "id": "a", "base_url": "{{upstream}}", "slots": {{Capacity}}, "observe": "/observe", "initialise": "/initialise", "reset": "/reset" } ] },
                "{{Few}}": { "endpoints": [ { "id": "a", "base_url": "{{upstream}}", "slots": {{FewSlots}} } ] }
                {{(desktops ? $$""", "{{Desktop}}": { "capacity": 3, "warm": 1, "size": "1280x800", "network": "none", "program": "xterm" }""" : "")}}
              }
            }
            """);
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var process = await GatewayProcess.StartAsync(url, "dotnet", GatewayServers.WeirDll(), "up", "--config", config, "--url", $"http://127.0.0.1:{url.Port}", "--data", data, "--state", state);
        var server = new LeasesServer(process, key ?? await KeyAsync(url, data));
        try
        {
            await server.ReadyAsync();
            return server;
        }
        catch
        {
            await Console.Error.WriteLineAsync(process.ToString());
            await server.DisposeAsync();
            throw;
        }
    }

    public static object Ask(string worker, string ttl, string wait, params (string Kind, int Count)[] resources) =>
        new { worker_id = worker, ttl, wait, resources = resources.Select(one => new { kind = one.Kind, count = one.Count }).ToArray() };

    public static object AskToSee(string worker, string ttl, string wait, string kind) =>
        new { worker_id = worker, ttl, wait, observe = true, resources = new[] { new { kind } } };

    /// <exception cref="InvalidOperationException">No lease was given.</exception>
    public async Task<LeaseInHand> AllocateAsync(object ask, CancellationToken cancellationToken = default)
    {
        var (lease, failure) = await TryAllocateAsync(ask, cancellationToken);
        return lease ?? throw new InvalidOperationException(failure);
    }

    public async Task<(LeaseInHand? Lease, string? Failure)> TryAllocateAsync(object ask, CancellationToken cancellationToken = default)
    {
        using var answer = await Client.PostAsJsonAsync("/v1/leases", ask, cancellationToken);
        var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        return answer.StatusCode == HttpStatusCode.Created
            ? (JsonSerializer.Deserialize<LeaseInHand>(body, LeaseInHand.Shape)!, null)
            : (null, $"{(int)answer.StatusCode}: {System.Text.Encoding.UTF8.GetString(body)}");
    }

    public async Task ReleaseAsync(LeaseInHand lease, CancellationToken cancellationToken = default)
    {
        using var answer = await Client.DeleteAsync(lease.ReleasePath, cancellationToken);
        if (answer.StatusCode != HttpStatusCode.NoContent)
            throw new InvalidOperationException($"A release was answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
    }

    /// <summary>Gives back whatever a load has left standing.</summary>
    public async Task ReleaseAllAsync()
    {
        while ((await Client.GetFromJsonAsync<JsonObject>("/v1/leases?state=ready&limit=500"))!["data"]!.AsArray() is { Count: > 0 } left)
        {
            foreach (var one in left)
                await ReleaseAsync(one.Deserialize<LeaseInHand>(LeaseInHand.Shape)!);
        }
    }

    /// <summary>Waits until so many of a kind are free.</summary>
    public async Task FreeAsync(string kind, int count)
    {
        for (var tries = 0; tries < 1200; tries++)
        {
            if ((int)(await Client.GetFromJsonAsync<JsonObject>($"/v1/kinds/{kind}"))!["free"]! >= count)
                return;
            await Task.Delay(50);
        }

        throw new InvalidOperationException($"There are not {count} free of {kind}: {await Client.GetStringAsync($"/v1/kinds/{kind}")}\n{await Client.GetStringAsync($"/v1/leases?kind={kind}&limit=20")}");
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _handler.Dispose();
        await Process.DisposeAsync();
    }

    private static async Task<string> KeyAsync(Uri url, string data)
    {
        using var client = new HttpClient { BaseAddress = url };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim());
        using var created = await client.PostAsJsonAsync("/v1/keys", new { name = "bench", roles = new[] { "worker" } });
        created.EnsureSuccessStatusCode();
        return (string)(await created.Content.ReadFromJsonAsync<JsonObject>())!["key"]!;
    }

    private async Task ReadyAsync()
    {
        for (var tries = 0; ; tries++)
        {
            using var ready = await Client.GetAsync("/v1/kinds");
            if (ready.IsSuccessStatusCode && (await ready.Content.ReadAsStringAsync()).Contains($"\"{Few}\"", StringComparison.Ordinal))
                return;
            if (tries == 200)
                throw new InvalidOperationException($"The kinds did not appear: {await ready.Content.ReadAsStringAsync()}");
            await Task.Delay(100);
        }
    }
}

/// <summary>A lease as its worker has it.</summary>
internal sealed record LeaseInHand(string Id, long Fence, DateTimeOffset? ExpiresAt, IReadOnlyList<ResourceInHand> Resources)
{
    public static readonly JsonSerializerOptions Shape = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string ReleasePath => $"/v1/leases/{Id}?fence={Fence}";
}

internal sealed record ResourceInHand(string Id, string? BaseUrl, string? Token);
