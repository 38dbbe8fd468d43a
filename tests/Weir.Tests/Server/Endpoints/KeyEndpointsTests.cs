using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Server.Keys;

namespace Weir.Tests.Server.Endpoints;

public sealed class KeyEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Create_Whole_ShowsTheSecretOnceAndKeepsEveryField()
    {
        const string Body = """
            {"name":"batch","roles":["app","worker"],"tenant":"acme","expires":"2999-01-01T00:00:00Z","requests_per_minute":60,"tokens_per_minute":1000,
             "max_in_flight":4,"spend":{"per":"day","limit":2.5},"max_priority":3,"routes":["fast","openai/*"],"kinds":["rag"]}
            """;

        var (status, made) = await PostAsync(Body);
        using var list = await _server.SendAsync(HttpMethod.Get, "/v1/keys", _server.AdminKey);
        var listed = (await list.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0];

        status.ShouldBe(201);
        made.GetProperty("key").GetString()!.ShouldStartWith("weir_");
        listed.TryGetProperty("key", out _).ShouldBeFalse();
        foreach (var property in listed.EnumerateObject())
            JsonElement.DeepEquals(property.Value, made.GetProperty(property.Name)).ShouldBeTrue(property.Name);
        listed.GetProperty("tenant").GetString().ShouldBe("acme");
        listed.GetProperty("spend").GetProperty("limit").GetDecimal().ShouldBe(2.5m);
        listed.GetProperty("routes")[1].GetString().ShouldBe("openai/*");
    }

    [Fact]
    public async Task Create_Empty_IsAnAppKeyOfItsOwnTenant()
    {
        var (_, made) = await PostAsync("{}");

        made.GetProperty("roles")[0].GetString().ShouldBe("app");
        made.GetProperty("tenant").GetString().ShouldBe(made.GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("", 400, null)]
    [InlineData("null", 400, null)]
    [InlineData("[]", 400, null)]
    [InlineData("{\"name\":", 400, null)]
    [InlineData("{\"rolez\":[]}", 400, "rolez")]
    [InlineData("{\"max_in_flight\":\"many\"}", 400, "max_in_flight")]
    [InlineData("{\"roles\":[]}", 422, "roles")]
    [InlineData("{\"roles\":[\"root\"]}", 422, "roles")]
    [InlineData("{\"roles\":[null]}", 422, "roles")]
    [InlineData("{\"name\":\"\"}", 422, "name")]
    [InlineData("{\"tenant\":\"a/b\"}", 422, "tenant")]
    [InlineData("{\"expires\":\"2001-01-01T00:00:00Z\"}", 422, "expires")]
    [InlineData("{\"requests_per_minute\":0}", 422, "requests_per_minute")]
    [InlineData("{\"tokens_per_minute\":-1}", 422, "tokens_per_minute")]
    [InlineData("{\"max_in_flight\":0}", 422, "max_in_flight")]
    [InlineData("{\"max_priority\":10}", 422, "max_priority")]
    [InlineData("{\"spend\":{\"per\":\"week\",\"limit\":1}}", 422, "spend.per")]
    [InlineData("{\"spend\":{\"per\":\"day\",\"limit\":0}}", 422, "spend.limit")]
    [InlineData("{\"routes\":[\"*x\"]}", 422, "routes")]
    [InlineData("{\"kinds\":[\"\"]}", 422, "kinds")]
    public async Task Create_Wrong_SaysWhichFieldAndMakesNoKey(string body, int status, string? param)
    {
        var (answered, error) = await PostAsync(body);

        answered.ShouldBe(status);
        if (param is not null) error.GetProperty("param").GetString().ShouldBe(param);
        error.GetProperty("detail").GetString()!.ShouldNotContain("System.");
        (await _server.Service<KeyStore>().ListAsync(CancellationToken.None)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Create_NoJson_Is415()
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/keys", _server.AdminKey, new StringContent("name=x", Encoding.UTF8, "application/x-www-form-urlencoded"));

        answer.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task Revoke_Unknown_Is404()
    {
        using var answer = await _server.SendAsync(HttpMethod.Delete, "/v1/keys/key_x", _server.AdminKey);

        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Revoke_TakesEffectBeforeItAnswers_ManyTimes()
    {
        await _server.AddKeyAsync("app");
        for (var i = 0; i < 50; i++)
        {
            var (_, made) = await PostAsync("{}");
            var secret = made.GetProperty("key").GetString();
            using var before = await _server.SendAsync(HttpMethod.Get, "/v1/status", secret);
            before.StatusCode.ShouldBe(HttpStatusCode.OK);

            using var revoked = await _server.SendAsync(HttpMethod.Delete, "/v1/keys/" + made.GetProperty("id").GetString(), _server.AdminKey);

            using var after = await _server.SendAsync(HttpMethod.Get, "/v1/status", secret);
            after.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task StoreAway_Is503AndKnownKeysStillServe()
    {
        await using var inner = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new UnreliableStore(inner, new Random(1));
        await using var server = await RunningServer.StartAsync(new() { Store = store });
        var known = await server.AddKeyAsync("app");

        store.FaultRate = 1;
        store.Interrupt();
        store.Health = new StoreHealth("redis", false, []);
        using var create = await server.SendAsync(HttpMethod.Post, "/v1/keys", server.AdminKey, new StringContent("{}", Encoding.UTF8, "application/json"));
        using var status = await server.SendAsync(HttpMethod.Get, "/v1/status", known);
        using var ready = await server.SendAsync(HttpMethod.Get, "/health/ready");

        create.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        create.Headers.RetryAfter.ShouldNotBeNull();
        status.StatusCode.ShouldBe(HttpStatusCode.OK);
        ready.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await ready.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("dependencies").GetProperty("state").GetProperty("status").GetString().ShouldBe("degraded");
    }

    [Fact]
    public async Task FeedInterrupted_ComesBackWithWhatChangedMeanwhile()
    {
        await using var inner = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new UnreliableStore(inner, new Random(1));
        await using var server = await RunningServer.StartAsync(new() { Store = store });
        for (var i = 0; i < 5; i++)
        {
            store.Interrupt();
            var secret = await server.AddKeyAsync("app");
            using var answer = await server.SendAsync(HttpMethod.Get, "/v1/status", secret);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task UnreadableRecord_LocksNobodyElseOut()
    {
        var secret = await _server.AddKeyAsync("app");
        foreach (var (key, body) in (IEnumerable<(string, string)>)[("keys/bad", "not json"), ("keys/null", "null"), ("keys/empty", "{}")])
            await _server.Store.CommitAsync(new Commit(KeyStore.Partition) { Writes = [new Write(key, 0, Encoding.UTF8.GetBytes(body))] });
        await _server.AddKeyAsync("app");

        using var answer = await _server.SendAsync(HttpMethod.Get, "/v1/status", secret);
        using var list = await _server.SendAsync(HttpMethod.Get, "/v1/keys", _server.AdminKey);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await list.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetArrayLength().ShouldBe(2);
    }

    private async Task<(int Status, JsonElement Body)> PostAsync(string body)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/keys", _server.AdminKey, new StringContent(body, Encoding.UTF8, "application/json"));
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }
}
