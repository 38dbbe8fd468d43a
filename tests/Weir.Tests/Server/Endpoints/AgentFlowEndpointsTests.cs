using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.Tests.Server.Leases;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>AgentFlow's paths, as its own clients use them.</summary>
public sealed class AgentFlowEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SmallKinds.StartAsync(
        null, ("plain", new KindOptions { Capacity = 1, Aliases = ["vm_pyautogui"] }), ("screen", new KindOptions { Capacity = 1 }), ("broken", new KindOptions { Capacity = 1 }));

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Allocate_SeveralTypes_IsAMapByTheNamesThatWereAskedFor()
    {
        var (status, map) = await PostAsync("/allocate", """{"worker_id":"w1","resource_types":["vm_pyautogui","screen"],"timeout":60.0}""");

        status.ShouldBe(HttpStatusCode.OK);
        map.EnumerateObject().Select(entry => entry.Name).ShouldBe(["vm_pyautogui", "screen"], ignoreOrder: true);
        var plain = map.GetProperty("vm_pyautogui");
        (plain.GetProperty("id").GetString(), plain.GetProperty("type").GetString(), plain.GetProperty("status").GetString()).ShouldBe(("plain.0", "vm_pyautogui", "ready"));
        using var used = await _server.SendAsync(HttpMethod.Get, new Uri(plain.GetProperty("base_url").GetString()!).AbsolutePath + "/who", plain.GetProperty("token").GetString());
        (await used.Content.ReadAsStringAsync()).ShouldBe("w1");
    }

    [Fact]
    public async Task Allocate_OneType_IsThatResourceAlone()
    {
        var (status, resource) = await PostAsync("/allocate", """{"worker_id":"w1","type":"plain"}""");

        status.ShouldBe(HttpStatusCode.OK);
        resource.GetProperty("id").GetString().ShouldBe("plain.0");
    }

    [Fact]
    public async Task Allocate_TimeIsUp_Is503AndNeverASuccess()
    {
        await PostAsync("/allocate", """{"worker_id":"w1","type":"plain"}""");

        var (status, problem) = await PostAsync("/allocate", """{"worker_id":"w2","resource_types":["screen","plain"],"timeout":0.05}""");

        status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        problem.GetProperty("code").GetString().ShouldBe("wait_expired");
        await _server.IsFreeAsync("screen", 1);
    }

    [Fact]
    public async Task Use_ThroughTheDoor_RenewsWhatWasAllocatedHere()
    {
        var (_, resource) = await PostAsync("/allocate", """{"worker_id":"w1","type":"plain"}""");
        var (id, fence) = (resource.GetProperty("lease_id").GetString()!, resource.GetProperty("fence").GetInt64());
        // Its end is brought near, as if most of its hour had passed.
        await PostAsync($"/v1/leases/{id}/renew", $$"""{"fence":{{fence}},"ttl":"5m"}""");
        var near = await EndAsync(id);

        using var used = await _server.SendAsync(HttpMethod.Get, new Uri(resource.GetProperty("base_url").GetString()!).AbsolutePath + "/who", resource.GetProperty("token").GetString());

        used.StatusCode.ShouldBe(HttpStatusCode.OK);
        await Eventually.TrueAsync(() => EndAsync(id).GetAwaiter().GetResult() > near.AddMinutes(50));
    }

    [Theory]
    [InlineData("""{"type":"plain"}""", 400)]
    [InlineData("""{"worker_id":"w1"}""", 400)]
    [InlineData("""{"worker_id":"w1","type":"plain","resource_types":["screen"]}""", 400)]
    [InlineData("""{"worker_id":"w1","resource_types":[]}""", 422)]
    [InlineData("""{"worker_id":"w1","resource_types":["plain","plain"]}""", 422)]
    [InlineData("""{"worker_id":"w1","resource_types":["plain",null]}""", 422)]
    [InlineData("""{"worker_id":"w1","resource_types":"plain"}""", 400)]
    [InlineData("""{"worker_id":"w1","type":""}""", 422)]
    [InlineData("""{"worker_id":"w1","type":"printer"}""", 422)]
    [InlineData("""{"worker_id":"w1","type":"plain","timeout":-1}""", 422)]
    [InlineData("""{"worker_id":"w1","type":"plain","timeout":1e300}""", 422)]
    [InlineData("""{"worker_id":"w1","type":"plain","timeout":"60"}""", 400)]
    [InlineData("""{"worker_id":"w1","type":"plain","count":2}""", 400)]
    [InlineData("""{"worker_id":"w1","type":"broken"}""", 422)]
    public async Task Allocate_BadRequest_IsRefusedAndHoldsNothing(string body, int expected)
    {
        ((int)(await PostAsync("/allocate", body)).Status).ShouldBe(expected);

        foreach (var kind in (string[])["plain", "screen", "broken"])
            await _server.IsFreeAsync(kind, 1);
    }

    [Fact]
    public async Task Release_ByItsWorker_FreesItAndMayBeRepeated()
    {
        await PostAsync("/allocate", """{"worker_id":"w1","resource_types":["plain","screen"]}""");

        var (status, body) = await PostAsync("/release", """{"resource_id":"plain.0","worker_id":"w1"}""");
        (status, body.GetProperty("status").GetString()).ShouldBe((HttpStatusCode.OK, "releasing"));
        await _server.IsFreeAsync("plain", 1);
        (await PostAsync("/release", """{"resource_id":"plain.0","worker_id":"w1"}""")).Status.ShouldBe(HttpStatusCode.OK);
        (await PostAsync("/release", """{"resource_id":"plain.0","worker_id":"w2"}""")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await PostAsync("/release", """{"resource_id":"screen.0","worker_id":"w1"}""")).Status.ShouldBe(HttpStatusCode.OK);
        await _server.IsFreeAsync("screen", 1);
        (await PostAsync("/release", """{"resource_id":"screen.0","worker_id":"w1"}""")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Release_BySomebodyElse_Is403AndSaysSo()
    {
        var (one, other) = (await _server.AddKeyAsync("worker"), await _server.AddKeyAsync("worker"));
        (await PostAsync("/allocate", """{"worker_id":"w1","type":"plain"}""", one)).Status.ShouldBe(HttpStatusCode.OK);

        foreach (var (worker, key) in new[] { ("w2", one), ("w1", other) })
        {
            var (status, problem) = await PostAsync("/release", $$"""{"resource_id":"plain.0","worker_id":"{{worker}}"}""", key);
            status.ShouldBe(HttpStatusCode.Forbidden);
            problem.GetProperty("code").GetString().ShouldBe("not_holder");
            problem.GetProperty("detail").GetString()!.ShouldContain("does not hold 'plain.0'");
        }

        (await PostAsync("/release", """{"resource_id":"plain.0","worker_id":"w1"}""", one)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("""{"resource_id":"plain.7","worker_id":"w1"}""", 404)]
    [InlineData("""{"resource_id":"screen.0","worker_id":"w1"}""", 403)]
    [InlineData("""{"worker_id":"w1"}""", 400)]
    [InlineData("""{"resource_id":"plain.0"}""", 400)]
    [InlineData("""{"resource_id":7,"worker_id":"w1"}""", 400)]
    public async Task Release_OfWhatItDoesNotHold_IsRefused(string body, int expected) => ((int)(await PostAsync("/release", body)).Status).ShouldBe(expected);

    [Fact]
    public async Task Status_CountsEachKindAndNamesEachResource()
    {
        await PostAsync("/allocate", """{"worker_id":"w1","type":"plain"}""");

        var status = await _server.Client.GetFromJsonAsync<JsonElement>("/status");

        var plain = status.GetProperty("plain");
        string[] counts = ["total", "free", "occupied", "error", "allocations", "releases"];
        counts.Select(name => plain.GetProperty(name).GetInt64()).ShouldBe([1, 0, 1, 0, 1, 0]);
        plain.GetProperty("statuses").GetProperty("plain.0").GetString().ShouldBe("occupied");
        status.GetProperty("screen").GetProperty("statuses").GetProperty("screen.0").GetString().ShouldBe("free");
    }

    private async Task<DateTimeOffset> EndAsync(string lease) => (await _server.Client.GetFromJsonAsync<JsonElement>($"/v1/leases/{lease}")).GetProperty("expires_at").GetDateTimeOffset();

    private async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string body, string? key = null)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, path, key, new StringContent(body, Encoding.UTF8, "application/json"));
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }
}
