using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Every client operation that converses, at providers of both dialects, streamed and not, through the whole pipeline.</summary>
public sealed class DialectMatrixTests
{
    private const string Chat = """{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":103,"completion_tokens":5,"total_tokens":108,"prompt_tokens_details":{"cached_tokens":100}}}""";
    private const string Message = """{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":5}}""";

    private const string ChatStream =
        """
        data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":"hel"}}]}

        data: {"id":"c1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}

        data: {"id":"c1","choices":[],"usage":{"prompt_tokens":103,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":100}}}

        data: [DONE]


        """;

    private const string MessageStream =
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":1}}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hel"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    private static readonly Dictionary<string, (Operation Operation, string Body, string Last)> Clients = new()
    {
        ["chat"] = (Operation.ChatCompletions, """{"model":"fast","messages":[{"role":"user","content":"hi"}]}""", "data: [DONE]\n\n"),
        ["messages"] = (Operation.Messages, """{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}""", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        ["responses"] = (Operation.Responses, """{"model":"fast","input":"hi"}""", "\n\n"),
    };

    private static async Task<(TestAnswer Answer, ReceivedRequest Sent)> AskAsync(string client, Dialect dialect, bool stream)
    {
        var isChat = dialect == Dialect.OpenAI;
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            if (exchange.Request.Path.EndsWith("/responses", StringComparison.Ordinal))
            {
                await exchange.RespondAsync(404, """{"detail":"Not Found"}""");
                return;
            }

            if (!stream)
            {
                await exchange.RespondAsync(200, isChat ? Chat : Message);
                return;
            }

            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(isChat ? ChatStream : MessageStream);
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Dialect = dialect }, upstream));
        var (operation, body, _) = Clients[client];
        var answer = await gateway.SendAsync(stream ? body[..^1] + ",\"stream\":true}" : body, operation);
        return (answer, upstream.Requests.Last());
    }

    [Theory]
    [InlineData("chat", Dialect.OpenAI)]
    [InlineData("chat", Dialect.Anthropic)]
    [InlineData("messages", Dialect.OpenAI)]
    [InlineData("messages", Dialect.Anthropic)]
    [InlineData("responses", Dialect.OpenAI)]
    [InlineData("responses", Dialect.Anthropic)]
    public async Task Ask_AnyDialectOfAny_IsAnsweredInTheClients(string client, Dialect dialect)
    {
        var (answer, sent) = await AskAsync(client, dialect, stream: false);

        answer.Report.Error.ShouldBeNull(answer.Report.Error?.Message);
        answer.Status.ShouldBe(200);
        sent.Path.ShouldBe(dialect == Dialect.OpenAI ? "/v1/chat/completions" : "/v1/messages");
        var body = JsonNode.Parse(answer.Text)!;
        var text = client switch
        {
            "chat" => body["choices"]![0]!["message"]!["content"],
            "messages" => body["content"]![0]!["text"],
            _ => body["output"]!.AsArray().Single(item => (string)item!["type"]! == "message")!["content"]![0]!["text"],
        };
        ((string)text!).ShouldBe("hello");
        answer.Report.Usage.ShouldBe(new(103, 5) { CachedInput = 100 });
    }

    [Theory]
    [InlineData("chat", Dialect.OpenAI)]
    [InlineData("chat", Dialect.Anthropic)]
    [InlineData("messages", Dialect.OpenAI)]
    [InlineData("messages", Dialect.Anthropic)]
    [InlineData("responses", Dialect.OpenAI)]
    [InlineData("responses", Dialect.Anthropic)]
    public async Task Stream_AnyDialectOfAny_IsTheClients(string client, Dialect dialect)
    {
        var (answer, _) = await AskAsync(client, dialect, stream: true);

        answer.Report.Error.ShouldBeNull(answer.Report.Error?.Message);
        answer.Report.FailedBy.ShouldBeNull();
        answer.Text.ShouldContain("hel");
        answer.Text.ShouldEndWith(Clients[client].Last);
        answer.Report.Usage.ShouldBe(new(103, 5) { CachedInput = 100 });
    }

    [Theory]
    [InlineData("chat", Dialect.Anthropic, "data: {\"error\":")]
    [InlineData("messages", Dialect.OpenAI, "event: error\ndata: {\"type\":\"error\",\"error\":{")]
    [InlineData("responses", Dialect.Anthropic, "event: error\ndata: {\"type\":\"error\",\"code\":")]
    public async Task Stream_ThatBreaksOff_EndsInTheClientsErrorEvent(string client, Dialect dialect, string error)
    {
        var whole = dialect == Dialect.OpenAI ? ChatStream : MessageStream;
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(whole[..whole.IndexOf("\"lo\"", StringComparison.Ordinal)]);
            exchange.Reset();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Dialect = dialect }, upstream));
        var (operation, body, _) = Clients[client];

        var answer = await gateway.SendAsync(body[..^1] + ",\"stream\":true}", operation);

        answer.Text.ShouldContain(error);
        answer.Report.FailedBy.ShouldBe("stream_broken");
    }
}
