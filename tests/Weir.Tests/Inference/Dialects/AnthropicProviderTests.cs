using System.Text;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Anthropic clients at Anthropic providers: bytes, and what the pipeline reads in them.</summary>
public sealed class AnthropicProviderTests
{
    private const string Ask = """{"model":"fast","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}""";
    private const string Answer =
        """{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"hello"}],"model":"real-model","stop_reason":"end_turn","usage":{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,"output_tokens":5}}""";

    private const string Overloaded = """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""";

    internal static InferenceOptions Route(params ScriptedUpstream[] upstreams) =>
        GatewayHarness.RouteOf(new ProviderOptions { Dialect = Dialect.Anthropic }, upstreams);

    internal static Task EventAsync(Exchange exchange, string name, string data) => exchange.ChunkAsync($"event: {name}\ndata: {data}\n\n");

    private static async Task MessageAsync(Exchange exchange, bool stop = true)
    {
        await exchange.BeginStreamAsync();
        await EventAsync(exchange, "message_start", """{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":1}}}""");
        await EventAsync(exchange, "ping", """{"type": "ping"}""");
        await EventAsync(exchange, "content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}""");
        await EventAsync(exchange, "message_delta", """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}""");
        if (stop)
        {
            await EventAsync(exchange, "message_stop", """{"type":"message_stop"}""");
        }

        await exchange.EndAsync();
    }

