using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>
/// Answers of providers with bytes changed and cut anywhere, through the whole pipeline: a client of another dialect gets a failure before
/// the head, or well-formed JSON of its own, in a stream up to its terminator or its error event.
/// </summary>
public sealed class SpoiledAnswerTests
{
    private const string Chat =
        """
        {"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hé \"x\"","refusal":null,"reasoning_content":"hm",
          "tool_calls":[{"id":"c1","type":"function","function":{"name":"get","arguments":"{\"q\":1}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}
        """;

    private const string Message =
        """
        {"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"hé"},
          {"type":"tool_use","id":"c1","name":"get","input":{"q":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":5}}
        """;

    private static readonly string[] ChatEvents =
    [
        """{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{"content":"hé \"x\""}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"get","arguments":""}}]}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\""}},{"index":1,"id":"t2","function":{"name":"now","arguments":"{}"}}]}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}""",
        """{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
        """{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}""",
        "[DONE]",
    ];

    private static readonly string[] MessageEvents =
    [
        """{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""",
        """{"type":"ping"}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"d"}}""",
        """{"type":"content_block_stop","index":1}""",
        """{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"hé \"x\""}}""",
        """{"type":"content_block_stop","index":2}""",
        """{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t1","name":"get","input":{}}}""",
        """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}""",
        """{"type":"content_block_stop","index":3}""",
        """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}""",
        """{"type":"message_stop"}""",
    ];

    private static readonly Dictionary<string, (Operation Operation, string Body)> Clients = new()
    {
        ["chat"] = (Operation.ChatCompletions, """{"model":"fast","messages":[{"role":"user","content":"hi"}]"""),
        ["messages"] = (Operation.Messages, """{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]"""),
        ["responses"] = (Operation.Responses, """{"model":"fast","input":"hi" """),
    };

    [Theory]
    [MemberData(nameof(SpoiledRequestTests.Pairs), MemberType = typeof(SpoiledRequestTests))]
    public async Task RunAsync_SpoiledBody_IsAFailureOrTheClients(string client, Dialect dialect) => await FuzzAsync(client, dialect, stream: false);

    [Theory]
    [MemberData(nameof(SpoiledRequestTests.Pairs), MemberType = typeof(SpoiledRequestTests))]
    public async Task RunAsync_SpoiledStream_EndsInTerminatorOrError(string client, Dialect dialect) => await FuzzAsync(client, dialect, stream: true);

    // What is read before the head goes out is more than the first piece of the translated stream's own memory.
    [Theory]
    [InlineData(5_000)]
    [InlineData(60_000)]
    [InlineData(500_000)]
    public async Task RunAsync_FirstEventIsLarge_ArrivesWhole(int length)
    {
        var text = new string('x', length);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync($$"""{"id":"c1","choices":[{"index":0,"delta":{"content":"{{text}}"},"finish_reason":"stop"}]}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync(Clients["messages"].Body + ",\"stream\":true}", Operation.Messages);

        answer.Text.ShouldContain($"\"text\":\"{text}\"");
        answer.Text.ShouldEndWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    [Theory]
    [InlineData("error")]
    [InlineData("insufficient_system_resource")]
    public async Task RunAsync_ProviderGivesUpInItsLastChunk_IsNoWholeAnswer(string finish)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"id":"c1","choices":[{"index":0,"delta":{"content":"hal"}}]}""");
            await exchange.EventAsync($$"""{"id":"c1","error":{"message":"no more"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"{{finish}}"}]}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync(Clients["messages"].Body + ",\"stream\":true}", Operation.Messages);

        answer.Text.ShouldNotContain("message_stop");
        answer.Text.ShouldContain("event: error\ndata: {\"type\":\"error\",");
        answer.Report.FailedBy.ShouldBe("stream_broken");
    }

    private static async Task FuzzAsync(string client, Dialect dialect, bool stream)
    {
        byte[] answer = [];
        var isCut = false;
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            var head = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\ncontent-type: {(stream ? "text/event-stream" : "application/json")}\r\ncontent-length: {answer.Length + (isCut ? 1 : 0)}\r\n\r\n");
            await exchange.SendAsync([.. head, .. answer]);
            if (isCut)
                exchange.Close();
        });
        var settings = new ProviderOptions
        {
            Dialect = dialect,
            Retry = new RetryOptions { Network = 0, Unavailable = 0, RateLimited = 0 },
            Breaker = new BreakerOptions { FailureRatio = 1, MinimumRequests = 100_000 },
        };
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(settings, upstream));
        var deployment = gateway.Tables.Current.Find("fast")!.Deployments[0];
        await RandomSchedule.RunAsync(500, async random =>
        {
            if (client == "responses")
                deployment.State.Provider.Responses.Set();
            deployment.State.Key.Refusal.Clear();
            isCut = random.Next(4) == 0;
            answer = Spoil(dialect, stream, random);
            var (operation, body) = Clients[client];
            var got = await gateway.SendAsync(body + (stream ? ",\"stream\":true}" : "}"), operation);
            try
            {
                Check(got, operation, stream, isCut);
            }
            catch (Exception wrong)
            {
                throw new InvalidOperationException($"{wrong.Message}\nprovider: {Encoding.Latin1.GetString(answer)}\nclient: {got.Text}", wrong);
            }
        });
    }

    private static byte[] Spoil(Dialect dialect, bool stream, Random random)
    {
        var isChat = dialect == Dialect.OpenAI;
        var inTree = random.Next(2) == 0;
        if (!stream)
        {
            var whole = isChat ? Chat : Message;
            return inTree ? Encoding.UTF8.GetBytes(Mutations.Json(whole, random)) : Mutations.Bytes(Encoding.UTF8.GetBytes(whole), random);
        }

        var events = (isChat ? ChatEvents.Select(data => ("", data)) : MessageEvents.Select(data => ($"event: {JsonNode.Parse(data)!["type"]}\n", data))).ToList();
        for (var count = inTree ? random.Next(1, 4) : 0; count > 0; count--)
        {
            var at = random.Next(events.Count);
            var (name, data) = events[at];
            switch (random.Next(5))
            {
                case 0:
                    events.RemoveAt(at);
                    break;
                case 1:
                    events.Insert(random.Next(events.Count), events[at]);
                    break;
                case var _ when (isChat ? ChatEvents : MessageEvents).Contains(data) && data != "[DONE]":
                    events[at] = (name, Mutations.Json(data, random));
                    break;
            }
        }

        var text = string.Concat(events.Select(one => $"{one.Item1}{string.Concat(one.data.Split('\n').Select(line => $"data: {line}\n"))}\n"));
        return inTree ? Encoding.UTF8.GetBytes(text) : Mutations.Bytes(Encoding.UTF8.GetBytes(text), random);
    }

    private static void Check(TestAnswer got, Operation operation, bool stream, bool isCut)
    {
        if (got.Head is null)
        {
            got.Report.Error.ShouldNotBeNull();
            got.Report.Error.Status.ShouldBeOneOf(400, 404, 429, 500, 502, 503);
            got.Report.Error.Code.ShouldNotBe("internal_error");
            return;
        }

        if (got.Status != 200)
        {
            // An error that the client made, by the status in its code: the provider's own words.
            got.Status.ShouldBeInRange(400, 499);
            return;
        }

        got.Text.ShouldNotContain("\ufffd", Case.Sensitive, "no text");
        if (!stream)
        {
            isCut.ShouldBeFalse();
            JsonDocument.Parse(got.Text, new() { MaxDepth = 400 }).RootElement.TryGetProperty(operation == Operation.ChatCompletions ? "choices" : operation == Operation.Messages ? "content" : "output", out _).ShouldBeTrue();
            return;
        }

        got.Text.ShouldEndWith("\n\n");
        var events = got.Text[..^2].Split("\n\n");
        foreach (var one in events)
        {
            var lines = one.Split('\n');
            lines[^1].ShouldStartWith("data: ");
            (lines.Length == 1 || (lines.Length == 2 && lines[0].StartsWith("event: ", StringComparison.Ordinal))).ShouldBeTrue(one);
            if (lines[^1] != "data: [DONE]")
                JsonDocument.Parse(lines[^1][6..], new() { MaxDepth = 400 }).Dispose();
        }

        var isWhole = events.Count(one => IsEnd(one, operation));
        var isError = events.Count(one => one.StartsWith("event: error\n", StringComparison.Ordinal) || one.StartsWith("data: {\"error\":", StringComparison.Ordinal));
        (isWhole + isError).ShouldBe(1, "one terminator, or one error");
        (IsEnd(events[^1], operation) ? isWhole : isError).ShouldBe(1, "nothing comes after it");
        (got.Report.FailedBy is null).ShouldBe(isWhole == 1 && !events[^1].StartsWith("event: response.failed", StringComparison.Ordinal), got.Report.FailedBy);
    }

    private static bool IsEnd(string one, Operation operation) => operation.StreamEnd switch
    {
        StreamEnd.Done => one == "data: [DONE]",
        StreamEnd.MessageStop => one.StartsWith("event: message_stop\n", StringComparison.Ordinal),
        _ => one.StartsWith("event: response.completed\n", StringComparison.Ordinal) || one.StartsWith("event: response.incomplete\n", StringComparison.Ordinal) || one.StartsWith("event: response.failed\n", StringComparison.Ordinal),
    };
}
