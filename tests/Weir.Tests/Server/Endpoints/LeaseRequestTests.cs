using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.State;
using Weir.Tests.Server.Leases;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What the edge makes of requests for leases, and of what the broker says.</summary>
public sealed class LeaseRequestTests : IAsyncLifetime
{
    private const string Two = """{"worker_id":"w1","resources":[{"kind":"rag"},{"kind":"vm","count":2,"config":{"a":1}}]}""";
    private readonly ScriptedLeases _leases = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(_leases.Options);

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Post_AtOnce_Answers201WithAddressesAndTokens()
    {
        using var answer = await PostAsync(Two);

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        answer.Headers.Location!.ToString().ShouldBe("/v1/leases/lease_0001");
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var lease = await BodyAsync(answer);
        (lease.GetProperty("id").GetString(), lease.GetProperty("state").GetString(), lease.GetProperty("fence").GetInt64(), lease.GetProperty("ttl").GetString()).ShouldBe(("lease_0001", "ready", 41, "15m"));
        lease.GetProperty("expires_at").GetDateTimeOffset().ShouldBe(DateTimeOffset.UnixEpoch.AddMinutes(15));
        var first = lease.GetProperty("resources")[0];
        (first.GetProperty("id").GetString(), first.GetProperty("kind").GetString(), first.GetProperty("status").GetString()).ShouldBe(("rag.0", "rag", "ready"));
        (first.GetProperty("base_url").GetString(), first.GetProperty("token").GetString()).ShouldBe(("http://127.0.0.1:7800/doors/rag.0", "weirdoor_test"));
        lease.GetProperty("resources").GetArrayLength().ShouldBe(3);
        lease.GetProperty("resources")[0].TryGetProperty("observation", out _).ShouldBeFalse();
        _leases.Abandoned.ShouldBeEmpty();
    }