    [Fact]
    public async Task Send_ToItsOwnDialect_ChangesTheModelAlone()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Answer, "request-id: req_7"));
        await using var gateway = new GatewayHarness(Route(upstream));
        var body = Encoding.UTF8.GetBytes(Ask);
        RequestHeadScanner.Scan(body, out var head).ShouldBeNull();

        var answer = await gateway.RunAsync(new InferenceRequest
        {
            Operation = Operation.Messages,
            Head = head,
            Body = body,
            Tenant = "t",
            Headers = new ClientHeaders { AnthropicBeta = "some-beta-1,other", AnthropicVersion = "2024-01-01", OpenAIBeta = "assistants=v2" },
        });

        answer.Text.ShouldBe(Answer);
        var sent = upstream.Requests.Single();
        sent.Path.ShouldBe("/v1/messages");
        sent.Body.ShouldBe(Ask.Replace("fast", "real-model", StringComparison.Ordinal));
        sent.Headers["x-api-key"].ShouldBe("sk-secret-a");
        sent.Headers["anthropic-version"].ShouldBe("2024-01-01");
        sent.Headers["anthropic-beta"].ShouldBe("some-beta-1,other");
        sent.Headers.ContainsKey("authorization").ShouldBeFalse();
        sent.Headers.ContainsKey("openai-beta").ShouldBeFalse();
        answer.Report.UpstreamId.ShouldBe("req_7");
        answer.Report.Usage.ShouldBe(new(123, 5) { CachedInput = 100, CacheWrite = 20 });
    }

    [Fact]
    public async Task Stream_ToItsOwnDialect_IsTheProvidersBytes()
    {
        await using var upstream = new ScriptedUpstream(exchange => MessageAsync(exchange));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fast","stream":true,"messages":[]}""", Operation.Messages);

        answer.Text.ShouldStartWith("event: message_start\n");
        answer.Text.ShouldEndWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        answer.Report.FailedBy.ShouldBeNull();
        answer.Report.Usage.ShouldBe(new(103, 15) { CachedInput = 100 });
        upstream.Requests.Single().Headers["anthropic-version"].ShouldBe("2023-06-01");
    }

    [Fact]
    public async Task Stream_WithoutItsLastEvent_EndsInAnthropicsErrorEvent()
    {
        await using var upstream = new ScriptedUpstream(exchange => MessageAsync(exchange, stop: false));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fast","stream":true,"messages":[]}""", Operation.Messages);

        answer.Text.ShouldContain("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":");
        answer.Report.FailedBy.ShouldBe("stream_broken");
    }

    [Fact]
    public async Task Stream_ErrorOfTheProviderInTheMiddle_IsTheClientsAndAFailure()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await EventAsync(exchange, "message_start", """{"type":"message_start","message":{}}""");
            await EventAsync(exchange, "error", Overloaded);
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fast","stream":true,"messages":[]}""", Operation.Messages);

        answer.Text.ShouldEndWith($"event: error\ndata: {Overloaded}\n\n");
        answer.Text.Split("event: error").Length.ShouldBe(2);
        answer.Report.FailedBy.ShouldBe("stream_failed");
    }

    [Fact]
    public async Task Stream_ErrorFirst_GoesToTheNextDeployment()
    {
        await using var busy = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await EventAsync(exchange, "ping", """{"type": "ping"}""");
            await EventAsync(exchange, "error", Overloaded);
            await exchange.EndAsync();
        });
        await using var upstream = new ScriptedUpstream(exchange => MessageAsync(exchange));
        await using var gateway = new GatewayHarness(Route(busy, upstream));

        var answer = await gateway.RunAsync(gateway.SendAsync("""{"model":"fast","stream":true,"messages":[]}""", Operation.Messages));

        answer.Text.ShouldContain("hello");
        answer.Report.Deployment.ShouldBe("b/real-model");
    }

    [Theory]
    [InlineData(529, "overloaded_error", "Overloaded")]
    [InlineData(429, "rate_limit_error", "Slow down")]
    [InlineData(401, "authentication_error", "invalid x-api-key")]
    [InlineData(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")]
    [InlineData(404, "not_found_error", "model: real-model")]
    [InlineData(200, "api_error", "Internal")]
    public async Task Send_ProviderThatCannotServe_GoesToTheNextDeployment(int status, string type, string message)
    {
        await using var failing = new ScriptedUpstream(exchange => exchange.RespondAsync(status, $$$"""{"type":"error","error":{"type":"{{{type}}}","message":"{{{message}}}"}}"""));
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Answer));
        await using var gateway = new GatewayHarness(Route(failing, upstream));

        var answer = await gateway.RunAsync(gateway.SendAsync(Ask, Operation.Messages));

        answer.Text.ShouldBe(Answer);
    }

    [Fact]
    public async Task Send_ErrorOfTheClientsOwn_IsPassedOnAsItIs()
    {
        const string Error = """{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: required"}}""";
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(400, Error));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync(Ask, Operation.Messages);

        (answer.Status, answer.Text).ShouldBe((400, Error));
    }

    [Fact]
    public async Task CountTokens_AtItsOwnDialect_IsAskedOfTheProvider()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"input_tokens":42}"""));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync(Ask, Operation.CountTokens);

        answer.Text.ShouldBe("""{"input_tokens":42}""");
        upstream.Requests.Single().Path.ShouldBe("/v1/messages/count_tokens");
    }

    [Fact]
    public async Task CountTokens_AtAnotherDialect_IsEstimatedHere()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync(
            """{"model":"fast","system":"12345678","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAAAAAAAAAA"}},{"type":"text","text":"12345678"}]}],"temperature":1}""",
            Operation.CountTokens);

        answer.Text.ShouldBe("""{"input_tokens":1605}""");
        answer.Status.ShouldBe(200);
        upstream.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("/embeddings")]
    [InlineData("/completions")]
    public async Task Send_WhatTheDialectDoesNotHave_Is422WithoutAsking(string path)
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fast","input":"x"}""", Operation.All.Single(operation => operation.Path == path));

        answer.Report.Error.ShouldNotBeNull().Code.ShouldBe("unsupported_operation");
        answer.Status.ShouldBe(422);
        upstream.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Send_WhatTheFirstDeploymentCannot_IsTheNextOnes()
    {
        await using var anthropic = new ScriptedUpstream();
        await using var openai = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"object":"list","data":[]}"""));
        var options = GatewayHarness.Route(anthropic, openai);
        options = options with
        {
            Providers = options.Providers.ToDictionary(entry => entry.Key, entry => entry.Key == "a" ? entry.Value with { Dialect = Dialect.Anthropic } : entry.Value),
        };
        await using var gateway = new GatewayHarness(options);

        var answer = await gateway.SendAsync("""{"model":"fast","input":"x"}""", Operation.Embeddings);

        answer.Report.Deployment.ShouldBe("b/real-model");
        answer.Report.Attempts.ShouldBe(1);
        anthropic.Requests.ShouldBeEmpty();
    }

    [Fact]
    public void CostOf_CachedInput_HasItsOwnPrice()
    {
        var usage = new Weir.Inference.Relay.TokenUsage(1_000_000, 0) { CachedInput = 400_000, CacheWrite = 100_000 };

        new PriceOptions { Input = 10 }.Of(usage).ShouldBe(10, 1e-9);
        new PriceOptions { Input = 10, CachedInput = 1, CacheWrite = 12.5 }.Of(usage).ShouldBe(5 + 0.4 + 1.25, 1e-9);
    }
}
