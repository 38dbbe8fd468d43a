using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Responses;

public sealed class StoredResponseTests
{
    private const string Upstream = "resp_68a1f0c2d9e4";
    private const string Body = """{"id":"resp_68a1f0c2d9e4","object":"response","output":[],"previous_response_id":null,"usage":{"input_tokens":3,"output_tokens":5}}""";

    private static readonly Func<Exchange, Task> Ok = exchange => exchange.RespondAsync(200, Body);

    private static Func<Exchange, Task> Answer(int status, string body) => exchange => exchange.RespondAsync(status, body);

    private static string IdIn(TestAnswer answer) => (string)JsonNode.Parse(answer.Text)!["id"]!;

    private static Task<TestAnswer> CreateAsync(GatewayHarness gateway, string extra = "", string model = "fast") =>
        gateway.SendAsync($$"""{"model":"{{model}}","input":"hi"{{extra}}}""", Operation.Responses);

    private static Task<TestAnswer> FollowAsync(GatewayHarness gateway, string id, string model = "fast", string tenant = "t", Func<string, bool>? mayUse = null)
    {
        var bytes = Encoding.UTF8.GetBytes($$"""{"previous_response_id" : "{{id}}","model":"{{model}}","input":"on"}""");
        RequestHeadScanner.Scan(bytes, out var head).ShouldBeNull();
        return gateway.RunAsync(new InferenceRequest { Operation = Operation.Responses, Head = head, Body = bytes, Tenant = tenant, MayUse = mayUse });
    }

    private static Task<TestAnswer> CallAsync(GatewayHarness gateway, HttpMethod method, string id, string action = "", string query = "", string tenant = "t", bool stream = false) =>
        gateway.RunAsync(new InferenceRequest
        {
            Operation = Operation.Responses,
            Head = new RequestHead { Model = "", ModelValue = default, Stream = stream },
            Body = default,
            Stored = new StoredResponseCall(method, id, action, query),
            Tenant = tenant,
        });

