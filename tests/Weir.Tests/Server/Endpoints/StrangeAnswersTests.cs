using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.Tests.Server.Leases;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What the endpoints of a remote kind answer: whatever is taken can be shown again, and what cannot is refused when it comes in.</summary>
public sealed class StrangeAnswersTests : IAsyncLifetime
{
    private const string Body = """{"worker_id":"w","resources":[{"kind":"remote:box"}]}""";

    private readonly ConcurrentDictionary<string, string> _answers = new() { ["/setup"] = "{}", ["/see"] = "{}" };
    private Upstream _upstream = null!;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await Upstream.StartAsync(context =>
        {
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(_answers.GetValueOrDefault(context.Request.Path, "{}"));
        });
        _server = await RunningServer.StartAsync(new()
        {
            Weir = new WeirOptions
            {
                Kinds = new Dictionary<string, KindOptions>
                {
                    ["remote:box"] = new() { Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = _upstream.Address, Initialise = "/setup", Observe = "/see" }] },
                },
            },
        });
        await _server.HasAsync("remote:box", 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    public static TheoryData<string, string> Unkeepable { get; } = new()
    {
        { Nested(33), "nested too deeply" }, { Nested(62), "nested too deeply" }, { Nested(64), "nested too deeply" }, { Nested(3000), "nested too deeply" },
        { """{"x":"\ud800"}""", "half of a surrogate pair" }, { """{"x":[{"\udc00":1}]}""", "half of a surrogate pair" },
    };

    [Theory]
    [MemberData(nameof(Unkeepable))]
    public async Task Setup_AnswerThatCannotBeKept_FailsTheLeaseSayingWhy(string answer, string says)
    {
        _answers["/setup"] = answer;

        var (status, problem) = await AskAsync(HttpMethod.Post, "/v1/leases", Body);

        (status, problem.GetProperty("code").GetString()).ShouldBe((422, "initialisation_failed"), problem.GetRawText());
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
        await _server.IsFreeAsync("remote:box", 1);

        (status, var waiting) = await AskAsync(HttpMethod.Post, "/v1/leases", Body, ("Prefer", "respond-async"));
        status.ShouldBe(202);
        (status, var lease) = await AskAsync(HttpMethod.Get, $"/v1/leases/{waiting.GetProperty("id").GetString()}?wait=1m");
        (status, lease.GetProperty("state").GetString()).ShouldBe((200, "failed"));
        lease.GetProperty("reason").GetString()!.ShouldContain(says);
        (await AskAsync(HttpMethod.Get, "/v1/leases?worker_id=w")).Status.ShouldBe(200);
        await _server.IsFreeAsync("remote:box", 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(30)]
    [InlineData(32)]
    public async Task Setup_AnswerOfManyLevels_IsShownWhereverItsLeaseIs(int levels)
    {
        _answers["/setup"] = Nested(levels);

        var (status, lease) = await AskAsync(HttpMethod.Post, "/v1/leases", Body);

        status.ShouldBe(201, lease.GetRawText());
        DepthOf(lease.GetProperty("resources")[0].GetProperty("details")).ShouldBe(levels);
        var (found, shown) = await AskAsync(HttpMethod.Get, $"/v1/leases/{lease.GetProperty("id").GetString()}");
        (found, DepthOf(shown.GetProperty("resources")[0].GetProperty("details"))).ShouldBe((200, levels));
        var (listed, list) = await AskAsync(HttpMethod.Get, "/v1/leases?worker_id=w");
        (listed, list.GetProperty("data").GetArrayLength()).ShouldBe((200, 1));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(40)]
    [InlineData(60)]
    public async Task Observation_TreeOfManyLevels_IsShownWithTheLeaseAndAlone(int levels)
    {
        _answers["/see"] = $$"""{"text":"t","accessibility_tree":{{Nested(levels)}}}""";

        var (status, lease) = await AskAsync(HttpMethod.Post, "/v1/leases", """{"worker_id":"w","resources":[{"kind":"remote:box"}],"observe":true}""");

        status.ShouldBe(201, lease.GetRawText());
        DepthOf(lease.GetProperty("resources")[0].GetProperty("observation").GetProperty("accessibility_tree")).ShouldBe(levels);
        var (seen, all) = await AskAsync(HttpMethod.Get, $"/v1/leases/{lease.GetProperty("id").GetString()}/observations");
        seen.ShouldBe(200);
        DepthOf(all.GetProperty("resources").EnumerateObject().Single().Value.GetProperty("accessibility_tree")).ShouldBe(levels);
    }

    public static TheoryData<string, string> Unshowable { get; } = new()
    {
        { $$"""{"accessibility_tree":{{Nested(61)}}}""", "nested too deeply" }, { $$"""{"accessibility_tree":{{Nested(500)}}}""", "nested too deeply" },
        { """{"accessibility_tree":{"name":"\ud800"}}""", "half of a surrogate pair" }, { """{"text":"\ud800"}""", "half of a surrogate pair" }, { """{"\ud800":1}""", "half of a surrogate pair" },
    };

    [Theory]
    [MemberData(nameof(Unshowable))]
    public async Task Observation_ThatCannotBeShown_SaysSoAndTheLeaseStands(string answer, string says)
    {
        _answers["/see"] = answer;

        var (status, lease) = await AskAsync(HttpMethod.Post, "/v1/leases", """{"worker_id":"w","resources":[{"kind":"remote:box"}],"observe":true}""");

        (status, lease.GetProperty("state").GetString()).ShouldBe((201, "ready"), lease.GetRawText());
        lease.GetProperty("resources")[0].GetProperty("observation").GetProperty("error").GetProperty("message").GetString()!.ShouldContain(says);
        (await AskAsync(HttpMethod.Get, $"/v1/leases/{lease.GetProperty("id").GetString()}/observations")).Status.ShouldBe(200);
    }

    private async Task<(int Status, JsonElement Body)> AskAsync(HttpMethod method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _server.SendAsync(method, path, null, content, headers);
        return ((int)answer.StatusCode, JsonElement.Parse(await answer.Content.ReadAsStringAsync(), new JsonDocumentOptions { MaxDepth = 200 }));
    }

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);

    private static int DepthOf(JsonElement element) => element.ValueKind == JsonValueKind.Object ? 1 + element.EnumerateObject().Select(member => DepthOf(member.Value)).DefaultIfEmpty(0).Max() : 0;
}
