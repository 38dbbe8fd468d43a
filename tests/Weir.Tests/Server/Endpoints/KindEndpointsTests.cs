using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;
using Weir.Tests.Server.Leases;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class KindEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SmallKinds.StartAsync(null, ("plain", new KindOptions { Capacity = 2, Aliases = ["simple"], Limits = new() { PerWorker = 1 } }));

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Get_Kinds_CountsAndShowsDefinitionsToAdminsAlone()
    {
        using var made = await LeaseAsync();
        made.StatusCode.ShouldBe(HttpStatusCode.Created);

        var kind = (await GetAsync("/v1/kinds")).GetProperty("data").EnumerateArray().ShouldHaveSingleItem();
        (kind.GetProperty("name").GetString(), kind.GetProperty("total").GetInt32(), kind.GetProperty("free").GetInt32(), kind.GetProperty("leased").GetInt32()).ShouldBe(("plain", 2, 1, 1));
        (kind.GetProperty("waiting").GetInt32(), kind.GetProperty("quarantined").GetInt32(), kind.GetProperty("allocations").GetInt64()).ShouldBe((0, 0, 1L));
        kind.GetProperty("aliases")[0].GetString().ShouldBe("simple");
        kind.TryGetProperty("definition", out _).ShouldBeFalse();
        (await GetAsync("/v1/kinds/simple", _server.AdminKey)).GetProperty("definition").GetProperty("limits").GetProperty("per_worker").GetInt32().ShouldBe(1);
        (await _server.Client.GetAsync("/v1/kinds/printer")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("/v1/kinds", "data")]
    [InlineData("/v1/status", "kinds")]
    [InlineData("/status", null)]
    public async Task Get_JustAfterTheStart_ShowsWhatIsConfigured(string path, string? list)
    {
        var options = SmallKinds.Options(null, ("plain", new KindOptions { Capacity = 3 }), ("screen", new KindOptions { Capacity = 2 }));
        await using var server = await RunningServer.StartAsync(options with
        {
            Customize = builder =>
            {
                options.Customize!(builder);
                builder.Services.AddSingleton(new Weir.Leases.Upkeep.UpkeepLimits { ShownWithin = TimeSpan.FromSeconds(30) });
            },
        });

        var answer = await server.Client.GetFromJsonAsync<JsonElement>(path);

        (string Name, int Total)[] kinds = list is null
            ? [.. answer.EnumerateObject().Select(kind => (kind.Name, kind.Value.GetProperty("total").GetInt32()))]
            : [.. answer.GetProperty(list).EnumerateArray().Select(kind => (kind.GetProperty("name").GetString()!, kind.GetProperty("total").GetInt32()))];
        kinds.ShouldBe([("plain", 3), ("screen", 2)]);
    }

    [Fact]
    public async Task Put_Kind_IsMadeGrownAndShrunkWhileItRuns()
    {
        (await PutAsync("plain:more", """{"capacity": 3}""")).Status.ShouldBe(HttpStatusCode.Created);
        await _server.HasAsync("plain:more", 3);

        var (status, body) = await PutAsync("plain:more", """{"capacity": 5, "aliases": ["many"]}""");
        status.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("definition").GetProperty("capacity").GetInt32().ShouldBe(5);
        await _server.HasAsync("plain:more", 5);
        using var one = await LeaseAsync("many");
        one.StatusCode.ShouldBe(HttpStatusCode.Created);

        (await PutAsync("plain:more", """{"capacity": 1}""")).Body.GetProperty("aliases")[0].GetString().ShouldBe("many", "what is left out stays");
        await Eventually.TrueAsync(() => _server.Service<Weir.Leases.Upkeep.IKindDesk>().Status().Single(kind => kind.Name == "plain:more").Total <= 2);
    }

    [Theory]
    [InlineData("plain", """{"capacity": -1}""", 422, "capacity")]
    [InlineData("plain", """{"capacitee": 1}""", 422, "capacitee")]
    [InlineData("plain", """{"capacity": 2, "aliases": ["plain"]}""", 422, "aliases.0")]
    [InlineData("plain:two", """{"capacity": 1, "aliases": ["simple"]}""", 422, "aliases.0")]
    [InlineData("printer", """{"capacity": 1}""", 422, null)]
    [InlineData("plain:", """{"capacity": 1}""", 422, null)]
    [InlineData("plain:new", "{}", 422, "capacity")]
    [InlineData("plain", "[]", 400, null)]
    [InlineData("plain", "null", 400, null)]
    [InlineData("plain", "not json", 400, null)]
    public async Task Put_BadDefinition_IsRefusedAndNothingChanges(string name, string change, int expected, string? param)
    {
        var (status, body) = await PutAsync(name, change);

        ((int)status).ShouldBe(expected, body.GetRawText());
        if (param is not null)
            body.GetProperty("param").GetString().ShouldBe(param);
        (await GetAsync("/v1/kinds")).GetProperty("data").EnumerateArray().ShouldHaveSingleItem().GetProperty("total").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task Delete_Kind_EndsItForNewLeases()
    {
        using var answer = await _server.SendAsync(HttpMethod.Delete, "/v1/kinds/plain", _server.AdminKey);

        answer.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await Eventually.TrueAsync(() => _server.Service<Weir.Leases.Fleet.IFleetView>().Kinds.Count == 0);
        using var refused = await LeaseAsync();
        refused.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Quarantine_OfALeasedResource_ShutsItsDoorUntilItIsRestored()
    {
        using var made = await LeaseAsync();
        var lease = await made.Content.ReadFromJsonAsync<JsonElement>();
        var resource = lease.GetProperty("resources")[0];
        var id = resource.GetProperty("id").GetString();

        (await OrderAsync($"/v1/resources/{id}/quarantine", """{"reason":"smells of smoke"}""")).ShouldBe(HttpStatusCode.NoContent);

        await Eventually.TrueAsync(() => _server.Service<Weir.Leases.Upkeep.IKindDesk>().Status()[0].Quarantined == 1);
        using var used = await _server.SendAsync(HttpMethod.Get, $"/doors/{id}/who", resource.GetProperty("token").GetString());
        var refused = await used.Content.ReadFromJsonAsync<JsonElement>();
        (used.StatusCode, refused.GetProperty("code").GetString()).ShouldBe((HttpStatusCode.Gone, "resource_quarantined"));
        refused.GetProperty("detail").GetString()!.ShouldContain("smells of smoke");
        // It was the lease's last, which has ended with it: whoever looks, or renews, is told so.
        var ended = await GetAsync($"/v1/leases/{lease.GetProperty("id").GetString()}");
        (ended.GetProperty("state").GetString(), ended.GetProperty("code").GetString()).ShouldBe(("failed", "resource_quarantined"));
        ended.GetProperty("reason").GetString()!.ShouldContain("smells of smoke");
        (await GetAsync("/v1/resources?state=quarantined", _server.AdminKey)).GetProperty("data").EnumerateArray().ShouldHaveSingleItem().GetProperty("reason").GetString()!.ShouldContain("smells of smoke");
        (await GetAsync("/v1/resources?state=quarantined")).GetRawText().ShouldNotContain("smoke");
        var ready = (await GetAsync("/health/ready")).GetProperty("dependencies").GetProperty("leases");
        ready.GetProperty("status").GetString().ShouldBe("degraded");
        ready.GetRawText().ShouldContain("1 of 2 are quarantined");
        ready.GetRawText().ShouldNotContain("smoke");

        (await OrderAsync($"/v1/resources/{id}/restore", null)).ShouldBe(HttpStatusCode.NoContent);
        await _server.IsFreeAsync("plain", 2);
        (await OrderAsync("/v1/resources/plain.99/quarantine", null)).ShouldBe(HttpStatusCode.NotFound);
        (await OrderAsync("/v1/resources/plain.99/restore", null)).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Get_Resources_InPagesAndByKind()
    {
        await PutAsync("plain:more", """{"capacity": 3}""");
        await _server.HasAsync("plain:more", 3);

        var first = await GetAsync("/v1/resources?limit=2");
        first.GetProperty("data").EnumerateArray().Select(one => one.GetProperty("id").GetString()).ShouldBe(["plain.0", "plain.1"]);
        first.GetProperty("has_more").GetBoolean().ShouldBeTrue();
        var rest = await GetAsync($"/v1/resources?after={first.GetProperty("after").GetString()}");
        rest.GetProperty("data").GetArrayLength().ShouldBe(3);
        (await GetAsync("/v1/resources?kind=simple")).GetProperty("data").GetArrayLength().ShouldBe(2);
        (await _server.Client.GetAsync("/v1/resources?state=broken")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Status_TellsOfKinds()
    {
        var kind = (await GetAsync("/v1/status")).GetProperty("kinds").EnumerateArray().ShouldHaveSingleItem();

        (kind.GetProperty("name").GetString(), kind.GetProperty("free").GetInt32()).ShouldBe(("plain", 2));
        (await GetAsync("/v1/status", _server.AdminKey)).GetProperty("differences").GetArrayLength().ShouldBe(0);
        await PutAsync("plain", """{"capacity": 3}""");
        (await GetAsync("/v1/status", _server.AdminKey)).GetProperty("differences").EnumerateArray().ShouldHaveSingleItem().GetProperty("kind").GetString().ShouldBe("kind");
    }

    private Task<HttpResponseMessage> LeaseAsync(string kind = "plain") => _server.SendAsync(
        HttpMethod.Post, "/v1/leases", body: new StringContent($$"""{"worker_id":"w1","resources":[{"kind":"{{kind}}"}],"wait":"0s"}""", Encoding.UTF8, "application/json"));

    private async Task<JsonElement> GetAsync(string path, string? key = null)
    {
        using var answer = await _server.SendAsync(HttpMethod.Get, path, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> PutAsync(string name, string change)
    {
        using var answer = await _server.SendAsync(HttpMethod.Put, $"/v1/kinds/{name}", _server.AdminKey, new StringContent(change, Encoding.UTF8, "application/json"));
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    private async Task<HttpStatusCode> OrderAsync(string path, string? body)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, path, _server.AdminKey, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"));
        return answer.StatusCode;
    }
}