    [Fact]
    public async Task RunAsync_Body_HasOurIdAndItsOwnLength()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway);

        var id = IdIn(answer);
        id.ShouldNotBe(Upstream);
        answer.Text.ShouldBe(Body.Replace(Upstream, id, StringComparison.Ordinal));
        answer.Head!.Value.ContentLength.ShouldBe(Encoding.UTF8.GetByteCount(answer.Text));
        answer.Report.Usage.ShouldBe(new(3, 5));
        gateway.Get<ResponseIds>().TryDecode(id, "t", out var origin).ShouldBeTrue();
        (origin.Deployment, origin.UpstreamId).ShouldBe(("a/real-model", Upstream));
    }

    [Fact]
    public async Task RunAsync_BodyTooLargeToHold_HasOurIdAndEveryOtherByte()
    {
        var body = $$"""{"id":"{{Upstream}}","output":"{{new string('x', 700_000)}}","again":"{{Upstream}}","previous_response_id":"{{Upstream}}"}""";
        await using var upstream = new ScriptedUpstream(Answer(200, body));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway);

        answer.Text.ShouldBe(body.Replace(Upstream, IdIn(answer), StringComparison.Ordinal));
        answer.Head!.Value.ContentLength.ShouldBeNull();
    }

    [Fact]
    public async Task RunAsync_OtherOperations_KeepTheirIds()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        (await gateway.ChatAsync()).Text.ShouldBe(Body);
    }

    [Fact]
    public async Task RunAsync_StreamInChunksOfAnySize_HasOurIdInEveryEvent()
    {
        const string Events =
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_68a1f0c2d9e4\",\"previous_response_id\":null}}\n\n" +
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"resp_68a1f0c2d9e4 \\\"resp_68a1f0c2d9e4\\\"\"}\n\n" +
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_68a1f0c2d9e4\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n";
        foreach (var size in (int[])[1, 3, 7, 64, 4096])
        {
            await using var upstream = new ScriptedUpstream(async exchange =>
            {
                await exchange.BeginStreamAsync();
                foreach (var chunk in Events.Chunk(size))
                {
                    await exchange.ChunkAsync(new string(chunk));
                }

                await exchange.EndAsync();
            });
            await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

            var answer = await CreateAsync(gateway, ""","stream":true""");

            var at = answer.Text.IndexOf("\"id\":\"", StringComparison.Ordinal) + 6;
            var id = answer.Text[at..answer.Text.IndexOf('"', at)];
            id.ShouldNotBe(Upstream);
            answer.Text.ShouldBe(Events.Replace($"\"id\":\"{Upstream}\"", $"\"id\":\"{id}\"", StringComparison.Ordinal), $"chunks of {size}");
            answer.Report.Usage.ShouldBe(new(1, 2));
            answer.Report.FailedBy.ShouldBeNull();
        }
    }

    [Fact]
    public async Task RunAsync_FollowUp_GoesToTheDeploymentThatMadeItWithItsOwnId()
    {
        await using var a = new ScriptedUpstream(Answer(503, "{}"), Ok);
        await using var b = new ScriptedUpstream(Ok, Answer(200, """{"id":"resp_second123","previous_response_id":"resp_68a1f0c2d9e4"}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));
        var first = await CreateAsync(gateway);
        first.Report.Deployment.ShouldBe("b/real-model");

        var second = await FollowAsync(gateway, IdIn(first));

        second.Report.Deployment.ShouldBe("b/real-model");
        b.Requests.Last().Body.ShouldBe("""{"previous_response_id" : "resp_68a1f0c2d9e4","model":"real-model","input":"on"}""");
        a.Requests.Count.ShouldBe(1);
        ((string)JsonNode.Parse(second.Text)!["previous_response_id"]!).ShouldBe(IdIn(first));
        gateway.Get<ResponseIds>().TryDecode(IdIn(second), "t", out var origin).ShouldBeTrue();
        origin.UpstreamId.ShouldBe("resp_second123");
    }

    [Fact]
    public async Task RunAsync_FollowUpWhereItsDeploymentFails_TriesThereAgainAndNowhereElse()
    {
        await using var a = new ScriptedUpstream(Ok, Answer(503, "{}"), Ok);
        await using var b = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await gateway.RunAsync(FollowAsync(gateway, id));

        answer.Status.ShouldBe(200);
        answer.Report.Attempts.ShouldBe(2);
        b.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task RunAsync_FollowUpWhereItsKeyIsRefused_DoesNotFallBack(int status)
    {
        await using var a = new ScriptedUpstream(Ok, Answer(status, "{}"));
        await using var b = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await FollowAsync(gateway, id);

        answer.Report.Error!.Code.ShouldBe("provider_refused");
        b.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_SeveralKeys_FollowUpGoesUnderTheKeyThatMadeIt()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { ApiKeys = ["key-1", "key-2", "key-3"] }, upstream) is var options
            ? options with { Providers = options.Providers.ToDictionary(entry => entry.Key, entry => entry.Value with { ApiKey = null }) } : null!);
        for (var round = 0; round < 12; round++)
        {
            var id = IdIn(await CreateAsync(gateway));
            var made = upstream.Requests.Last().Headers["authorization"];
            await FollowAsync(gateway, id);
            upstream.Requests.Last().Headers["authorization"].ShouldBe(made);
            await CallAsync(gateway, HttpMethod.Get, id);
            upstream.Requests.Last().Headers["authorization"].ShouldBe(made);
        }
    }

    [Fact]
    public async Task RunAsync_AnotherTenantsOrForeignId_Is404AndNothingIsSent()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        foreach (var (asked, tenant) in ((string, string)[])[(id, "other"), (Upstream, "t"), (id + "A", "t"), ("", "t"), (new string('x', 100_000), "t")])
        {
            var followed = await FollowAsync(gateway, asked, tenant: tenant);
            var called = await CallAsync(gateway, HttpMethod.Delete, asked, tenant: tenant);
            (followed.Report.Error!.Status, followed.Report.Error.Code, followed.Report.Error.Param).ShouldBe((404, "response_not_found", "previous_response_id"));
            (called.Report.Error!.Status, called.Report.Error.Code).ShouldBe((404, "response_not_found"));
            followed.Report.Error.Message.Length.ShouldBeLessThan(300);
        }

        upstream.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_DeploymentGoneFromTheConfiguration_Is404SayingSo()
    {
        await using var a = new ScriptedUpstream(Ok);
        await using var b = new ScriptedUpstream(Ok);
        var both = GatewayHarness.Route(a, b);
        await using var gateway = new GatewayHarness(both);
        var id = IdIn(await CreateAsync(gateway));
        gateway.Gateway.Apply(both with
        {
            Providers = both.Providers.Where(entry => entry.Key == "b").ToDictionary(),
            Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new DeploymentOptions { Provider = "b", Model = "real-model" }] } },
        });

        foreach (var answer in (TestAnswer[])[await FollowAsync(gateway, id), await CallAsync(gateway, HttpMethod.Get, id)])
        {
            answer.Report.Error!.Status.ShouldBe(404);
            answer.Report.Error.Message.ShouldContain("'a/real-model', which is no longer configured");
        }

        b.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_FollowUpThroughARouteWithoutItsProvider_TakesTheRightToNameTheDeployment()
    {
        await using var a = new ScriptedUpstream(Ok);
        await using var b = new ScriptedUpstream(Ok);
        var options = GatewayHarness.Route(a, b);
        await using var gateway = new GatewayHarness(options with
        {
            Routes = new Dictionary<string, RouteOptions>(options.Routes)
            {
                ["other"] = new() { Deployments = [new DeploymentOptions { Provider = "b", Model = "m" }] },
                ["sibling"] = new() { Deployments = [new DeploymentOptions { Provider = "b", Model = "m" }, new DeploymentOptions { Provider = "a", Model = "larger" }] },
            },
        });
        var id = IdIn(await CreateAsync(gateway));

        (await FollowAsync(gateway, id, "other", mayUse: name => name == "other")).Report.Error!.Status.ShouldBe(404);
        (await FollowAsync(gateway, id, "fast", mayUse: name => name == "other")).Report.Error!.Status.ShouldBe(403);
        (await FollowAsync(gateway, id, "other", mayUse: _ => true)).Report.Deployment.ShouldBe("a/real-model");
        (await FollowAsync(gateway, id, "sibling", mayUse: name => name == "sibling")).Report.Deployment.ShouldBe("a/larger");
        b.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(404, "404 page not found")]
    [InlineData(404, "<html>nothing here</html>")]
    [InlineData(404, """{"detail":"Not Found"}""")]
    [InlineData(404, """{"error":{"message":"Invalid URL (POST /v1/responses)","type":"invalid_request_error"}}""")]
    [InlineData(405, """{"detail":"Method Not Allowed"}""")]
    public async Task RunAsync_PinnedWhereThereIsNoResponsesApi_Is422(int status, string body)
    {
        await using var upstream = new ScriptedUpstream(Ok, Answer(status, body));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        foreach (var answer in (TestAnswer[])[await FollowAsync(gateway, id), await CallAsync(gateway, HttpMethod.Get, id)])
        {
            (answer.Report.Error!.Status, answer.Report.Error.Code).ShouldBe((422, "responses_unsupported"));
        }
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"Previous response with id 'resp_68a1f0c2d9e4' not found.","code":"previous_response_not_found"}}""")]
    [InlineData(404, """{"error":{"message":"Response with id 'resp_68a1f0c2d9e4' not found.","type":"invalid_request_error"}}""")]
    public async Task RunAsync_ResponseGoneAtTheProvider_IsPassedOnWithOurId(int status, string body)
    {
        await using var upstream = new ScriptedUpstream(Ok, Answer(status, body));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        foreach (var answer in (TestAnswer[])[await FollowAsync(gateway, id), await CallAsync(gateway, HttpMethod.Get, id)])
        {
            answer.Head!.Value.Status.ShouldBe(status);
            answer.Text.ShouldBe(body.Replace(Upstream, id, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task RunAsync_FollowUpWhereTheModelIsGone_SaysModelNotFound()
    {
        await using var upstream = new ScriptedUpstream(Ok, Answer(404, """{"error":{"message":"The model 'real-model' does not exist","code":"model_not_found"}}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        (await FollowAsync(gateway, id)).Report.Error!.Code.ShouldBe("model_not_found");
    }

    [Theory]
    [InlineData("GET", "", "?include=a&include=b")]
    [InlineData("DELETE", "", "")]
    [InlineData("POST", "/cancel", "")]
    [InlineData("GET", "/input_items", "?limit=2&after=msg_1")]
    public async Task RunAsync_Call_GoesToTheMakerWithItsIdAndIsNotCounted(string method, string action, string query)
    {
        await using var a = new ScriptedUpstream(Answer(503, "{}"), Ok);
        await using var b = new ScriptedUpstream(Ok, Answer(200, Body.Replace("null", "\"resp_earlier42\"", StringComparison.Ordinal)));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await CallAsync(gateway, new HttpMethod(method), id, action, query);

        var request = b.Requests.Last();
        (request.Method, request.Path).ShouldBe((method, $"/v1/responses/{Upstream}{action}{query}"));
        request.Body.ShouldBeEmpty();
        request.Headers["authorization"].ShouldBe("Bearer sk-secret-b");
        IdIn(answer).ShouldBe(id);
        var previous = (string)JsonNode.Parse(answer.Text)!["previous_response_id"]!;
        gateway.Get<ResponseIds>().TryDecode(previous, "t", out var origin).ShouldBeTrue();
        origin.UpstreamId.ShouldBe("resp_earlier42");
        answer.Report.Usage.ShouldBeNull();
        answer.Report.Deployment.ShouldBe("b/real-model");
        a.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_CallThatStreams_IsRelayedAsAStream()
    {
        const string Events = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_68a1f0c2d9e4\"}}\n\n";
        await using var upstream = new ScriptedUpstream(Ok, async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(Events);
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await CallAsync(gateway, HttpMethod.Get, id, query: "?stream=true", stream: true);

        answer.Text.ShouldBe(Events.Replace(Upstream, id, StringComparison.Ordinal));
        upstream.Requests.Last().Headers["accept"].ShouldBe("text/event-stream");
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Theory]
    [InlineData("\"previous_response_id\":\"a\",\"previous_response_id\":\"b\"")]
    [InlineData("\"previous_response_id\":null,\"previous\\u005fresponse_id\":\"b\"")]
    [InlineData("\"previous_response_id\":\"a\",\"previous_response_id\":7")]
    public void Scan_TwoPreviousIds_IsRefused(string fields) =>
        RequestHeadScanner.Scan(Encoding.UTF8.GetBytes($"{{\"model\":\"m\",{fields}}}"), out _)!.Param.ShouldBe("previous_response_id");

    [Fact]
    public async Task RunAsync_AnswerWithoutABody_AnnouncesNoLength()
    {
        await using var upstream = new ScriptedUpstream(Ok, exchange => exchange.SendAsync("HTTP/1.1 204 No Content\r\n\r\n"));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await CallAsync(gateway, HttpMethod.Delete, id);

        answer.Status.ShouldBe(204);
        answer.Head!.Value.ContentLength.ShouldBeNull();
        answer.Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_BodyThatBreaksOffLate_IsAborted()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync($"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n{{\"id\":\"{Upstream}\",\"x\":\"{new string('x', 300_000)}");
            exchange.Close();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway);

        answer.Aborted.ShouldBeTrue();
        answer.Report.FailedBy.ShouldBe("stream_broken");
        answer.Text.ShouldNotContain(Upstream);
    }

    [Fact]
    public async Task RunAsync_CallWithADeadline_EndsAtIt()
    {
        await using var upstream = new ScriptedUpstream(Ok, exchange => exchange.ClosedByGatewayAsync());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = IdIn(await CreateAsync(gateway));

        var answer = await gateway.RunAsync(gateway.RunAsync(new InferenceRequest
        {
            Operation = Operation.Responses,
            Head = new RequestHead { Model = "", ModelValue = default },
            Body = default,
            Stored = new StoredResponseCall(HttpMethod.Get, id, "", ""),
            Tenant = "t",
            Timeout = TimeSpan.FromSeconds(5),
        }));

        answer.Report.Error!.Code.ShouldBe("deadline_exceeded");
    }

    [Fact]
    public async Task RunAsync_WithoutASecret_Is503ForResponsesAlone()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), secret: false);

        foreach (var answer in (TestAnswer[])[await CreateAsync(gateway), await CallAsync(gateway, HttpMethod.Get, "resp_x")])
        {
            (answer.Report.Error!.Status, answer.Report.Error.Code).ShouldBe((503, "responses_not_ready"));
            answer.Report.Error.RetryAfter.ShouldNotBeNull();
        }

        (await gateway.ChatAsync()).Status.ShouldBe(200);
    }
}
