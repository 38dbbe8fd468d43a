using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Attempts;

public sealed class AttemptTests
{
    private static readonly ProviderOptions Once = new() { Retry = new RetryOptions { Network = 0, Unavailable = 0, RateLimited = 0 } };

    [Theory]
    [InlineData("<html>login please</html>", false)]
    [InlineData("", false)]
    [InlineData("not json at all", false)]
    [InlineData("[1]", false)]
    [InlineData("<html>login please</html>", true)]
    [InlineData("", true)]
    [InlineData(ScriptedUpstream.Answer, true)]
    public async Task SendAsync_SuccessWhoseBodyIsNoAnswer_GoesToTheNextDeployment(string body, bool stream)
    {
        await using var impostor = new ScriptedUpstream(exchange => exchange.RespondAsync(200, body));
        await using var good = new ScriptedUpstream(async exchange =>
        {
            if (!stream)
            {
                await exchange.RespondAsync(200, ScriptedUpstream.Answer);
                return;
            }

            await exchange.BeginStreamAsync();
            await exchange.EventAsync("{}");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, impostor, good));

        (await gateway.ChatAsync(stream ? ""","stream":true""" : "")).Report.Deployment.ShouldBe("b/real-model");
    }

    [Fact]
    public async Task SendAsync_SuccessWhoseBodyIsNoAnswerAndNobodyElse_SaysWhatCame()
    {
        await using var impostor = new ScriptedUpstream(exchange => exchange.RespondAsync(200, "<html>login please</html>"));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, impostor));

        var error = (await gateway.ChatAsync()).Report.Error!;

        error.Code.ShouldBe("provider_broken");
        error.Message.ShouldContain("no JSON object");
        error.Message.ShouldContain("base_url");
    }

    [Fact]
    public async Task SendAsync_ErrorWithStatus200_IsTheErrorThatItSays()
    {
        await using var impostor = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"error":{"message":"slow down","code":429}}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, impostor));

        (await gateway.ChatAsync()).Report.Error!.Code.ShouldBe("rate_limited");
    }

    [Theory]
    [InlineData("oops")]
    [InlineData(null)]
    public async Task SendAsync_ErrorWithStatus200ThatNamesNone_SaysWhatTheProviderDid(string? said)
    {
        var body = said is null ? """{"error":{"type":"x"}}""" : """{"error":{"message":"oops"}}""";
        await using var impostor = new ScriptedUpstream(exchange => exchange.RespondAsync(200, body));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, impostor));

        (await gateway.ChatAsync()).Report.Error!.Message.ShouldContain($"answered 200 with an error{(said is null ? "." : ": oops")}");
    }

    [Theory]
    [InlineData(503, "provider_unavailable")]
    [InlineData(400, "provider_rejected")]
    [InlineData(401, "provider_refused")]
    public async Task SendAsync_ErrorWhoseBodyNeverComes_IsJudgedByItsStatus(int status, string code)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync($"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{");
            await exchange.ClosedByGatewayAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, upstream));

        var answering = gateway.ChatAsync();
        await gateway.ElapseAsync(TimeSpan.FromSeconds(5));

        (await answering).Report.Error!.Code.ShouldBe(code);
    }

    [Theory]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData("2147483647")]
    [InlineData("99999999999999999999")]
    [InlineData("-5")]
    public async Task SendAsync_RetryAfterThatCannotBeMeant_PausesByOurOwnSchedule(string retryAfter)
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(429, "{}", $"retry-after: {retryAfter}"));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(Once, upstream));

        (await gateway.ChatAsync()).Status.ShouldBe(429);

        gateway.Tables.Current.Routes["fast"].Deployments[0].State.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("""{"error":{"message":"wrong: sk-secret-a"}}""")]
    [InlineData("""{"error":{"message":"wrong: header-secret"}}""")]
    [InlineData("header-secret, and no JSON")]
    public async Task SendAsync_ErrorThatRepeatsASecret_IsToldWithoutIt(string body)
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(422, body));
        var settings = Once with { Headers = new Dictionary<string, string> { ["x-key"] = "header-secret" } };
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(settings, upstream));

        var answer = await gateway.ChatAsync();

        answer.Text.ShouldBeEmpty();
        answer.Report.Error!.Status.ShouldBe(422);
        answer.Report.Error.Message.ShouldContain("***");
        answer.Report.Error.Message.ShouldNotContain("secret");
    }

    [Fact]
    public async Task SendAsync_AfterTheLifetimeOfAConnection_MakesANewOne()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Connections = new ConnectionOptions { Lifetime = TimeSpan.FromMilliseconds(50) } }, upstream));

        await gateway.ChatAsync();
        await Task.Delay(1000);
        await gateway.ChatAsync();

        upstream.Connections.ShouldBe(2);
    }

    [Fact]
    public async Task SendAsync_AHundredProviders_KeepTheirConnections()
    {
        var upstreams = Enumerable.Range(0, 100).Select(_ => new ScriptedUpstream()).ToArray();
        try
        {
            await using var gateway = new GatewayHarness(new()
            {
                Providers = Enumerable.Range(0, 100).ToDictionary(i => $"p{i}", i => new ProviderOptions { BaseUrl = upstreams[i].BaseUrl }),
            });
            for (var i = 0; i < 500; i++)
            {
                (await gateway.SendAsync($$"""{"model":"p{{i % 100}}/m"}""", Operation.ChatCompletions)).Status.ShouldBe(200);
            }

            upstreams.ShouldAllBe(upstream => upstream.Connections == 1 && upstream.Requests.Count == 5);
        }
        finally
        {
            foreach (var upstream in upstreams)
            {
                await upstream.DisposeAsync();
            }
        }
    }
}
