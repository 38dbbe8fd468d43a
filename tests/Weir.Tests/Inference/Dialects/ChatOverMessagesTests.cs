using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Clients of the chat API at Anthropic providers, through the whole pipeline.</summary>
public sealed class ChatOverMessagesTests
{
    private const string Message =
        """{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":5}}""";

    private const string Overloaded = """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""";

    private static InferenceOptions Route(params ScriptedUpstream[] upstreams) => AnthropicProviderTests.Route(upstreams);

    private static InferenceOptions With(InferenceOptions options, Func<RouteOptions, RouteOptions> change) =>
        options with { Routes = options.Routes.ToDictionary(entry => entry.Key, entry => change(entry.Value)) };

    private static ScriptedUpstream Streaming(params string[] pieces) => new(async exchange =>
    {
        await exchange.BeginStreamAsync();
        foreach (var piece in pieces)
        {
            await exchange.ChunkAsync(piece);
        }

        await exchange.EndAsync();
    });

    private static string Event(string name, string data) => $"event: {name}\ndata: {data}\n\n";

    private static string Begin => Event("message_start", """{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":7,"output_tokens":1}}}""");

    private static string Text(string text) => Event("content_block_delta", $$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{text}}}"}}""");

    private static string Stop => Event("message_stop", """{"type":"message_stop"}""");

    [Fact]
    public async Task Chat_AtAnAnthropicProvider_IsAskedAndAnsweredInItsOwnDialects()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message, "anthropic-ratelimit-requests-remaining: 9"));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.ChatAsync();

        var sent = upstream.Requests.Single();
        sent.Path.ShouldBe("/v1/messages");
        sent.Headers["x-api-key"].ShouldBe("sk-secret-a");
        JsonNode.Parse(sent.Body)!.ToJsonString().ShouldBe("""{"model":"real-model","max_tokens":8192,"messages":[]}""");
        var chat = JsonNode.Parse(answer.Text)!;
        ((string)chat["choices"]![0]!["message"]!["content"]!, (string)chat["model"]!).ShouldBe(("hello", "fast"));
        answer.Head!.Value.ContentLength.ShouldBe(Encoding.UTF8.GetByteCount(answer.Text));
        answer.Head!.Value.Passed!.Single().Key.ShouldBe("anthropic-ratelimit-requests-remaining");
        answer.Report.Usage.ShouldBe(new(103, 5) { CachedInput = 100 });
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Fact]
    public async Task Stream_InRandomPieces_IsTheSameForTheClient()
    {
        var bytes = Encoding.UTF8.GetBytes(AnthropicEvents.Everything);
        var expected = ChatAnswerTests.Chunks(ChatAnswerTests.Stream(bytes, _ => int.MaxValue)).Select(Undated).ToList();
        var seed = int.TryParse(Environment.GetEnvironmentVariable("WEIR_SEED"), out var given) ? given : Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 10; round++)
        {
            var pieces = new List<byte[]>();
            for (var at = 0; at < bytes.Length;)
            {
                var size = Math.Min(random.Next(1, round % 2 == 0 ? 40 : 900), bytes.Length - at);
                pieces.Add(bytes[at..(at + size)]);
                at += size;
            }

            await using var upstream = new ScriptedUpstream(async exchange =>
            {
                await exchange.SendAsync($"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {bytes.Length}\r\n\r\n");
                foreach (var piece in pieces)
                {
                    // As they are: a piece may end within a character.
                    await exchange.SendAsync(piece);
                }
            });
            await using var gateway = new GatewayHarness(Route(upstream));

            var answer = await gateway.StreamAsync();

            answer.Head!.Value.ContentType.ShouldBe("text/event-stream; charset=utf-8");
            ChatAnswerTests.Chunks(answer.Text).Select(Undated).ShouldBe(expected, $"seed {seed}, round {round}");
            answer.Report.Usage.ShouldBe(new(152, 89) { CachedInput = 100, CacheWrite = 40 });
        }
    }

    [Fact]
    public async Task Stream_OfTwoEnds_EndsOnce()
    {
        await using var upstream = Streaming(Begin, Text("a"), Stop, Text("b"), Stop);
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.StreamAsync();

        answer.Text.Split("[DONE]").Length.ShouldBe(2);
        answer.Text.ShouldNotContain("\"b\"");
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Theory]
    [InlineData("garbage", "stream_broken")]
    [InlineData("half", "stream_broken")]
    [InlineData("error", "stream_failed")]
    [InlineData("no end", "stream_broken")]
    [InlineData("shape", "stream_broken")]
    [InlineData("huge", "stream_broken")]
    [InlineData("utf8", "stream_broken")]
    public async Task Stream_ThatIsNoneInTheMiddle_EndsInAnError(string fault, string failedBy)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(Begin + Text("hello"));
            switch (fault)
            {
                case "garbage":
                    await exchange.ChunkAsync(Event("content_block_delta", "{\"type\":"));
                    break;
                case "half":
                    await exchange.ChunkAsync("event: content_block_delta\ndata: {\"type\":\"content_bl");
                    exchange.Reset();
                    return;
                case "error":
                    await exchange.ChunkAsync(Event("error", Overloaded));
                    break;
                case "shape":
                    await exchange.ChunkAsync(Event("content_block_start", """{"type":"content_block_start","index":0}"""));
                    break;
                case "huge":
                    await exchange.ChunkAsync("data: " + new string('x', 5 * 1024 * 1024));
                    break;
                case "utf8":
                    await exchange.SendAsync("2b\r\ndata: {\"type\":\"content_block_delta\",\"x\":\"");
                    await exchange.SendAsync([0xff, 0xfe, (byte)'\r', (byte)'\n', (byte)'6', (byte)'\r', (byte)'\n', 0xc3, 0x28, (byte)'"', (byte)'}', (byte)'\n', (byte)'\n', (byte)'\r', (byte)'\n']);
                    break;
            }

            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.StreamAsync();

        answer.Text.ShouldContain("hello");
        answer.Text.ShouldNotContain("[DONE]");
        var last = JsonNode.Parse(answer.Text[(answer.Text.LastIndexOf("data: ", StringComparison.Ordinal) + 6)..])!;
        ((string)last["error"]!["code"]!).ShouldBe(failedBy);
        answer.Report.FailedBy.ShouldBe(failedBy);
        answer.Report.Usage.ShouldBe(new(7, 1));
    }

    [Fact]
    public async Task Stream_ErrorFirst_GoesToTheNextDeployment()
    {
        await using var busy = Streaming(Event("error", Overloaded));
        await using var upstream = Streaming(Begin, Text("hello"), Stop);
        await using var gateway = new GatewayHarness(Route(busy, upstream));

        var answer = await gateway.RunAsync(gateway.StreamAsync());

        answer.Text.ShouldContain("hello");
        answer.Text.ShouldEndWith("data: [DONE]\n\n");
    }

    [Theory]
    [InlineData("{\"id\":\"msg\"}")]
    [InlineData("{\"id\":\"msg\",\"content\":[{]}")]
    [InlineData("{\"id\":\"msg\",\"content\":[")]
    public async Task Chat_BodyThatCannotBeTranslated_IsBrokenAndTriedElsewhere(string body)
    {
        await using var broken = new ScriptedUpstream(exchange => exchange.RespondAsync(200, body));
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var gateway = new GatewayHarness(Route(broken, upstream));

        var answer = await gateway.ChatAsync();

        (answer.Status, answer.Report.Deployment).ShouldBe((200, "b/real-model"));
        broken.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Chat_ErrorOfTheClientsOwn_IsTranslatedToo()
    {
        await using var upstream = new ScriptedUpstream(exchange =>
            exchange.RespondAsync(400, """{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 300000 tokens > 200000 maximum"}}"""));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.ChatAsync();

        var error = answer.Report.Error.ShouldNotBeNull();
        (error.Status, error.Code, error.ShouldRetry).ShouldBe((400, "context_length_exceeded", false));
        error.Message.ShouldContain("prompt is too long");
    }

    [Fact]
    public async Task Chat_FieldThatCannotBeExpressed_IsTheNextDeploymentsElse422()
    {
        await using var anthropic = new ScriptedUpstream();
        await using var openai = new ScriptedUpstream();
        var options = GatewayHarness.Route(anthropic, openai);
        options = options with { Providers = options.Providers.ToDictionary(entry => entry.Key, entry => entry.Value with { Dialect = entry.Key == "a" ? Dialect.Anthropic : Dialect.OpenAI }) };
        await using (var gateway = new GatewayHarness(options))
        {
            var answer = await gateway.ChatAsync(""","seed":1""");
            (answer.Status, answer.Report.Deployment, answer.Report.Attempts).ShouldBe((200, "b/real-model", 1));
        }

        await using (var gateway = new GatewayHarness(Route(anthropic)))
        {
            for (var i = 0; i < 30; i++)
            {
                var answer = await gateway.ChatAsync(""","seed":1""");
                answer.Report.Error.ShouldNotBeNull().Param.ShouldBe("seed");
                answer.Status.ShouldBe(422);
            }

            // What was never asked is no failure of the provider's.
            gateway.Tables.Current.Find("fast")!.Deployments[0].State.Breaker.State.ShouldBe(Weir.Flow.Breaking.BreakerState.Closed);
        }

        anthropic.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Chat_WithDropParams_LeavesOutAndTells()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var gateway = new GatewayHarness(With(Route(upstream), route => route with { DropParams = true }));

        var answer = await gateway.ChatAsync(""","seed":1,"logprobs":true""");

        answer.Status.ShouldBe(200);
        answer.Report.Dropped.ShouldBe(["seed", "logprobs"]);
        upstream.Requests.Single().Body.ShouldNotContain("seed");
    }

    [Fact]
    public async Task Chat_WithoutABound_TakesTheDeployments()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var gateway = new GatewayHarness(With(Route(upstream), route => route with { Deployments = [.. route.Deployments.Select(one => one with { MaxOutput = 77 })] }));

        await gateway.ChatAsync();

        ((int)JsonNode.Parse(upstream.Requests.Single().Body)!["max_tokens"]!).ShouldBe(77);
    }

    [Fact]
    public async Task Chat_Translated_GivesItsMemoryBack()
    {
        var budget = new BodyBudget(1024 * 1024);
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var gateway = new GatewayHarness(Route(upstream));
        var bytes = Encoding.UTF8.GetBytes("""{"model":"fast","messages":[{"role":"user","content":"hi"}]}""");
        var pipe = new System.IO.Pipelines.Pipe();
        await pipe.Writer.WriteAsync(bytes);
        await pipe.Writer.CompleteAsync();
        var (body, _) = await PooledBody.ReadAsync(pipe.Reader, bytes.Length, new BodyLimits(1024, budget, TimeProvider.System), default);
        RequestHeadScanner.Scan(bytes, out var head).ShouldBeNull();

        using (body)
        {
            var answer = await gateway.RunAsync(new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = body!.Memory, Owner = body, Tenant = "t" });
            answer.Status.ShouldBe(200);
        }

        budget.Held.ShouldBe(0);
    }

    private static string Undated(JsonNode chunk)
    {
        chunk["created"] = 0;
        return chunk.ToJsonString();
    }
}
