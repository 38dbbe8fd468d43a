using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Weir.Client;
using Weir.Tests.Support;

namespace Weir.Tests.Client;

public sealed class AgentEnvironmentTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(2);

    private readonly ManualTimeProvider _time = new();
    private readonly LeaseServer _server = new();

    [Fact]
    public async Task Allocate_KindsCountsAndConfigs_AsksForAllAtOnce()
    {
        await using var lease = await Environment(
            [new("rag") { Config = new JsonObject { ["top_k"] = 3 } }, new("vm") { Count = 2 }],
            new() { Wait = TimeSpan.FromSeconds(5), Priority = 7, Labels = new Dictionary<string, string> { ["run"] = "a" } })
            .AllocateAsync("w1", new Dictionary<string, JsonNode?> { ["vm"] = new JsonObject { ["size"] = "800x600" } });

        var asked = _server.Of("POST /v1/leases").ShouldHaveSingleItem();
        JsonNode.DeepEquals(JsonNode.Parse(asked.Body), JsonNode.Parse(
            """
            {"worker_id":"w1","resources":[{"kind":"rag","config":{"top_k":3}},{"kind":"vm","count":2,"config":{"size":"800x600"}}],
             "ttl":"120s","wait":"5s","priority":7,"labels":{"run":"a"},"observe":true}
            """)).ShouldBeTrue(asked.Body);
        asked.Key.ShouldNotBeNullOrEmpty();
        (lease.Id, lease.WorkerId, lease.Lease.Fence).ShouldBe(("l1", "w1", 42));
        lease.Resources.Select(resource => resource.Id).ShouldBe(["rag.0", "vm.0", "vm.1"]);
        (lease.Rag.Id, lease.Desktop.Id, lease["vm"].Id).ShouldBe(("rag.0", "vm.0", "vm.0"));
        lease.Rag.Observation!.Text.ShouldBe("a first look");
        (await lease.ObserveAsync()).ByKind["rag"].Text.ShouldBe("seen");
    }

    [Fact]
    public async Task Allocate_AConfigForWhatIsNotLeased_SaysSoAndAsksNothing()
    {
        (await Should.ThrowAsync<ArgumentException>(() => Environment([new("rag")]).AllocateAsync("w", new Dictionary<string, JsonNode?> { ["vm"] = null }))).Message.ShouldContain("'vm'");
        _server.All.ShouldBeEmpty();
        Should.Throw<ArgumentException>(() => Environment([]));
    }

    [Fact]
    public async Task Allocate_Refused_SaysWhyAndHoldsNothing()
    {
        _server.Answer = _ => LeaseServer.Problem(504, "wait_expired", "Nothing came free within 60s.");

        (await Should.ThrowAsync<WeirException>(() => Environment([new("rag")]).AllocateAsync("w"))).Code.ShouldBe("wait_expired");
        _time.ArmedTimers.ShouldBe(0);
    }

    [Fact]
    public async Task Renewal_WhileHeld_ComesBeforeEachThirdOfTheTtl()
    {
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");
        lease.ExpiresAt!.Value.Minute.ShouldBe(2);

        await _time.WhenArmedAsync();
        _time.Advance(TimeSpan.FromSeconds(31.9));
        _server.Of("POST /v1/leases/l1/renew").ShouldBeEmpty();
        for (var nth = 1; nth <= 5; nth++)
        {
            await _time.WhenArmedAsync();
            _time.NextTimer!.Value.ShouldBeLessThanOrEqualTo(Ttl / 3);
            _time.Advance(_time.NextTimer.Value);
            await _server.WhenAsync("POST /v1/leases/l1/renew", nth);
            // Until the loop waits again and nothing of a request is left.
            await Eventually.TrueAsync(() => _time is { ArmedTimers: 1, NextTimer: { } next } && next > TimeSpan.FromSeconds(31));
        }

        _server.Of("POST /v1/leases/l1/renew").ShouldAllBe(asked => asked.Body == """{"fence":42}""");
        (lease.ExpiresAt!.Value.Hour, lease.Lost.IsCancellationRequested, lease.LostReason).ShouldBe((1, false, null));
    }

    [Theory]
    [InlineData(412, "fence_stale")]
    [InlineData(410, "lease_ended")]
    [InlineData(404, "not_found")]
    public async Task Renewal_Refused_IsLostAndSaysWhy(int status, string code)
    {
        _server.Answer = asked => asked.Line.EndsWith("/renew", StringComparison.Ordinal) ? LeaseServer.Problem(status, code, "It is another's.") : null;
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");
        var told = new TaskCompletionSource();
        // Giving back from there must not wait for itself.
        using var registration = lease.Lost.Register(() => { lease.DisposeAsync().AsTask().Wait(); told.SetResult(); });

        await _time.WhenArmedAsync();
        _time.Advance(Ttl / 3);

        await told.Task.WaitAsync(TimeSpan.FromSeconds(30));
        lease.LostReason.ShouldBe("It is another's.");
        _server.Of("DELETE").Count.ShouldBe(1);
    }

    [Fact]
    public async Task Renewal_WeirIsAway_IsLostWithTheTtlAndNotBefore()
    {
        _server.Answer = asked => asked.Line.EndsWith("/renew", StringComparison.Ordinal) ? throw new HttpRequestException("away") : null;
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        (await WhenLostAsync(lease)).ShouldBe(Ttl);
        lease.LostReason!.ShouldContain("120 s");
        _server.Of("POST /v1/leases/l1/renew").Count.ShouldBeGreaterThan(4);
    }

    [Fact]
    public async Task Renewal_GrantedAfterAWhileAndWeirIsAway_IsLostWithTheTtlOfTheRequest()
    {
        _server.Answer = asked =>
        {
            if (asked.Line.EndsWith("/renew", StringComparison.Ordinal))
                throw new HttpRequestException("away");
            if (asked.Line == "POST /v1/leases")
                _time.Advance(TimeSpan.FromSeconds(30));
            return null;
        };
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        (await WhenLostAsync(lease)).ShouldBe(Ttl);
    }

    [Fact]
    public async Task Renewal_AwayForAWhile_IsNotLost()
    {
        var failures = 3;
        _server.Answer = asked => asked.Line.EndsWith("/renew", StringComparison.Ordinal) && failures-- > 0 ? LeaseServer.Problem(503, "unavailable", "Soon.") : null;
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        while (_server.Of("POST /v1/leases/l1/renew").Count < 4)
        {
            if (_time.NextTimer is { } next)
                _time.Advance(next);
            await Task.Yield();
        }

        await Eventually.TrueAsync(() => lease.ExpiresAt!.Value.Hour == 1);
        lease.Lost.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task Renewal_AfterAPauseLongerThanTheTtl_AsksTheServerOnceMore()
    {
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        await _time.WhenArmedAsync();
        _time.Advance(TimeSpan.FromMinutes(10));

        await _server.WhenAsync("POST /v1/leases/l1/renew");
        await Eventually.TrueAsync(() => lease.ExpiresAt!.Value.Hour == 1);
        lease.Lost.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public async Task Renewal_AfterAWaitOfMoreThanAThird_ComesAtOnce()
    {
        _server.Answer = asked =>
        {
            if (asked.Line == "POST /v1/leases")
                _time.Advance(TimeSpan.FromSeconds(50));
            return null;
        };

        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        await _server.WhenAsync("POST /v1/leases/l1/renew");
        _time.Elapsed.ShouldBe(TimeSpan.FromSeconds(50));
    }

    [Fact]
    public async Task Renewal_AnsweredAfterMoreThanAThird_IsFollowedByTheNextAtOnce()
    {
        var renewals = 0;
        _server.Answer = asked =>
        {
            if (asked.Line.EndsWith("/renew", StringComparison.Ordinal) && renewals++ == 0)
                _time.Advance(TimeSpan.FromSeconds(50));
            return null;
        };
        await using var lease = await Environment([new("rag")]).AllocateAsync("w");

        await _time.WhenArmedAsync();
        var first = _time.NextTimer!.Value;
        _time.Advance(first);

        await _server.WhenAsync("POST /v1/leases/l1/renew", 2);
        _time.Elapsed.ShouldBe(first + TimeSpan.FromSeconds(50));
    }

    [Fact]
    public async Task Release_ManyTimesAtOnce_GivesBackOnceAndRenewsNoMore()
    {
        var lease = await Environment([new("rag")]).AllocateAsync("w");

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => lease.ReleaseAsync())));
        await lease.DisposeAsync();
        await lease.DisposeAsync();
        _time.Advance(TimeSpan.FromHours(1));

        _server.All.Select(asked => asked.Line).ShouldBe(["POST /v1/leases", "DELETE /v1/leases/l1?fence=42"]);
        (lease.Lost.IsCancellationRequested, _time.ArmedTimers).ShouldBe((false, 0));
    }

    [Theory]
    [InlineData(412, "fence_stale")]
    [InlineData(403, "not_holder")]
    [InlineData(404, "not_found")]
    public async Task Release_OfWhatIsLost_IsNoError(int status, string code)
    {
        _server.Answer = asked => asked.Line.StartsWith("DELETE", StringComparison.Ordinal) ? LeaseServer.Problem(status, code, "No.") : null;
        await (await Environment([new("rag")]).AllocateAsync("w")).ReleaseAsync();
        _server.Of("DELETE").Count.ShouldBe(1);
    }

    [Fact]
    public async Task Release_WeirIsAway_SaysSoAndMayBeTriedAgain()
    {
        var away = true;
        _server.Answer = asked => asked.Line.StartsWith("DELETE", StringComparison.Ordinal) && away ? throw new HttpRequestException("away") : null;
        var lease = await Environment([new("rag")]).AllocateAsync("w");

        (await Should.ThrowAsync<WeirException>(() => lease.ReleaseAsync())).Code.ShouldBe("unreachable");
        await lease.DisposeAsync();
        away = false;
        await lease.ReleaseAsync();
        await lease.ReleaseAsync();

        _server.Of("DELETE").Count.ShouldBe(3);
    }

    [Fact]
    public async Task Exit_LeasesAreHeld_GivesThemBack()
    {
        var environment = Environment([new("rag")], new() { ReleaseAtExit = true });
        await using var held = await environment.AllocateAsync("w1");
        await using var given = await environment.AllocateAsync("w2");
        await given.ReleaseAsync();

        ExitReleases.ReleaseAll();

        _server.Of("DELETE").Count.ShouldBe(2);
    }

    [Fact]
    public async Task Dispose_OfTheClient_GivesBackWhatIsHeldThroughItAndNothingElse()
    {
        var (own, other) = (_server.Client(new() { Time = _time, MaxRetries = 0 }), _server.Client(new() { Time = _time, MaxRetries = 0 }));
        await using var held = await new AgentEnvironment(own, [new("rag")]).AllocateAsync("w1");
        await using var given = await new AgentEnvironment(own, [new("rag")]).AllocateAsync("w2");
        await using var kept = await new AgentEnvironment(own, [new("rag")], new() { ReleaseAtExit = false }).AllocateAsync("w3");
        await using var others = await new AgentEnvironment(other, [new("rag")]).AllocateAsync("w4");
        await given.ReleaseAsync();

        own.Dispose();

        _server.Of("DELETE").Count.ShouldBe(2);
        await own.DisposeAsync();
        await held.DisposeAsync();
        _server.Of("DELETE").Count.ShouldBe(2);
    }

    [Fact]
    public async Task Dispose_OfAClientWhoseWeirIsSilent_WaitsTwoSeconds()
    {
        var asked = new TaskCompletionSource();
        var silent = new ScriptedServer()
            .Then(HttpStatusCode.Created, """{"id":"l1","worker_id":"w","fence":1,"state":"ready","expires_at":"2030-01-01T00:02:00Z","resources":[]}""")
            .Then(async stop =>
            {
                asked.SetResult();
                await Task.Delay(Timeout.Infinite, stop);
                throw new UnreachableException();
            });
        var client = silent.Client(new() { Time = _time, MaxRetries = 0 });
        var lease = await new AgentEnvironment(client, [new("rag")]).AllocateAsync("w");

        var disposing = client.DisposeAsync().AsTask();
        await asked.Task;
        _time.Advance(TimeSpan.FromSeconds(1.9));
        disposing.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.1));

        await disposing;
        // Its own bound ends it.
        _time.Advance(TimeSpan.FromSeconds(10));
        await lease.DisposeAsync();
    }

    /// <returns>The time at which it was lost; time goes on as fast as it is waited for.</returns>
    private async Task<TimeSpan> WhenLostAsync(AgentLease lease)
    {
        var lost = new TaskCompletionSource<TimeSpan>();
        using var registration = lease.Lost.Register(() => lost.SetResult(_time.Elapsed));
        while (!lost.Task.IsCompleted)
        {
            if (_time.NextTimer is { } next)
                _time.Advance(next);
            await Task.Yield();
        }

        return await lost.Task;
    }

    private AgentEnvironment Environment(IReadOnlyList<ResourceRequest> resources, AgentEnvironmentOptions? options = null) =>
        new(_server.Client(new() { Time = _time, MaxRetries = 0, ApiKey = "weir_key" }), resources, (options ?? new() { ReleaseAtExit = false }) with { Ttl = Ttl });
}
