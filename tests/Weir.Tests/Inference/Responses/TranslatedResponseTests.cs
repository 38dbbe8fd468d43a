using System.Text;
using System.Text.Json.Nodes;
using Weir.Flow.Breaking;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Responses;

/// <summary>Responses at providers of OpenAI's dialect that have chat alone.</summary>
public sealed class TranslatedResponseTests
{
    private const string Chat = """{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}""";

    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    private static Func<Exchange, Task> ChatOnly(int status = 404, string body = """{"detail":"Not Found"}""") => exchange =>
        exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal) ? exchange.RespondAsync(status, body)
        : exchange.Request.Body.Contains("\"stream\":true", StringComparison.Ordinal) ? StreamAsync(exchange)
        : exchange.RespondAsync(200, Chat);

    private static async Task StreamAsync(Exchange exchange)
    {
        await exchange.BeginStreamAsync();
        await exchange.EventAsync("""{"choices":[{"index":0,"delta":{"role":"assistant","content":"hel"}}]}""");
        await exchange.EventAsync("""{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}""");
        await exchange.EventAsync("""{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}""");
        await exchange.EventAsync("[DONE]");
        await exchange.EndAsync();
    }

    private static Task<TestAnswer> CreateAsync(GatewayHarness gateway, string extra = "") =>
        gateway.SendAsync($$"""{"model":"fast","input":"hi"{{extra}}}""", Operation.Responses);

    private static string[] PathsOf(ScriptedUpstream upstream) => [.. upstream.Requests.Select(request => request.Path)];

    [Theory]
    [InlineData(404, """{"detail":"Not Found"}""")]
    [InlineData(404, "404 page not found")]
    [InlineData(404, "<html>nothing here</html>")]
    [InlineData(404, """{"error":{"message":"Invalid URL (POST /v1/responses)","type":"invalid_request_error"}}""")]
    [InlineData(404, """{"error":{"message":"No response from this path","type":"not_found"}}""")]
    [InlineData(405, """{"detail":"Method Not Allowed"}""")]
    public async Task RunAsync_NoResponsesApi_IsAskedInChatAtOnceAndRemembered(int status, string body)
    {
        await using var upstream = new ScriptedUpstream(ChatOnly(status, body));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway);
        var again = await CreateAsync(gateway);

        var response = JsonNode.Parse(answer.Text)!;
        ((string)response["output"]![0]!["content"]![0]!["text"]!).ShouldBe("hello");
        ((string)response["id"]!).ShouldStartWith("resp_stateless_");
        ((string)JsonNode.Parse(again.Text)!["status"]!).ShouldBe("completed");
        PathsOf(upstream).ShouldBe(["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]);
        ((string)JsonNode.Parse(upstream.Requests.Last().Body)!["model"]!).ShouldBe("real-model");
        (answer.Report.Attempts, again.Report.Attempts).ShouldBe((2, 1));
        answer.Report.Usage.ShouldBe(new(3, 5));
        answer.Head!.Value.ContentLength.ShouldBe(Encoding.UTF8.GetByteCount(answer.Text));
    }

    [Fact]
    public async Task RunAsync_NoResponsesApi_StreamsTranslated()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway, ",\"stream\":true");

        answer.Head!.Value.ContentType.ShouldStartWith("text/event-stream");
        answer.Text.ShouldStartWith("event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,");
        answer.Text.ShouldContain("event: response.output_text.delta\n");
        answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1].ShouldStartWith("event: response.completed\ndata: ");
        answer.Report.Usage.ShouldBe(new(3, 5));
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Fact]
    public async Task RunAsync_AbsenceForgotten_AsksAgain()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        await CreateAsync(gateway);

        gateway.Time.Advance(Kept - TimeSpan.FromSeconds(1));
        await CreateAsync(gateway);
        gateway.Time.Advance(TimeSpan.FromSeconds(1));
        await CreateAsync(gateway);

        PathsOf(upstream).ShouldBe(["/v1/responses", "/v1/chat/completions", "/v1/chat/completions", "/v1/responses", "/v1/chat/completions"]);
    }

    [Fact]
    public async Task RunAsync_AbsenceOverAndOver_IsHeldAgainstNobody()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Retry = new RetryOptions { Budget = 0, BudgetFloor = 0 }, Breaker = new BreakerOptions { MinimumRequests = 1 } }, upstream));

        for (var i = 0; i < 5; i++)
        {
            (await CreateAsync(gateway)).Status.ShouldBe(200);
            gateway.Time.Advance(Kept);
        }

        gateway.Tables.Current.Find("fast")!.Deployments[0].State.Breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public async Task RunAsync_ModelAbsent_GoesToTheNextDeployment()
    {
        await using var a = new ScriptedUpstream(exchange => exchange.RespondAsync(404, """{"error":{"message":"The model 'real-model' does not exist","code":"model_not_found"}}"""));
        await using var b = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));

        (await CreateAsync(gateway)).Report.Deployment.ShouldBe("b/real-model");

        PathsOf(a).ShouldBe(["/v1/responses"]);
    }

    [Fact]
    public async Task RunAsync_StateAskedForWhereThereIsNone_GoesToTheNextDeploymentElseIs422()
    {
        await using var a = new ScriptedUpstream(ChatOnly());
        await using var b = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"id":"resp_68a1f0c2d9e4","output":[]}"""));
        await using var both = new GatewayHarness(GatewayHarness.Route(a, b));
        await using var alone = new GatewayHarness(GatewayHarness.Route(a));

        (await CreateAsync(both, ",\"background\":true")).Report.Deployment.ShouldBe("b/real-model");
        foreach (var answer in (TestAnswer[])[await CreateAsync(alone, ",\"background\":true"), await CreateAsync(alone, ",\"store\":true")])
        {
            answer.Report.Error!.Status.ShouldBe(422);
            answer.Report.Error.Message.ShouldContain("'a/real-model'");
        }

        PathsOf(a).ShouldBe(["/v1/responses", "/v1/responses"]);
    }

    [Fact]
    public async Task RunAsync_StoreWhereTheRouteDrops_IsListed()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        var options = GatewayHarness.Route(upstream);
        await using var gateway = new GatewayHarness(options with
        {
            Routes = new Dictionary<string, RouteOptions> { ["fast"] = options.Routes["fast"] with { DropParams = true } },
        });

        var answer = await CreateAsync(gateway, ",\"store\":true");

        answer.Status.ShouldBe(200);
        answer.Report.Dropped.ShouldBe(["store"]);
        ((bool)JsonNode.Parse(answer.Text)!["store"]!).ShouldBeFalse();
    }

    [Fact]
    public async Task RunAsync_ChatFailsToo_IsAFailureLikeAnyOther()
    {
        await using var a = new ScriptedUpstream(exchange => exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal)
            ? exchange.RespondAsync(404, "404 page not found") : exchange.RespondAsync(401, "{}"));
        await using var b = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));

        var answer = await CreateAsync(gateway);

        (answer.Status, answer.Report.Deployment).ShouldBe((200, "b/real-model"));
        gateway.Tables.Current.Find("fast")!.Deployments[0].State.IsRefused.ShouldBeTrue();
    }

    [Fact]
    public async Task RunAsync_StreamCutInTheMiddle_EndsWithAnErrorEventOfResponses()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            if (exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal))
            {
                await exchange.RespondAsync(404, "404 page not found");
                return;
            }

            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[{"index":0,"delta":{"content":"hel"}}]}""");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await CreateAsync(gateway, ",\"stream\":true");

        answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1].ShouldStartWith("event: error\ndata: {\"type\":\"error\",\"code\":\"stream_broken\"");
        answer.Report.FailedBy.ShouldBe("stream_broken");
        answer.Text.ShouldContain(",\"error\":{\"message\":");
    }

    [Fact]
    public async Task RunAsync_IdOfATranslatedResponse_Is404OrUnsupportedSayingWhy()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var id = (string)JsonNode.Parse((await CreateAsync(gateway)).Text)!["id"]!;
        var sent = upstream.Requests.Count;

        var followed = await CreateAsync(gateway, $",\"previous_response_id\":\"{id}\"");
        var called = await gateway.RunAsync(new InferenceRequest
        {
            Operation = Operation.Responses,
            Head = new RequestHead { Model = "", ModelValue = default, Stream = false },
            Body = default,
            Stored = new StoredResponseCall(HttpMethod.Get, id, "", ""),
            Tenant = "t",
        });

        (called.Report.Error!.Status, called.Report.Error.Code).ShouldBe((404, "response_not_found"));
        (followed.Report.Error!.Status, followed.Report.Error.Code, followed.Report.Error.Param).ShouldBe((422, "unsupported_field", "previous_response_id"));
        foreach (var answer in (TestAnswer[])[followed, called])
        {
            answer.Report.Error!.Message.ShouldContain("is kept nowhere");
        }

        upstream.Requests.Count.ShouldBe(sent);
    }

    [Fact]
    public async Task RunAsync_UnknownIdWhereNothingHasResponses_Is422NamingTheDeployment()
    {
        await using var upstream = new ScriptedUpstream(ChatOnly());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        (await CreateAsync(gateway, ",\"previous_response_id\":\"resp_elsewhere\"")).Report.Error!.Status.ShouldBe(404);
        var first = await CreateAsync(gateway);

        var error = (await CreateAsync(gateway, ",\"previous_response_id\":\"resp_elsewhere\"")).Report.Error.ShouldNotBeNull();

        (error.Status, error.Param).ShouldBe((422, "previous_response_id"));
        error.Message.ShouldContain($"'{first.Report.Deployment}'");
    }

    [Fact]
    public void Resolve_Presets_KnowWhoHasResponsesUnlessTheyAreSentElsewhere()
    {
        ProviderModel.Resolve("a", new ProviderOptions { Preset = "openai" }).HasResponses.ShouldBeTrue();
        ProviderModel.Resolve("a", new ProviderOptions { Preset = "deepseek" }).HasResponses.ShouldBeFalse();
        ProviderModel.Resolve("a", new ProviderOptions { Preset = "openai", BaseUrl = "http://127.0.0.1:1/v1" }).HasResponses.ShouldBeFalse();
        ProviderModel.Resolve("a", new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1" }).HasResponses.ShouldBeFalse();
    }
}
