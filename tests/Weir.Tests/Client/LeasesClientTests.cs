using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Client;
using Weir.Tests.Support;

namespace Weir.Tests.Client;

public sealed class LeasesClientTests
{
    private const string Ready =
        """
        {"id":"l1","worker_id":"w","fence":7,"state":"ready","expires_at":"2030-01-01T00:15:00Z","ttl":"900s","resources":[
          {"id":"rag.0","kind":"knowledge","base_url":"http://weir.test/doors/rag.0","token":"weirdoor_secret","status":"leased","details":{"collection":"c"},"observation":{"text":"t"}}]}
        """;

    private readonly ManualTimeProvider _time = new();
    private readonly ScriptedServer _server = new();

    private LeasesClient Leases => _server.Client(new() { Time = _time }).Leases;

    [Fact]
    public async Task Allocate_Granted_IsAskedAndReadAsDocumented()
    {
        _server.Then(HttpStatusCode.Created, Ready);

        var lease = await Leases.AllocateAsync(new("w", [new("knowledge")]) { Ttl = TimeSpan.FromMinutes(15), Wait = TimeSpan.FromMilliseconds(1500), IdempotencyKey = "k" });

        _server.Requests.ShouldHaveSingleItem().ShouldBe(("POST /v1/leases", """{"worker_id":"w","resources":[{"kind":"knowledge"}],"ttl":"900s","wait":"1500ms"}"""));
        _server.Heads[0].Headers.GetValues("Idempotency-Key").ShouldBe(["k"]);
        _server.Heads[0].Headers.Contains("Prefer").ShouldBeFalse();
        lease.ShouldSatisfyAllConditions(l => l.Id.ShouldBe("l1"), l => l.Fence.ShouldBe(7), l => l.State.ShouldBe("ready"), l => l.More!["ttl"].GetString().ShouldBe("900s"));
        lease.Resources.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            r => r.Details!.Value.GetProperty("collection").GetString().ShouldBe("c"), r => r.Observation!.Text.ShouldBe("t"), r => r.ToString().ShouldNotContain("secret"));
        lease.ToString().ShouldNotContain("secret");
    }

    [Fact]
    public async Task Allocate_TheConnectionFails_IsSentAgainUnderTheSameKey()
    {
        _server.Then(_ => throw new HttpRequestException("broken")).Then(HttpStatusCode.Created, Ready);

        var asked = Leases.AllocateAsync(new("w", [new("rag")]));
        await _time.WhenArmedAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        await asked;

        _server.Heads.Select(head => head.Headers.GetValues("Idempotency-Key").Single()).Distinct().ShouldHaveSingleItem();
        _server.Heads.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Allocate_TheWaitIsLongerThanTheTimeout_IsWaitedFor()
    {
        var answer = new TaskCompletionSource<HttpResponseMessage>();
        _server.Then(answer.Task.WaitAsync);

        var asked = Leases.AllocateAsync(new("w", [new("rag")]) { Wait = TimeSpan.FromHours(1) });
        await _time.WhenArmedAsync();
        _time.Advance(TimeSpan.FromMinutes(61));
        answer.SetResult(new(HttpStatusCode.Created) { Content = new StringContent(Ready) });

        (await asked).Id.ShouldBe("l1");
    }

    [Fact]
    public async Task Allocate_Cancelled_LeavesTheConnection()
    {
        using var stop = new CancellationTokenSource();
        var left = new TaskCompletionSource();
        _server.Then(async token =>
        {
            using var registration = token.Register(left.SetResult);
            await Task.Delay(Timeout.Infinite, token);
            throw new InvalidOperationException();
        });

        var asked = Leases.AllocateAsync(new("w", [new("rag")]), stop.Token);
        await stop.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => asked);
        await left.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Allocate_Refused_SaysCodeAndSentence()
    {
        _server.Then(HttpStatusCode.UnprocessableEntity, """{"status":422,"code":"impossible","detail":"3 of vm are asked for, and there are 2.","param":"resources"}""");
        var error = await Should.ThrowAsync<WeirException>(() => Leases.AllocateAsync(new("w", [new("vm") { Count = 3 }])));
        (error.Code, error.Param, error.Message).ShouldBe(("impossible", "resources", "3 of vm are asked for, and there are 2."));
    }

    [Fact]
    public async Task Queue_MustWait_ComesBackWithItsPosition()
    {
        _server.Then(HttpStatusCode.Accepted, """{"id":"l2","state":"waiting","position":3}""").Then(HttpStatusCode.OK, Ready);

        var lease = await Leases.QueueAsync(new("w", [new("vm")]));
        (lease.State, lease.Position).ShouldBe(("waiting", 3));
        _server.Heads[0].Headers.GetValues("Prefer").ShouldBe(["respond-async"]);
        (await Leases.GetAsync(lease.Id)).State.ShouldBe("ready");
        _server.Requests[1].Line.ShouldBe("GET /v1/leases/l2");
    }

    [Fact]
    public async Task List_SeveralPages_AreAllRead()
    {
        _server.Then(HttpStatusCode.OK, """{"data":[{"id":"a"},{"id":"b"}],"has_more":true,"after":"b"}""").Then(HttpStatusCode.OK, """{"data":[{"id":"c"}],"has_more":false}""");

        var ids = new List<string>();
        await foreach (var lease in Leases.ListAsync("w 1", "ready", "remote:box"))
            ids.Add(lease.Id);

        ids.ShouldBe(["a", "b", "c"]);
        _server.Requests.Select(request => request.Line).ShouldBe(
            ["GET /v1/leases?worker_id=w%201&state=ready&kind=remote%3Abox", "GET /v1/leases?worker_id=w%201&state=ready&kind=remote%3Abox&after=b"]);
    }

    [Fact]
    public async Task Renew_TheFenceHolds_GivesTheNewEnd()
    {
        _server.Then(HttpStatusCode.OK, """{"id":"l1","fence":7,"expires_at":"2030-01-01T01:00:00Z"}""").Then(HttpStatusCode.OK, """{"expires_at":"2030-01-01T02:00:00Z"}""");

        (await Leases.RenewAsync("l1", 7)).Hour.ShouldBe(1);
        (await Leases.RenewAsync("l1", 7, TimeSpan.FromMinutes(1))).Hour.ShouldBe(2);
        _server.Requests.ShouldBe([("POST /v1/leases/l1/renew", """{"fence":7}"""), ("POST /v1/leases/l1/renew", """{"fence":7,"ttl":"60s"}""")]);
    }

    [Fact]
    public async Task Renew_AnOldFence_SaysSo()
    {
        _server.Then(HttpStatusCode.PreconditionFailed, """{"code":"fence_stale","detail":"It was granted again."}""");
        (await Should.ThrowAsync<WeirException>(() => Leases.RenewAsync("l1", 6))).Code.ShouldBe("fence_stale");
    }

    [Fact]
    public async Task Release_HeldOrForgotten_IsNoErrorAndAnOldFenceIs()
    {
        _server.Then(HttpStatusCode.NoContent, "").Then(HttpStatusCode.NotFound, """{"code":"not_found"}""").Then(HttpStatusCode.PreconditionFailed, """{"code":"fence_stale"}""");

        await Leases.ReleaseAsync("l1", 7);
        await Leases.ReleaseAsync("l1", 7);
        (await Should.ThrowAsync<WeirException>(() => Leases.ReleaseAsync("l1", 6))).Code.ShouldBe("fence_stale");
        _server.Requests.Select(request => request.Line).ShouldBe(["DELETE /v1/leases/l1?fence=7", "DELETE /v1/leases/l1?fence=7", "DELETE /v1/leases/l1?fence=6"]);
    }

    [Fact]
    public async Task Observe_PicturesTextsAndFaults_AreReadByKindAndByResource()
    {
        _server.Then(HttpStatusCode.OK, """{"vm":{"screenshot":"AQID","accessibility_tree":{"role":"desktop"}},"resources":{"vm.0":{"screenshot":"AQID"},"vm.1":{"error":{"code":"c"}}}}""");

        var seen = await Leases.ObserveAsync("l1");

        seen.ByKind.Keys.ShouldHaveSingleItem().ShouldBe("vm");
        seen.ByKind["vm"].Screenshot.ShouldBe([1, 2, 3]);
        seen.ByResource["vm.1"].More!["error"].GetProperty("code").GetString().ShouldBe("c");
    }

    [Fact]
    public async Task Kinds_ReadAndPut_AreAsDocumented()
    {
        _server.Then(HttpStatusCode.OK, """{"data":[{"name":"rag","total":5,"free":3,"leased":2,"allocations":9}]}""").Then(HttpStatusCode.OK, "{}");

        (await Leases.KindsAsync()).ShouldHaveSingleItem().ShouldSatisfyAllConditions(k => (k.Name, k.Total, k.Free, k.Leased).ShouldBe(("rag", 5, 3, 2)), k => k.More!["allocations"].GetInt32().ShouldBe(9));
        await Leases.PutKindAsync("remote:box", new JsonObject { ["capacity"] = 2 });
        _server.Requests[1].ShouldBe(("PUT /v1/kinds/remote%3Abox", """{"capacity":2}"""));
    }
}
