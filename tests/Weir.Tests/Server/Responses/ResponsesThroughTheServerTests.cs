using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Providers;
using Weir.Inference.Responses;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Server.Responses;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Simulation;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Responses;

public sealed class ResponsesThroughTheServerTests
{
    private static WeirOptions Through(SimulatedProviderFixture sim) => new()
    {
        Providers = new Dictionary<string, ProviderOptions> { ["sim"] = new() { BaseUrl = new Uri(sim.Client.BaseAddress!, "/v1").ToString() } },
    };

    private static async Task<(HttpStatusCode Status, string Text)> AskAsync(RunningServer server, HttpMethod method, string path, string? key = null, string? body = null)
    {
        using var response = await server.SendAsync(method, path, key, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Responses_FollowedReadAndDeleted_ByTheirTenantAlone()
    {
        await using var sim = await SimulatedProviderFixture.StartAsync();
        await using var server = await RunningServer.StartAsync(new() { Weir = Through(sim), Sockets = true });
        var mine = await server.AddKeyAsync(new KeyRequest { Tenant = "mine" });
        var alsoMine = await server.AddKeyAsync(new KeyRequest { Tenant = "mine" });
        var theirs = await server.AddKeyAsync(new KeyRequest { Tenant = "theirs" });

        var (status, text) = await AskAsync(server, HttpMethod.Post, "/v1/responses", mine, """{"model":"sim/sim-small","input":"hello"}""");
        status.ShouldBe(HttpStatusCode.OK, text);
        var id = (string)JsonNode.Parse(text)!["id"]!;
        var follow = $$"""{"model":"sim/sim-small","input":"on","previous_response_id":"{{id}}"}""";

        (status, text) = await AskAsync(server, HttpMethod.Post, "/v1/responses", alsoMine, follow);
        status.ShouldBe(HttpStatusCode.OK, text);
        ((string)JsonNode.Parse(text)!["previous_response_id"]!).ShouldBe(id);
        var second = (string)JsonNode.Parse(text)!["id"]!;

        (status, text) = await AskAsync(server, HttpMethod.Get, $"/v1/responses/{second}", mine);
        status.ShouldBe(HttpStatusCode.OK, text);
        ((string)JsonNode.Parse(text)!["id"]!).ShouldBe(second);
        ((string)JsonNode.Parse(text)!["previous_response_id"]!).ShouldBe(id);

        foreach (var (method, path, body) in ((HttpMethod, string, string?)[])[
            (HttpMethod.Get, $"/v1/responses/{id}", null), (HttpMethod.Delete, $"/v1/responses/{id}", null),
            (HttpMethod.Post, $"/v1/responses/{id}/cancel", null), (HttpMethod.Get, $"/v1/responses/{id}/input_items", null), (HttpMethod.Post, "/v1/responses", follow)])
        {
            (status, text) = await AskAsync(server, method, path, theirs, body);
            status.ShouldBe(HttpStatusCode.NotFound, path);
            ((string)JsonNode.Parse(text)!["error"]!["code"]!).ShouldBe("response_not_found");
        }

        (status, text) = await AskAsync(server, HttpMethod.Post, $"/v1/responses/{id}/cancel", mine);
        status.ShouldBe(HttpStatusCode.BadRequest, text);
        (status, text) = await AskAsync(server, HttpMethod.Delete, $"/v1/responses/{id}", mine);
        status.ShouldBe(HttpStatusCode.OK, text);
        ((string)JsonNode.Parse(text)!["id"]!).ShouldBe(id);
        (status, text) = await AskAsync(server, HttpMethod.Get, $"/v1/responses/{id}", mine);
        status.ShouldBe(HttpStatusCode.NotFound);
        text.ShouldContain(id);
        (status, text) = await AskAsync(server, HttpMethod.Post, "/v1/responses", mine, follow);
        status.ShouldBe(HttpStatusCode.BadRequest, text);
        text.ShouldContain("previous_response_not_found");
    }

    [Fact]
    public async Task Responses_Streamed_CanBeFollowed()
    {
        await using var sim = await SimulatedProviderFixture.StartAsync();
        await using var server = await RunningServer.StartAsync(new() { Weir = Through(sim) });
        var key = await server.AddKeyAsync("app");

        var (status, text) = await AskAsync(server, HttpMethod.Post, "/v1/responses", key, """{"model":"sim/sim-small","input":"hello","stream":true}""");
        status.ShouldBe(HttpStatusCode.OK, text);
        var ids = text.Split('\n').Where(line => line.StartsWith("data:", StringComparison.Ordinal))
            .Select(line => JsonNode.Parse(line[5..])!["response"]?["id"]).Where(id => id is not null).Select(id => (string)id!).ToList();
        ids.Count.ShouldBeGreaterThanOrEqualTo(2);
        ids.Distinct().Count().ShouldBe(1);

        (status, text) = await AskAsync(server, HttpMethod.Post, "/v1/responses", key, $$"""{"model":"sim/sim-small","input":"on","previous_response_id":"{{ids[0]}}"}""");
        status.ShouldBe(HttpStatusCode.OK, text);
    }

    [Fact]
    public async Task Secret_SameStore_IsTheSameForEveryReplicaAndAfterARestart()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var origin = new ResponseOrigin("a/b", 1, "resp_12345678");
        string id;
        await using (var first = await RunningServer.StartAsync(new() { Store = store }))
        await using (var second = await RunningServer.StartAsync(new() { Store = store }))
        {
            id = first.Service<ResponseIds>().Encode("t", origin)!;
            second.Service<ResponseIds>().TryDecode(id, "t", out _).ShouldBeTrue();
        }

        await using var third = await RunningServer.StartAsync(new() { Store = store });
        third.Service<ResponseIds>().TryDecode(id, "t", out var back).ShouldBeTrue();
        back.ShouldBe(origin);
    }

    [Fact]
    public async Task Secret_StoreAwayAtStart_IsReadWhenItComesBack()
    {
        await using var memory = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new SecretlessStore(memory) { Away = true };
        await using var server = await RunningServer.StartAsync(new() { Store = store });
        var key = await server.AddKeyAsync("app");
        server.Service<ResponseIds>().IsReady.ShouldBeFalse();
        var (status, text) = await AskAsync(server, HttpMethod.Get, "/v1/responses/resp_x", key);
        status.ShouldBe(HttpStatusCode.ServiceUnavailable, text);
        ((string)JsonNode.Parse(text)!["error"]!["code"]!).ShouldBe("responses_not_ready");

        store.Away = false;
        await Eventually.TrueAsync(() => server.Service<ResponseIds>().IsReady);
        (status, _) = await AskAsync(server, HttpMethod.Get, "/v1/responses/resp_x", key);
        status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Secret_DocumentThatHoldsNone_IsNotReplaced()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await store.CommitAsync(new Commit(ResponseSecret.Partition) { Writes = [new Write(ResponseSecret.Key, 0, "{\"secret\":\"eA==\"}"u8.ToArray())] });
        await using var server = await RunningServer.StartAsync(new() { Store = store });

        server.Service<ResponseIds>().IsReady.ShouldBeFalse();
        (await store.ReadAsync(ResponseSecret.Partition, ResponseSecret.Key))!.Body.Span.SequenceEqual("{\"secret\":\"eA==\"}"u8).ShouldBeTrue();
    }

    /// <summary>A store that does not give the secret out while it is away.</summary>
    private sealed class SecretlessStore(IStateStore inner) : IStateStore
    {
        public bool Away { get; set; }

        public IStoreClock Clock => inner.Clock;

        public IBlobStore Blobs => inner.Blobs;

        public ILogStore Logs => inner.Logs;

        public ICacheStore Cache => inner.Cache;

        public StoreHealth Health => inner.Health;

        public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default) => inner.CommitAsync(commit, cancellationToken);

        public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) => inner.SettleAsync(commit, cancellationToken);

        public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) => inner.ReadAsync(partition, key, cancellationToken);

        public ValueTask<IReadOnlyList<Document>> ListAsync(
            string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default) =>
            inner.ListAsync(partition, prefix, after, limit, cancellationToken);

        public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) => inner.RevisionAsync(partition, cancellationToken);

        public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
            Away && prefixes.Contains(ResponseSecret.Key) ? throw new StoreUnavailableException("away") : inner.WatchAsync(partition, prefixes, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
