using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>Two servers over one Redis with real desktops on each: leases over both, doors of either, and one of them killed.</summary>
public sealed class LeaseReplicasTests : IAsyncLifetime
{
    private readonly Scratch[] _scratches = [new(), new(), new()];
    private readonly List<Server> _started = [];
    private RedisServer _redis = null!;
    private string _config = "";
    private Server _first = null!;
    private Server _second = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        var remote = await Server.SimAsync(_scratches[2]);
        _started.Add(remote);
        _config = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["state"] = _redis.Url,
            ["kinds"] = new Dictionary<string, object>
            {
                ["vm"] = new { capacity = 2, program = "xterm", size = "640x480" },
                ["remote:box"] = new { endpoints = new[] { new { id = "a", base_url = remote.Url } } },
            },
        });
        (_first, _second) = (await StartAsync(0), await StartAsync(1));
        await UntilAsync(_first, resources => Count(resources, "vm", "free") == 4);
        await UntilAsync(_second, resources => Count(resources, "vm", "free") == 4);
    }

    public async ValueTask DisposeAsync()
    {
        // Asked to end, they end their desktops too.
        foreach (var server in _started.Where(server => !server.Process.HasExited))
            server.Process.Signal();
        foreach (var server in _started)
        {
            await server.Process.ExitAsync(TimeSpan.FromSeconds(60));
            await server.DisposeAsync();
        }

        await _redis.DisposeAsync();
        foreach (var scratch in _scratches)
            scratch.Dispose();
    }

    [Fact]
    public async Task Desktops_OfTwoReplicas_AreOneFleetAndOutliveTheDeathOfOne()
    {
        var lease = await LeaseAsync(_first, """{"worker_id":"w","ttl":"5m","resources":[{"kind":"vm","count":3},{"kind":"remote:box"}]}""");
        var desktops = lease.GetProperty("resources").EnumerateArray().Where(one => one.GetProperty("kind").GetString() == "vm").ToList();
        var byHome = desktops.GroupBy(one => HomeOf(one)).OrderByDescending(home => home.Count()).ToList();
        byHome.Select(home => home.Count()).ShouldBe([2, 1]);
        foreach (var desktop in desktops)
        {
            foreach (var replica in (Server[])[_first, _second])
                (await ScreenshotAsync(replica, desktop)).ShouldBe(HttpStatusCode.OK, $"{desktop.GetProperty("id")} through {replica.Url}");
        }

        // Near before far: two are where it was asked for, one is on the replica that is killed now, together with its connections.
        var (near, far) = (byHome[0].First(), byHome[1].Single());
        _second.Process.Signal(ChildProcess.SignalKill);
        await _second.Process.ExitAsync(TimeSpan.FromSeconds(30));
        (await ScreenshotAsync(_first, near)).ShouldBe(HttpStatusCode.OK);
        (await ScreenshotAsync(_first, far)).ShouldBeOneOf(HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable);

        // Back over the same folder before the lease ends: the desktop stands, and is the lease's as before.
        _second = await StartAsync(1);
        for (var look = 0; await ScreenshotAsync(_first, far) != HttpStatusCode.OK; look++)
        {
            look.ShouldBeLessThan(150, "the desktop did not come back");
            await Task.Delay(200);
        }

        using var released = await _second.Client.DeleteAsync($"/v1/leases/{lease.GetProperty("id").GetString()}?fence={lease.GetProperty("fence").GetInt64()}");
        released.StatusCode.ShouldBe(HttpStatusCode.NoContent, await released.Content.ReadAsStringAsync());
        await UntilAsync(_first, resources => resources.EnumerateArray().All(one => one.GetProperty("state").GetString() == "free"));
        (await ScreenshotAsync(_second, near)).ShouldBe(HttpStatusCode.Gone);
    }

    private async Task<Server> StartAsync(int replica)
    {
        var server = await Server.UpAsync(_scratches[replica], "--config", _scratches[replica].Write("weir.json", _config));
        _started.Add(server);
        return server;
    }

    private static string HomeOf(JsonElement resource) => resource.GetProperty("id").GetString()!.Split('.')[1];

    private static int Count(JsonElement resources, string kind, string state) => resources.EnumerateArray()
        .Count(one => one.GetProperty("kind").GetString() == kind && one.GetProperty("state").GetString() == state);

    private static async Task<JsonElement> LeaseAsync(Server server, string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await server.Client.PostAsync("/v1/leases", content);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task<HttpStatusCode> ScreenshotAsync(Server through, JsonElement desktop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/doors/{desktop.GetProperty("id").GetString()}/screenshot");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", desktop.GetProperty("token").GetString());
        using var answer = await through.Client.SendAsync(request);
        var body = await answer.Content.ReadAsByteArrayAsync();
        if (answer.IsSuccessStatusCode)
            body.AsSpan(1, 3).SequenceEqual("PNG"u8).ShouldBeTrue("it is no PNG");
        return answer.StatusCode;
    }

    private static async Task UntilAsync(Server server, Func<JsonElement, bool> condition)
    {
        for (var look = 0; ; look++)
        {
            var resources = (await server.Client.GetFromJsonAsync<JsonElement>("/v1/resources")).GetProperty("data");
            if (condition(resources))
                return;
            look.ShouldBeLessThan(300, resources.GetRawText());
            await Task.Delay(200);
        }
    }
}