    [Fact]
    public async Task Post_LookThatOutlastsTheLease_Is410AndNoReadyLease()
    {
        _leases.OnCall = () =>
        {
            _leases.Move("lease_0001", LeaseState.Expired);
            return null;
        };

        using var answer = await PostAsync(Two[..^1] + ""","observe":true}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.Gone);
        var error = await BodyAsync(answer);
        error.GetProperty("code").GetString().ShouldBe("lease_ended");
        error.GetProperty("detail").GetString()!.ShouldContain("longer ttl");
    }

    [Fact]
    public async Task Post_WithEverything_ReachesTheBrokerAsWritten()
    {
        using var answer = await PostAsync(
            """{"worker_id":"w1","resources":[{"kind":"rag","count":3,"config":{"collection":"x"}}],"ttl":"90s","wait":"2m","priority":7,"labels":{"run":"r1"}}""",
            headers: [("Idempotency-Key", "one two"), ("Prefer", "wait=5, Respond-Async; x=1"), ("x-weir-timeout", "30s")]);

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        var (asker, request) = _leases.Asked.ShouldHaveSingleItem();
        (asker.Tenant, asker.KeyId, asker.IsAdmin).ShouldBe(("local", "loopback", false));
        (request.WorkerId, request.Ttl, request.Wait, request.Priority).ShouldBe(("w1", TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(30), 7));
        (request.IdempotencyKey, request.Asynchronous, request.Labels!["run"]).ShouldBe(("one two", true, "r1"));
        (request.Demands[0].Kind, request.Demands[0].Count, request.Demands[0].Config!.Value.GetRawText()).ShouldBe(("rag", 3, """{"collection":"x"}"""));
    }

    [Fact]
    public async Task Post_WithLittle_HasTheDefaultsAndTheHeadersPriority()
    {
        using var answer = await PostAsync("""{"worker_id":"w1","resources":[{"kind":"rag"}]}""", headers: ("x-weir-priority", "8"));

        var request = _leases.Asked.ShouldHaveSingleItem().Request;
        (request.Ttl, request.Wait, request.Priority, request.IdempotencyKey, request.Asynchronous, request.Demands[0].Config).ShouldBe((TimeSpan.FromMinutes(15), TimeSpan.FromSeconds(60), 8, null, false, null));
    }

    [Theory]
    [InlineData("""{"resources":[{"kind":"rag"}]}""", 400, "worker_id")]
    [InlineData("""{"worker_id":"","resources":[{"kind":"rag"}]}""", 422, "worker_id")]
    [InlineData("""{"worker_id":"a\u0007b","resources":[{"kind":"rag"}]}""", 422, "worker_id")]
    [InlineData("""{"worker_id":7,"resources":[{"kind":"rag"}]}""", 400, "worker_id")]
    [InlineData("""{"worker_id":"w"}""", 400, "resources")]
    [InlineData("""{"worker_id":"w","resources":[]}""", 400, "resources")]
    [InlineData("""{"worker_id":"w","resources":[null]}""", 400, "resources[0].kind")]
    [InlineData("""{"worker_id":"w","resources":["rag"]}""", 400, "resources[0]")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":""}]}""", 400, "resources[0].kind")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":0}]}""", 422, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":-3}]}""", 422, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":257}]}""", 422, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":"2"}]}""", 400, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":1.5}]}""", 400, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":99999999999}]}""", 400, "resources[0].count")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","count":200},{"kind":"vm","count":57}]}""", 422, "resources")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag","cnt":2}]}""", 400, "resources[0].cnt")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"ttl":"0s"}""", 422, "ttl")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"ttl":"25h"}""", 422, "ttl")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"ttl":60}""", 400, "ttl")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"ttl":"-5s"}""", 400, "ttl")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"wait":"25h"}""", 422, "wait")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"priority":10}""", 422, "priority")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"priority":-1}""", 422, "priority")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"labels":{"":"x"}}""", 422, "labels")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"labels":{"a":null}}""", 422, "labels")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"labels":{"a":1}}""", 400, "labels.a")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"rag"}],"timeout":3}""", 400, "timeout")]
    [InlineData("[]", 400, null)]
    [InlineData("null", 400, null)]
    [InlineData("not json", 400, null)]
    public async Task Post_BadBody_IsRefusedByNameBeforeTheBrokerIsAsked(string body, int status, string? param)
    {
        using var answer = await PostAsync(body);

        ((int)answer.StatusCode).ShouldBe(status);
        var problem = await BodyAsync(answer);
        if (param is not null)
            problem.GetProperty("param").GetString().ShouldBe(param);
        problem.GetProperty("code").GetString().ShouldBe(status == 400 ? "malformed" : "invalid_value");
        _leases.Asked.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("\"ttl\":\"0s\"", 422, "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\".")]
    [InlineData("\"ttl\":900", 400, "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\".")]
    [InlineData("\"ttl\":\"15 minutes\"", 400, "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\".")]
    [InlineData("\"ttl\":{\"s\":1}", 400, "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\".")]
    [InlineData("\"wait\":\"25h\"", 422, "'wait' takes a duration from 0s (now or never) to 24h as a text, such as \"2m\" or \"900ms\".")]
    [InlineData("\"wait\":60", 400, "'wait' takes a duration from 0s (now or never) to 24h as a text, such as \"2m\" or \"900ms\".")]
    [InlineData("\"wait\":\"soon\"", 400, "'wait' takes a duration from 0s (now or never) to 24h as a text, such as \"2m\" or \"900ms\".")]
    [InlineData("\"wait\":\"-1s\"", 400, "'wait' takes a duration from 0s (now or never) to 24h as a text, such as \"2m\" or \"900ms\".")]
    public async Task Post_BadTtlOrWait_SaysWhatItTakes(string field, int status, string sentence)
    {
        using var answer = await PostAsync($$"""{"worker_id":"w","resources":[{"kind":"rag"}],{{field}}}""");

        ((int)answer.StatusCode).ShouldBe(status);
        (await BodyAsync(answer)).GetProperty("detail").GetString().ShouldBe(sentence);
        _leases.Asked.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("\"0s\"", 422)]
    [InlineData("\"25h\"", 422)]
    [InlineData("60", 400)]
    [InlineData("\"long\"", 400)]
    public async Task Renew_BadTtl_SaysWhatItTakes(string ttl, int status)
    {
        await PostAsync(Two);

        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/leases/lease_0001/renew", body: Json($$"""{"fence":41,"ttl":{{ttl}}}"""));

        ((int)answer.StatusCode).ShouldBe(status);
        var problem = await BodyAsync(answer);
        (problem.GetProperty("param").GetString(), problem.GetProperty("detail").GetString()).ShouldBe(("ttl", "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\"."));
    }

    [Theory]
    [InlineData("Idempotency-Key", "caf\u00e9")]
    [InlineData("x-weir-priority", "10")]
    [InlineData("x-weir-timeout", "soon")]
    public async Task Post_BadHeader_Is400(string name, string value)
    {
        using var answer = await PostAsync(Two, headers: (name, value));

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        _leases.Asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task Post_IdempotencyKey_TakesUpTo255Characters()
    {
        (await PostAsync(Two, headers: ("Idempotency-Key", new string('k', 255)))).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await PostAsync(Two, headers: ("Idempotency-Key", new string('k', 256)))).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(422, "impossible")]
    [InlineData(429, "queue_full")]
    [InlineData(504, "wait_expired")]
    [InlineData(403, "kind_not_allowed")]
    [InlineData(409, "idempotency_mismatch")]
    [InlineData(503, "unavailable")]
    public async Task Post_BrokerRefuses_SaysItAsAProblem(int status, string code)
    {
        _leases.OnAllocate = (_, _, _) => Task.FromResult<Weir.Leases.Broker.LeaseAnswer>(new LeaseError(status, code, "Why.") { Param = "resources", RetryAfter = TimeSpan.FromSeconds(1.2) });

        using var answer = await PostAsync(Two);

        ((int)answer.StatusCode).ShouldBe(status);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(2));
        var problem = await BodyAsync(answer);
        (problem.GetProperty("code").GetString(), problem.GetProperty("detail").GetString(), problem.GetProperty("param").GetString()).ShouldBe((code, "Why.", "resources"));
    }

    [Fact]
    public async Task Post_RespondAsync_Answers202WithItsPlace()
    {
        _leases.OnAllocate = (asker, request, _) => Task.FromResult(new Weir.Leases.Broker.LeaseAnswer(_leases.Make(asker, request, LeaseState.Waiting), null));

        using var answer = await PostAsync(Two, headers: ("Prefer", "respond-async"));

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        answer.Headers.GetValues("Preference-Applied").ShouldBe(["respond-async"]);
        answer.Headers.Location!.ToString().ShouldBe("/v1/leases/lease_0001");
        var lease = await BodyAsync(answer);
        (lease.GetProperty("id").GetString(), lease.GetProperty("state").GetString(), lease.GetProperty("position").GetInt32()).ShouldBe(("lease_0001", "waiting", 3));
        lease.TryGetProperty("fence", out _).ShouldBeFalse();
        lease.TryGetProperty("expires_at", out _).ShouldBeFalse();
        lease.GetProperty("resources").GetArrayLength().ShouldBe(0);
        lease.GetProperty("demands")[1].GetProperty("count").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task Post_Observe_HoldsWhatIsSeenFirst()
    {
        using var answer = await PostAsync("""{"worker_id":"w","resources":[{"kind":"vm"}],"observe":true}""");

        var seen = (await BodyAsync(answer)).GetProperty("resources")[0].GetProperty("observation");
        seen.GetProperty("screenshot").GetBytesFromBase64().ShouldBe([137, 80, 78, 71]);
        seen.GetProperty("text").GetString().ShouldBe("here");
    }

    [Fact]
    public async Task Post_ClientLeaves_CancelsTheWait()
    {
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _leases.OnAllocate = async (_, _, stop) =>
        {
            using var registered = stop.Register(() => left.TrySetResult());
            waits.SetResult();
            await Task.Delay(Timeout.Infinite, stop);
            throw new InvalidOperationException();
        };
        using var hangsUp = new CancellationTokenSource();
        var asking = _server.Client.PostAsync("/v1/leases", Json(Two), hangsUp.Token);
        await waits.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await hangsUp.CancelAsync();

        await left.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await Should.ThrowAsync<OperationCanceledException>(() => asking);
    }

    [Fact]
    public async Task Post_ClientLeftWhenItIsGranted_AbandonsIt()
    {
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _leases.OnAllocate = async (asker, request, stop) =>
        {
            var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var registered = stop.Register(() => left.TrySetResult());
            waits.SetResult();
            await left.Task;
            // Granted in the very moment in which the client leaves.
            return new(_leases.Make(asker, request), null);
        };
        using var hangsUp = new CancellationTokenSource();
        var asking = _server.Client.PostAsync("/v1/leases", Json(Two), hangsUp.Token);
        await waits.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await hangsUp.CancelAsync();

        await Eventually.TrueAsync(() => !_leases.Abandoned.IsEmpty);
        _leases.Abandoned.ShouldBe([("lease_0001", 41)]);
        await Should.ThrowAsync<OperationCanceledException>(() => asking);
    }

    [Theory]
    [InlineData("/v1/leases", """{"worker_id":"w","resources":[{"kind":"rag"}]}""")]
    [InlineData("/allocate", """{"worker_id":"w","type":"rag"}""")]
    public async Task Post_TokensCannotBeMade_AbandonsItAndSays503(string path, string body)
    {
        _leases.OnToken = () => throw new StoreUnavailableException("The secret of the doors has not been read yet.");

        using var answer = await _server.SendAsync(HttpMethod.Post, path, body: Json(body));

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        _leases.Abandoned.ShouldBe([("lease_0001", 41)]);
    }

    [Theory]
    [InlineData("/v1/leases", """{"worker_id":"w","resources":[{"kind":"rag"}],"wait":"24h"}""")]
    [InlineData("/allocate", """{"worker_id":"w","type":"rag","timeout":86400}""")]
    public async Task Stop_WhileARequestWaits_RefusesItAtOnce(string path, string body)
    {
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _leases.OnAllocate = async (_, _, stop) =>
        {
            waits.SetResult();
            await Task.Delay(Timeout.Infinite, stop);
            throw new InvalidOperationException();
        };
        var asking = _server.SendAsync(HttpMethod.Post, path, body: Json(body));
        await waits.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var stopping = _server.App.StopAsync();

        using var answer = await asking.WaitAsync(TimeSpan.FromSeconds(30));
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        (await BodyAsync(answer)).GetProperty("code").GetString().ShouldBe("draining");
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
        _leases.Released.ShouldBeEmpty("workers keep what they hold");
    }

    [Fact]
    public async Task Get_WithWait_AnswersWhenItIsReady()
    {
        _leases.OnAllocate = (asker, request, _) => Task.FromResult(new Weir.Leases.Broker.LeaseAnswer(_leases.Make(asker, request, LeaseState.Waiting), null));
        (await PostAsync(Two, headers: ("Prefer", "respond-async"))).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var polling = _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001?wait=5m");

        _leases.Move("lease_0001", LeaseState.Granted);
        _leases.Move("lease_0001", LeaseState.Ready);

        (await polling.WaitAsync(TimeSpan.FromSeconds(30))).GetProperty("state").GetString().ShouldBe("ready");
    }

    [Fact]
    public async Task Get_WithWait_AnswersWhenTheTimeIsUpOrTheServerStops()
    {
        _leases.OnAllocate = (asker, request, _) => Task.FromResult(new Weir.Leases.Broker.LeaseAnswer(_leases.Make(asker, request, LeaseState.Waiting), null));
        await PostAsync(Two, headers: ("Prefer", "respond-async"));

        (await _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001?wait=10ms")).GetProperty("state").GetString().ShouldBe("waiting");
        var polling = _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001?wait=5m");
        await Eventually.TrueAsync(() => _server.Service<Drain>().InFlight == 1);
        await _server.App.StopAsync().WaitAsync(TimeSpan.FromSeconds(60));
        (await polling).GetProperty("state").GetString().ShouldBe("waiting");
    }

    [Theory]
    [InlineData("?wait=soon")]
    [InlineData("?wait=6m")]
    public async Task Get_BadWait_Is400(string query) => (await _server.Client.GetAsync("/v1/leases/x" + query)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);

    [Fact]
    public async Task Tokens_AreShownToTheKeyThatAllocatedAndToNobodyElse()
    {
        var one = await _server.AddKeyAsync(new KeyRequest { Roles = ["worker"], Tenant = "team" });
        var mate = await _server.AddKeyAsync(new KeyRequest { Roles = ["worker"], Tenant = "team" });
        var other = await _server.AddKeyAsync("worker");
        (await PostAsync(Two, one)).StatusCode.ShouldBe(HttpStatusCode.Created);

        (await TextAsync("/v1/leases/lease_0001", one)).ShouldContain("weirdoor_");
        foreach (var path in (string[])["/v1/leases/lease_0001", "/v1/leases", "/v1/leases?worker_id=w1"])
        {
            (await TextAsync(path, mate)).ShouldSatisfyAllConditions(text => text.ShouldContain("lease_0001"), text => text.ShouldNotContain("weirdoor_"));
            (await TextAsync(path, _server.AdminKey)).ShouldSatisfyAllConditions(text => text.ShouldContain("lease_0001"), text => text.ShouldNotContain("weirdoor_"));
        }

        (await TextAsync("/v1/leases", other)).ShouldNotContain("lease_0001");
        (await _server.SendAsync(HttpMethod.Get, "/v1/leases/lease_0001", other)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await _server.SendAsync(HttpMethod.Get, "/v1/leases/lease_0001/observations", other)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task List_InPages_GivesEachOnceAndFilters()
    {
        for (var i = 0; i < 5; i++)
            await PostAsync($$"""{"worker_id":"w{{i % 2}}","resources":[{"kind":"k{{i}}"}]}""");
        _leases.Move("lease_0002", LeaseState.Released);

        var first = await ListAsync("?limit=2");
        (Ids(first), first.GetProperty("has_more").GetBoolean(), first.GetProperty("after").GetString()).ShouldBe(("lease_0001 lease_0002", true, "lease_0002"));
        var rest = await ListAsync("?limit=3&after=lease_0002");
        (Ids(rest), rest.GetProperty("has_more").GetBoolean()).ShouldBe(("lease_0003 lease_0004 lease_0005", false));
        Ids(await ListAsync("?worker_id=w1")).ShouldBe("lease_0002 lease_0004");
        Ids(await ListAsync("?state=released")).ShouldBe("lease_0002");
        Ids(await ListAsync("?kind=k3&state=ready")).ShouldBe("lease_0004");
        Ids(await ListAsync("?kind=none")).ShouldBe("");
    }

    [Theory]
    [InlineData("?state=gone", "released, expired")]
    [InlineData("?state=1", "waiting, granted")]
    [InlineData("?limit=0", "1 to 1000")]
    [InlineData("?limit=x", "1 to 1000")]
    public async Task List_BadQuery_SaysWhatItTakes(string query, string says)
    {
        using var answer = await _server.Client.GetAsync("/v1/leases" + query);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadAsStringAsync()).ShouldContain(says);
    }

    [Theory]
    [InlineData("DELETE", "/v1/leases/lease_0001", "")]
    [InlineData("DELETE", "/v1/leases/lease_0001?fence=", "")]
    [InlineData("DELETE", "/v1/leases/lease_0001?fence=-1", "")]
    [InlineData("DELETE", "/v1/leases/lease_0001?fence=x", "")]
    [InlineData("DELETE", "/v1/leases/lease_0001/resources/rag.0", "")]
    [InlineData("POST", "/v1/leases/lease_0001/renew", """{"ttl":"5m"}""")]
    [InlineData("POST", "/v1/leases/lease_0001/renew", """{"fence":"41"}""")]
    [InlineData("POST", "/v1/leases/lease_0001/renew", """{"fence":41,"force":true}""")]
    public async Task Calls_WithoutAFence_Are400AndDoNothing(string method, string path, string body)
    {
        await PostAsync(Two);

        using var answer = await _server.SendAsync(new HttpMethod(method), path, body: body.Length == 0 ? null : Json(body));

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        _leases.Released.ShouldBeEmpty();
    }

    [Fact]
    public async Task Calls_WithTheFence_ReachTheBroker()
    {
        await PostAsync(Two);

        using var renewed = await _server.SendAsync(HttpMethod.Post, "/v1/leases/lease_0001/renew", body: Json("""{"fence":41,"ttl":"5m"}"""));
        (await BodyAsync(renewed)).GetProperty("expires_at").GetDateTimeOffset().ShouldBe(DateTimeOffset.UnixEpoch.AddMinutes(15));
        (await _server.Client.DeleteAsync("/v1/leases/lease_0001/resources/vm.1?fence=41")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await _server.Client.DeleteAsync("/v1/leases/lease_0001?fence=41")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        _leases.Released.Select(one => (one.Lease, one.Fence, string.Join(',', one.Resources ?? ["all"]))).ShouldBe([("lease_0001", 41L, "vm.1"), ("lease_0001", 41L, "all")]);

        _leases.OnCall = () => new LeaseError(412, "fence_stale", "Old.");
        (await _server.Client.DeleteAsync("/v1/leases/lease_0001?fence=40")).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
    }

    [Fact]
    public async Task Observations_OfSeveralOfAKind_NameTheFirstAndEach()
    {
        await PostAsync(Two);

        var seen = await _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001/observations");

        seen.GetProperty("vm").GetProperty("screenshot").GetString().ShouldBe("iVBORw==");
        seen.GetProperty("rag").GetProperty("text").GetString().ShouldBe("here");
        seen.GetProperty("resources").EnumerateObject().Select(one => one.Name).ShouldBe(["rag.0", "vm.0", "vm.1"]);

        _leases.Seen = KindResult.Failed<Observation?>(new LeaseError(503, "home_away", "Not now."));
        seen = await _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001/observations");
        seen.GetProperty("vm").GetProperty("error").GetProperty("code").GetString().ShouldBe("home_away");
        _leases.Seen = KindResult.Of<Observation?>(null);
        seen = await _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases/lease_0001/observations");
        seen.TryGetProperty("vm", out _).ShouldBeFalse();
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static string Ids(JsonElement page) => string.Join(' ', page.GetProperty("data").EnumerateArray().Select(lease => lease.GetProperty("id").GetString()));

    private static Task<JsonElement> BodyAsync(HttpResponseMessage answer) => answer.Content.ReadFromJsonAsync<JsonElement>();

    private Task<JsonElement> ListAsync(string query) => _server.Client.GetFromJsonAsync<JsonElement>("/v1/leases" + query);

    private Task<HttpResponseMessage> PostAsync(string body, string? key = null, params (string Name, string Value)[] headers) => _server.SendAsync(HttpMethod.Post, "/v1/leases", key, Json(body), headers);

    private async Task<string> TextAsync(string path, string key)
    {
        using var answer = await _server.SendAsync(HttpMethod.Get, path, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        return await answer.Content.ReadAsStringAsync();
    }
}
