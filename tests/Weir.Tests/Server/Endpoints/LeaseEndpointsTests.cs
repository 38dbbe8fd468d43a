using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Server.Leases;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Leases through a whole server, from outside.</summary>
public sealed class LeaseEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SmallKinds.StartAsync(
        null, ("plain", new KindOptions { Capacity = 2, Aliases = ["simple"] }), ("screen", new KindOptions { Capacity = 3 }), ("broken", new KindOptions { Capacity = 1 }),
        ("hanging", new KindOptions { Capacity = 1, InitialiseWithin = TimeSpan.FromMilliseconds(200) }));

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Lease_FromAllocationToRelease_IsUsableInBetweenAlone()
    {
        var lease = await LeaseAsync("""[{"kind":"simple"},{"kind":"screen","count":2}]""");
        lease.GetProperty("resources").EnumerateArray().Select(one => one.GetProperty("kind").GetString()).ShouldBe(["simple", "screen", "screen"], ignoreOrder: true);
        var plain = lease.GetProperty("resources").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "simple");
        plain.GetProperty("resolved_kind").GetString().ShouldBe("plain");

        (await UseAsync(plain, "who")).ShouldBe((HttpStatusCode.OK, "w1"));
        (await UseAsync(plain, "who", "weirdoor_wrong")).Status.ShouldBe(HttpStatusCode.Unauthorized);

        var (id, fence) = (lease.GetProperty("id").GetString(), lease.GetProperty("fence").GetInt64());
        using var renewed = await PostAsync($"/v1/leases/{id}/renew", $$"""{"fence":{{fence}},"ttl":"1h"}""");
        (await BodyAsync(renewed)).GetProperty("expires_at").GetDateTimeOffset().ShouldBeGreaterThan(lease.GetProperty("expires_at").GetDateTimeOffset());
        var seen = await GetAsync($"/v1/leases/{id}/observations");
        seen.GetProperty("screen").GetProperty("screenshot").GetBytesFromBase64().ShouldBe(SmallKinds.Picture);
        seen.GetProperty("resources").EnumerateObject().Count().ShouldBe(2, "a kind with nothing to see says nothing");

        (await DeleteAsync($"/v1/leases/{id}?fence={fence - 1}")).ShouldBe(HttpStatusCode.PreconditionFailed);
        (await DeleteAsync($"/v1/leases/{id}?fence={fence}")).ShouldBe(HttpStatusCode.NoContent);
        (await DeleteAsync($"/v1/leases/{id}?fence={fence}")).ShouldBe(HttpStatusCode.NoContent, "a release may be repeated");
        (await UseAsync(plain, "who")).Status.ShouldBeOneOf(HttpStatusCode.Unauthorized, HttpStatusCode.Gone);
        (await GetAsync($"/v1/leases/{id}")).GetProperty("state").GetString().ShouldBe("released");
        await _server.IsFreeAsync("screen", 3);
        await _server.IsFreeAsync("plain", 2);
    }

    [Fact]
    public async Task Release_OfOneResource_LeavesTheOthers()
    {
        var lease = await LeaseAsync("""[{"kind":"plain"},{"kind":"screen"}]""");
        var (id, fence) = (lease.GetProperty("id").GetString(), lease.GetProperty("fence").GetInt64());
        var screen = lease.GetProperty("resources").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "screen").GetProperty("id").GetString();

        (await DeleteAsync($"/v1/leases/{id}/resources/{screen}?fence={fence}")).ShouldBe(HttpStatusCode.NoContent);

        await _server.IsFreeAsync("screen", 3);
        var left = await GetAsync($"/v1/leases/{id}");
        left.GetProperty("state").GetString().ShouldBe("ready");
        (await UseAsync(left.GetProperty("resources").EnumerateArray().ShouldHaveSingleItem(), "who")).ShouldBe((HttpStatusCode.OK, "w1"));
    }

    [Fact]
    public async Task Post_KindThatCannotBeInitialised_GivesEverythingBackAndSaysWhy()
    {
        using var failed = await PostAsync("/v1/leases", Body("""[{"kind":"plain"},{"kind":"broken"}]"""));

        failed.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        var problem = await BodyAsync(failed);
        problem.GetProperty("code").GetString().ShouldBe("initialisation_failed");
        problem.GetProperty("detail").GetString()!.ShouldContain("It needs a config that 'works'.");
        await _server.IsFreeAsync("plain", 2);
        await _server.IsFreeAsync("broken", 1);

        var lease = await LeaseAsync("""[{"kind":"broken","config":{"works":true}}]""");
        lease.GetProperty("resources")[0].GetProperty("details").GetProperty("works").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Get_LeaseThatFailed_SaysWithWhichCode()
    {
        using var asked = await PostAsync("/v1/leases", Body("""[{"kind":"broken"}]"""), null, ("prefer", "respond-async"));
        asked.StatusCode.ShouldBe(HttpStatusCode.Accepted);

        var failed = await GetAsync($"/v1/leases/{(await BodyAsync(asked)).GetProperty("id").GetString()}?wait=30s");

        (failed.GetProperty("state").GetString(), failed.GetProperty("code").GetString()).ShouldBe(("failed", "initialisation_failed"));
        (await LeaseAsync("""[{"kind":"plain"}]""")).TryGetProperty("code", out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData("{\"worker_id\":", "ends too early")]
    [InlineData("{\"worker_id\":\"w", "ends too early")]
    [InlineData("{\"worker_id\":\"w1\"", "ends too early")]
    [InlineData("{\"worker_id\":tr", "worker_id is not valid JSON")]
    [InlineData("{\"resources\":[{\"kind\":\"pl", "ends too early")]
    [InlineData("", "ends too early")]
    [InlineData("{\"worker_id\":oops}", "worker_id is not valid JSON")]
    [InlineData("{\"worker_id\":7}", "worker_id has the wrong type")]
    public async Task Post_BodyThatIsNoJson_SaysWhetherItWasCutOff(string body, string says)
    {
        using var refused = await PostAsync("/v1/leases", body);

        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await BodyAsync(refused)).GetProperty("detail").GetString()!.ShouldContain(says);
    }

    [Fact]
    public async Task KindThatIsEnded_WhatIsLeasedOfIt_IsUsedAndObservedUntilItIsGivenBack()
    {
        var lease = await LeaseAsync("""[{"kind":"screen"},{"kind":"plain"}]""");
        var id = lease.GetProperty("id").GetString();
        foreach (var kind in (string[])["screen", "plain"])
            (await DeleteAsync($"/v1/kinds/{kind}", _server.AdminKey)).ShouldBe(HttpStatusCode.NoContent);
        await Eventually.TrueAsync(() => _server.Service<Weir.Leases.Fleet.IFleetView>().Kinds.All(kind => kind.Value.Name is not ("screen" or "plain")));

        var seen = await GetAsync($"/v1/leases/{id}/observations");
        seen.GetProperty("screen").GetProperty("screenshot").GetBytesFromBase64().ShouldBe(SmallKinds.Picture);
        (await UseAsync(lease.GetProperty("resources").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "plain"), "who")).ShouldBe((HttpStatusCode.OK, "w1"));
        (await DeleteAsync($"/v1/leases/{id}?fence={lease.GetProperty("fence").GetInt64()}")).ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Post_KindThatHangs_FailsWithinItsTimeAndGivesEverythingBack()
    {
        using var failed = await PostAsync("/v1/leases", Body("""[{"kind":"plain"},{"kind":"hanging"}]"""));

        failed.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await BodyAsync(failed)).GetProperty("code").GetString().ShouldBe("initialisation_failed");
        await _server.IsFreeAsync("plain", 2);
        await _server.IsFreeAsync("hanging", 1);
    }

    [Theory]
    [InlineData("""[{"kind":"printer"}]""", 422, "unknown_kind", "printer")]
    [InlineData("""[{"kind":"plain","count":3}]""", 422, "impossible", "2")]
    [InlineData("""[{"kind":"plain","count":2},{"kind":"simple"}]""", 422, "impossible", "2")]
    public async Task Post_WhatCanNeverBe_IsRefusedAtOnceSayingWhatThereIs(string resources, int status, string code, string says)
    {
        using var answer = await PostAsync("/v1/leases", Body(resources, "\"wait\":\"24h\""));

        ((int)answer.StatusCode).ShouldBe(status);
        var problem = await BodyAsync(answer);
        problem.GetProperty("code").GetString().ShouldBe(code);
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
    }

    [Fact]
    public async Task Post_NothingFree_WaitsUntilItsTimeIsUp()
    {
        await LeaseAsync("""[{"kind":"plain","count":2}]""");

        foreach (var wait in (string[])["0s", "50ms"])
        {
            using var answer = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]""", $"\"wait\":\"{wait}\""));
            answer.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout, wait);
            (await BodyAsync(answer)).GetProperty("code").GetString().ShouldBe("wait_expired");
        }
    }

    [Fact]
    public async Task Post_NothingFree_IsServedWhenSomethingIsGivenBack()
    {
        var first = await LeaseAsync("""[{"kind":"plain","count":2}]""");
        var second = PostAsync("/v1/leases", Body("""[{"kind":"plain"}]"""));
        await WaitingAsync(1);

        (await DeleteAsync($"/v1/leases/{first.GetProperty("id").GetString()}?fence={first.GetProperty("fence").GetInt64()}")).ShouldBe(HttpStatusCode.NoContent);

        using var answer = await second.WaitAsync(TimeSpan.FromSeconds(30));
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Post_Async_IsGrantedLaterAndShownWithItsTokens()
    {
        var first = await LeaseAsync("""[{"kind":"plain","count":2}]""");
        using var accepted = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]"""), headers: ("Prefer", "respond-async"));
        accepted.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var waiting = await BodyAsync(accepted);
        (waiting.GetProperty("state").GetString(), waiting.GetProperty("position").GetInt32()).ShouldBe(("waiting", 1));
        var polling = GetAsync($"{accepted.Headers.Location}?wait=1m");

        await DeleteAsync($"/v1/leases/{first.GetProperty("id").GetString()}?fence={first.GetProperty("fence").GetInt64()}");

        var ready = await polling.WaitAsync(TimeSpan.FromSeconds(30));
        ready.GetProperty("state").GetString().ShouldBe("ready");
        (await UseAsync(ready.GetProperty("resources")[0], "who")).ShouldBe((HttpStatusCode.OK, "w1"));
    }

    [Fact]
    public async Task Post_ClientLeavesWhileItWaits_StandsInNobodysWay()
    {
        var first = await LeaseAsync("""[{"kind":"plain","count":2}]""");
        using var hangsUp = new CancellationTokenSource();
        var leaving = _server.Client.PostAsync("/v1/leases", Json(Body("""[{"kind":"plain","count":2}]""")), hangsUp.Token);
        await WaitingAsync(1);

        await hangsUp.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => leaving);
        await WaitingAsync(0);
        await DeleteAsync($"/v1/leases/{first.GetProperty("id").GetString()}?fence={first.GetProperty("fence").GetInt64()}");
        await _server.IsFreeAsync("plain", 2);
    }

    [Fact]
    public async Task Post_SameIdempotencyKey_FindsTheSameLease()
    {
        var body = Body("""[{"kind":"plain"}]""");
        var both = await Task.WhenAll(PostAsync("/v1/leases", body, headers: ("Idempotency-Key", "one")), PostAsync("/v1/leases", body, headers: ("Idempotency-Key", "one")));
        foreach (var answer in both)
            answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        var ids = new[] { await BodyAsync(both[0]), await BodyAsync(both[1]) }.Select(lease => (lease.GetProperty("id").GetString(), lease.GetProperty("resources")[0].GetProperty("token").GetString())).ToList();
        ids[0].ShouldBe(ids[1]);

        using var other = await PostAsync("/v1/leases", Body("""[{"kind":"screen"}]"""), headers: ("Idempotency-Key", "one"));
        other.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await BodyAsync(other)).GetProperty("code").GetString().ShouldBe("idempotency_mismatch");
        // The same word of another key is another's.
        using var another = await PostAsync("/v1/leases", body, await _server.AddKeyAsync("worker"), ("Idempotency-Key", "one"));
        (await BodyAsync(another)).GetProperty("id").GetString().ShouldNotBe(ids[0].Item1);
        _server.Service<Weir.Leases.Upkeep.IKindDesk>().Status().Single(kind => kind.Name == "plain").Leased.ShouldBe(2);
    }

    [Fact]
    public async Task Post_SameIdempotencyKeyAfterTheRelease_SaysThatItHasEnded()
    {
        using var made = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]"""), headers: ("Idempotency-Key", "k"));
        var lease = await BodyAsync(made);
        await DeleteAsync($"/v1/leases/{lease.GetProperty("id").GetString()}?fence={lease.GetProperty("fence").GetInt64()}");

        using var again = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]"""), headers: ("Idempotency-Key", "k"));

        again.StatusCode.ShouldBe(HttpStatusCode.Gone);
        (await BodyAsync(again)).GetProperty("code").GetString().ShouldBe("lease_ended");
    }

    [Fact]
    public async Task Tenants_SeeNothingOfEachOther()
    {
        var (one, other) = (await _server.AddKeyAsync("worker"), await _server.AddKeyAsync("worker"));
        using var made = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]"""), one);
        var lease = await BodyAsync(made);
        var (id, fence) = (lease.GetProperty("id").GetString(), lease.GetProperty("fence").GetInt64());

        using var renewed = await PostAsync($"/v1/leases/{id}/renew", $$"""{"fence":{{fence}}}""", other);
        renewed.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await DeleteAsync($"/v1/leases/{id}?fence={fence}", other)).ShouldBe(HttpStatusCode.NotFound);
        (await GetAsync("/v1/leases", other)).GetProperty("data").GetArrayLength().ShouldBe(0);
        (await GetAsync("/v1/resources?state=leased", other)).GetRawText().ShouldNotContain(id!);
        (await GetAsync("/v1/resources?state=leased", one)).GetRawText().ShouldContain(id!);
        // An admin sees and ends all, and is shown no token.
        (await GetAsync($"/v1/leases/{id}", _server.AdminKey)).GetRawText().ShouldNotContain("\"token\"");
        (await DeleteAsync($"/v1/leases/{id}?fence={fence}", _server.AdminKey)).ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Key_WithKinds_MayLeaseThoseAlone()
    {
        var key = await _server.AddKeyAsync(new KeyRequest { Roles = ["worker"], Kinds = ["screen"] });

        (await PostAsync("/v1/leases", Body("""[{"kind":"screen"}]"""), key)).StatusCode.ShouldBe(HttpStatusCode.Created);
        foreach (var kind in (string[])["plain", "simple"])
        {
            using var refused = await PostAsync("/v1/leases", Body($$"""[{"kind":"{{kind}}"}]"""), key);
            refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
            (await BodyAsync(refused)).GetProperty("code").GetString().ShouldBe("kind_not_allowed");
        }

        (await GetAsync("/v1/kinds", key)).GetProperty("data").EnumerateArray().Select(kind => kind.GetProperty("name").GetString()).ShouldBe(["screen"]);
        (await GetAsync("/v1/resources", key)).GetProperty("data").GetArrayLength().ShouldBe(3);
    }

    [Fact]
    public async Task Key_ThatIsRevoked_EndsItsWaitsAndItsLeases()
    {
        var kept = await LeaseAsync("""[{"kind":"plain"}]""");
        var (record, key) = await _server.AddKeyRecordAsync(new KeyRequest { Roles = ["worker"] });
        using var made = await PostAsync("/v1/leases", Body("""[{"kind":"plain"}]""", "\"ttl\":\"24h\""), key);
        made.StatusCode.ShouldBe(HttpStatusCode.Created);
        using var accepted = await PostAsync("/v1/leases", Body("""[{"kind":"plain","count":2}]""", "\"wait\":\"24h\""), key, ("Prefer", "respond-async"));
        var waiting = PostAsync("/v1/leases", Body("""[{"kind":"plain","count":2}]""", "\"wait\":\"24h\""), key);
        await WaitingAsync(2);

        using (var revoked = await _server.SendAsync(HttpMethod.Delete, $"/v1/keys/{record.Id}", _server.AdminKey))
            revoked.StatusCode.ShouldBe(HttpStatusCode.NoContent);

        using var answer = await waiting.WaitAsync(TimeSpan.FromSeconds(30));
        (answer.StatusCode, (await BodyAsync(answer)).GetProperty("code").GetString()).ShouldBe((HttpStatusCode.Forbidden, "key_revoked"));
        await WaitingAsync(0);
        (await GetAsync(accepted.Headers.Location!.ToString(), _server.AdminKey)).GetProperty("state").GetString().ShouldBe("failed");
        await _server.IsFreeAsync("plain", 1);
        var ended = await GetAsync($"/v1/leases/{(await BodyAsync(made)).GetProperty("id").GetString()}", _server.AdminKey);
        ended.GetProperty("state").GetString().ShouldBe("expired");
        (await GetAsync($"/v1/leases/{kept.GetProperty("id").GetString()}", _server.AdminKey)).GetProperty("state").GetString().ShouldBe("ready");
    }

    [Fact]
    public async Task Stop_WithALeaseInUse_LeavesItToItsWorker()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var kind = ("plain", new KindOptions { Capacity = 1 });
        JsonElement lease;
        await using (var before = await SmallKinds.StartAsync(store, kind))
        {
            using var made = await before.SendAsync(HttpMethod.Post, "/v1/leases", body: Json(Body("""[{"kind":"plain"}]""")));
            lease = await BodyAsync(made);
            var waiting = before.SendAsync(HttpMethod.Post, "/v1/leases", body: Json(Body("""[{"kind":"plain"}]""")));
            await Eventually.TrueAsync(() => before.Service<Weir.Leases.Upkeep.IKindDesk>().Status()[0].Waiting == 1);
            var stopping = before.App.StopAsync();
            using var refused = await waiting.WaitAsync(TimeSpan.FromSeconds(30));
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            await stopping;
        }

        await using var after = await SmallKinds.StartAsync(store, kind);
        var resource = lease.GetProperty("resources")[0];
        using var used = await after.SendAsync(HttpMethod.Get, $"/doors/{resource.GetProperty("id").GetString()}/who", resource.GetProperty("token").GetString());
        (await used.Content.ReadAsStringAsync()).ShouldBe("w1");
        using var released = await after.SendAsync(HttpMethod.Delete, $"/v1/leases/{lease.GetProperty("id").GetString()}?fence={lease.GetProperty("fence").GetInt64()}");
        released.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await after.IsFreeAsync("plain", 1);
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static string Body(string resources, string? more = null) => $$"""{"worker_id":"w1","resources":{{resources}}{{(more is null ? "" : "," + more)}}}""";

    private static Task<JsonElement> BodyAsync(HttpResponseMessage answer) => answer.Content.ReadFromJsonAsync<JsonElement>();

    private Task<HttpResponseMessage> PostAsync(string path, string body, string? key = null, params (string Name, string Value)[] headers) => _server.SendAsync(HttpMethod.Post, path, key, Json(body), headers);

    private async Task<JsonElement> LeaseAsync(string resources)
    {
        using var answer = await PostAsync("/v1/leases", Body(resources));
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return await BodyAsync(answer);
    }

    private async Task<JsonElement> GetAsync(string path, string? key = null)
    {
        using var answer = await _server.SendAsync(HttpMethod.Get, path, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        return await BodyAsync(answer);
    }

    private async Task<HttpStatusCode> DeleteAsync(string path, string? key = null)
    {
        using var answer = await _server.SendAsync(HttpMethod.Delete, path, key);
        return answer.StatusCode;
    }

    private async Task<(HttpStatusCode Status, string Body)> UseAsync(JsonElement resource, string verb, string? token = null)
    {
        var door = new Uri(resource.GetProperty("base_url").GetString()!).AbsolutePath;
        using var answer = await _server.SendAsync(HttpMethod.Get, $"{door}/{verb}", token ?? resource.GetProperty("token").GetString());
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private Task WaitingAsync(int leases) =>
        Eventually.TrueAsync(() => _server.Service<Weir.Leases.Upkeep.IKindDesk>().Status().Single(kind => kind.Name == "plain").Waiting == leases);
}
