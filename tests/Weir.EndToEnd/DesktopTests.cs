using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary>Real desktops of a real server: leased, used through their doors, reset, and what becomes of them when the server goes.</summary>
public sealed partial class DesktopTests : IAsyncLifetime
{
    private static readonly TimeSpan ToExit = TimeSpan.FromSeconds(60);

    private readonly Scratch _scratch = new();
    private Dictionary<string, string?> _environment = [];
    private Server? _server;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Folder => Path.Combine(_scratch.Path, "data", "desktops");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        // Those that were made by a server that was killed are nobody's children any more.
        foreach (var (first, _) in Standing().Values)
            _ = Kill(first, ChildProcess.SignalKill);
        await Eventually.TrueAsync(() => Standing().Values.All(desktop => !IsAlive(desktop.First)));
        _scratch.Dispose();
    }

    [Fact]
    public async Task Lease_Terminal_IsUsedThroughItsDoorAndNothingOfItIsLeft()
    {
        await StartAsync(guardSeconds: 5, network: "nat", warm: 1);
        var lease = await AllocateAsync();
        var (resource, token) = Only(lease);
        var png = Convert.FromBase64String(lease.GetProperty("resources")[0].GetProperty("observation").GetProperty("screenshot").GetString()!);
        (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))).ShouldBe((800, 600));
        using (var shot = await DoorAsync(resource, token, "screenshot"))
        {
            shot.Content.Headers.ContentType!.MediaType.ShouldBe("image/png");
            (await shot.Content.ReadAsByteArrayAsync(Token)).AsSpan(1, 3).SequenceEqual("PNG"u8).ShouldBeTrue();
        }

        using (var tree = await DoorAsync(resource, token, "accessibility_tree"))
            (await tree.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("nodes").GetInt32().ShouldBeGreaterThanOrEqualTo(0);
        using (var health = await DoorAsync(resource, token, "health"))
            (await health.Content.ReadAsStringAsync(Token)).ShouldBe("""{"status":"ok"}""");
        using (var stranger = await DoorAsync(resource, token[..^4] + "AAAA", "screenshot"))
            stranger.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);

        // From inside: the server on the machine's loopback, by any name that leads there, and its data folder.
        await TypeAsync(resource, token, $"(for a in 127.0.0.1 localhost 10.0.2.2 10.0.2.3; do python3 -c \"import socket; socket.create_connection(('$a', {_server!.Port}), 3); print('reached')\" 2>&1 | tail -1; done; ls {Folder} /proc/{Environment.ProcessId} 2>&1; echo over) >~/seen\n");
        var (leased, seen) = await SeenAsync();
        seen.ShouldNotContain("reached");
        seen.Split("No such file").Length.ShouldBe(3, seen);

        (await ReleaseAsync(lease)).ShouldBe(HttpStatusCode.NoContent);
        using (var late = await DoorAsync(resource, token, "screenshot"))
            late.StatusCode.ShouldBe(HttpStatusCode.Gone);
        await Eventually.TrueAsync(() => !IsAlive(leased) && Standing().Values.All(desktop => desktop.First != leased));

        // All that there are, at once, of which one was the first: each is new, and the third has to wait.
        JsonElement[] both = [await AllocateAsync(), await AllocateAsync()];
        await Eventually.TrueAsync(() => Standing().Count == 2);
        foreach (var (first, _) in Standing().Values)
            File.Exists($"/proc/{first}/root/home/user/seen").ShouldBeFalse();
        using (var third = await _server.Client.PostAsJsonAsync("/v1/leases", new { worker_id = "w", resources = new[] { new { kind = "vm" } }, wait = "0s" }, Token))
            third.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        foreach (var one in both)
            await ReleaseAsync(one);

        await StopAsync();
        Standing().ShouldBeEmpty();
    }

    [Fact]
    public async Task Lease_Browser_ShowsItsPageInItsOwnSandbox()
    {
        await StartAsync(guardSeconds: 5, network: "none", warm: 0, program: "chromium");
        var lease = await AllocateAsync("""{"size":"1000x700","open":"data:text/html,<title>Weir</title><button>Press me</button>"}""");
        var (resource, token) = Only(lease);

        var tree = "";
        for (var tries = 0; !tree.Contains("Press me", StringComparison.Ordinal); tries++)
        {
            tries.ShouldBeLessThan(100, tree);
            using var read = await DoorAsync(resource, token, "accessibility_tree");
            tree = await read.Content.ReadAsStringAsync(Token);
        }

        var inside = ProcessesOf(Standing().Values.Single().First);
        inside.ShouldContain(command => command.Contains("--type=renderer", StringComparison.Ordinal));
        inside.ShouldNotContain(command => command.Contains("--no-sandbox", StringComparison.Ordinal));
        await ReleaseAsync(lease);
    }

    [Fact]
    public async Task Restart_AfterSigkillAndSigterm_LeasesLiveOnUntilTheirDesktopEnds()
    {
        await StartAsync(guardSeconds: 60, network: "nat", warm: 1);
        var lease = await AllocateAsync();
        var (resource, token) = Only(lease);
        await TypeAsync(resource, token, "echo over >~/seen\n");
        var (leased, _) = await SeenAsync();
        await Eventually.TrueAsync(() => Standing().Count == 2);

        _server!.Process.Signal(ChildProcess.SignalKill);
        await RestartAsync();
        await WellAsync(resource, token, leased);

        // Those that nobody holds end with the server, the others go on.
        _server.Process.Signal();
        (await _server.Process.ExitAsync(ToExit)).ShouldBe(0);
        Standing().Values.Select(desktop => desktop.First).ShouldBe([leased]);
        await RestartAsync();
        await WellAsync(resource, token, leased);

        Kill(leased, ChildProcess.SignalKill).ShouldBe(0);
        JsonElement now;
        do
        {
            now = await _server.Client.GetFromJsonAsync<JsonElement>($"/v1/leases/{lease.GetProperty("id").GetString()}?wait=1s", Token);
            await Task.Delay(100, Token);
        }
        while (now.GetProperty("state").GetString() == "ready");
        now.GetProperty("state").GetString().ShouldBe("failed");
        now.GetProperty("reason").GetString()!.ShouldBe($"the desktop ended ({resource})");
        using (var gone = await DoorAsync(resource, token, "screenshot"))
            (gone.StatusCode, (await gone.Content.ReadAsStringAsync(Token)).Contains("the desktop ended", StringComparison.Ordinal)).ShouldBe((HttpStatusCode.Gone, true));
        await StopAsync();
        Standing().ShouldBeEmpty();
    }

    [Fact]
    public async Task Killed_NobodyComesBack_NothingIsLeft()
    {
        await StartAsync(guardSeconds: 1, network: "nat", warm: 1);
        await AllocateAsync();
        await Eventually.TrueAsync(() => Standing().Count == 2);
        var (all, networks) = (Standing().Values.Select(desktop => desktop.First).ToList(), Standing().Values.Select(desktop => desktop.Network!.Value).ToList());

        _server!.Process.Signal(ChildProcess.SignalKill);

        await Eventually.TrueAsync(() => Standing().Count == 0 && !all.Concat(networks).Any(IsAlive));
        await Eventually.TrueAsync(() => !Directory.EnumerateFileSystemEntries(Folder).Any(entry => Path.GetFileName(entry) is not ("lock" or "life")));
        await RestartAsync();
        // The lease ends as soon as the new server has looked for its desktop.
        await Eventually.TrueAsync(async () =>
        {
            using var leases = JsonDocument.Parse(await _server.Client.GetStringAsync("/v1/leases?state=ready", Token));
            return leases.RootElement.GetProperty("data").GetArrayLength() == 0;
        });
        await StopAsync();
    }

    private async Task StartAsync(int guardSeconds, string network, int warm, string program = "xterm")
    {
        _scratch.Write("weir.json", JsonSerializer.Serialize(new { kinds = new { vm = new { capacity = 2, warm, program, network, size = "800x600" } } }));
        _environment = new Dictionary<string, string?> { ["WEIR_DESKTOP_GUARD_SECONDS"] = guardSeconds.ToString(CultureInfo.InvariantCulture) };
        await RestartAsync();
        for (var total = 0; total == 0;)
        {
            var kind = await _server!.Client.GetFromJsonAsync<JsonElement>("/v1/kinds/vm", Token);
            if (kind.TryGetProperty("unable", out var why) && why.ValueKind == JsonValueKind.Object)
                Assert.Skip(why.GetRawText());
            total = kind.GetProperty("total").GetInt32();
            await Task.Delay(50, Token);
        }
    }

    private async Task RestartAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _server = await Server.UpAsync(_scratch, _environment, "--config", Path.Combine(_scratch.Path, "weir.json"));
    }

    private async Task StopAsync()
    {
        _server!.Process.Signal();
        (await _server.Process.ExitAsync(ToExit)).ShouldBe(0, _server.Process.Output);
    }

    private async Task<JsonElement> AllocateAsync(string config = "null")
    {
        var body = $$"""{"worker_id":"w","resources":[{"kind":"vm","config":{{config}}}],"observe":true}""";
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await _server!.Client.PostAsync("/v1/leases", content, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync(Token));
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
    }

    private async Task<HttpStatusCode> ReleaseAsync(JsonElement lease)
    {
        using var answer = await _server!.Client.DeleteAsync($"/v1/leases/{lease.GetProperty("id").GetString()}?fence={lease.GetProperty("fence").GetInt64()}", Token);
        return answer.StatusCode;
    }

    private static (string Resource, string Token) Only(JsonElement lease) =>
        (lease.GetProperty("resources")[0].GetProperty("id").GetString()!, lease.GetProperty("resources")[0].GetProperty("token").GetString()!);

    // Of a server that was started again the port is another, and all else the same.
    private async Task<HttpResponseMessage> DoorAsync(string resource, string token, string verb, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(content is null ? HttpMethod.Get : HttpMethod.Post, $"/doors/{resource}/{verb}") { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _server!.Client.SendAsync(request, Token);
    }

    private async Task TypeAsync(string resource, string token, string text)
    {
        using var actions = JsonContent.Create(new object[] { new { type = "click", x = 300, y = 300 }, new { type = "type", text } });
        using var done = await DoorAsync(resource, token, "actions", actions);
        (await done.Content.ReadAsStringAsync(Token)).ShouldBe("""{"done":2}""");
    }

    private async Task WellAsync(string resource, string token, int first)
    {
        using var health = await DoorAsync(resource, token, "health");
        (await health.Content.ReadAsStringAsync(Token)).ShouldBe("""{"status":"ok"}""");
        Standing().Values.Select(desktop => desktop.First).ShouldContain(first);
        (await File.ReadAllTextAsync($"/proc/{first}/root/home/user/seen", Token)).ShouldBe("over\n");
    }

    /// <summary>What a desktop has written to a file in its home, and the first process of that desktop.</summary>
    private async Task<(int First, string Text)> SeenAsync()
    {
        (int First, string Text) found = default;
        await Eventually.TrueAsync(() =>
        {
            foreach (var (first, _) in Standing().Values)
            {
                var file = $"/proc/{first}/root/home/user/seen";
                if (File.Exists(file) && File.ReadAllText(file) is var text && text.EndsWith("over\n", StringComparison.Ordinal))
                    found = (first, text);
            }

            return found.First > 0;
        });
        return found;
    }

    /// <summary>The desktops of the data folder, as is written down of them: the process that all others end with, and the one that gives them a network.</summary>
    private Dictionary<string, (int First, int? Network)> Standing()
    {
        var found = new Dictionary<string, (int, int?)>();
        foreach (var file in Directory.Exists(Folder) ? Directory.GetFiles(Folder, "facts", SearchOption.AllDirectories) : [])
        {
            try
            {
                var processes = File.ReadLines(file).Where(line => line.StartsWith("process ", StringComparison.Ordinal)).Select(line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture)).ToArray();
                found[file] = (processes[0], processes.Length > 1 ? processes[1] : null);
            }
            catch (IOException)
            {
                // It has just ended.
            }
        }

        return found;
    }

    /// <summary>The commands of all that descends from a process.</summary>
    private static List<string> ProcessesOf(int first)
    {
        var all = Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).ToList();
        var children = all.ToLookup(pid => State(pid).Split(' ') is { Length: > 1 } fields ? int.Parse(fields[1], CultureInfo.InvariantCulture) : 0);
        var (found, left) = (new List<string>(), new Queue<int>([first]));
        while (left.TryDequeue(out var pid))
        {
            foreach (var child in children[pid])
            {
                found.Add(File.Exists($"/proc/{child}/cmdline") ? File.ReadAllText($"/proc/{child}/cmdline").Replace('\0', ' ') : "");
                left.Enqueue(child);
            }
        }

        return found;
    }

    private static bool IsAlive(int pid) => File.Exists($"/proc/{pid}/stat") && !State(pid).StartsWith('Z');

    private static string State(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..];
        }
        catch (IOException)
        {
            return "Z";
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
