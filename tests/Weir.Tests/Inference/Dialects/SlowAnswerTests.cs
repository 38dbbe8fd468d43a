using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Providers that trickle, and then fall silent, for clients of either dialect.</summary>
public sealed class SlowAnswerTests
{
    private static readonly ProviderOptions Bounded = new()
    {
        Timeouts = new TimeoutOptions { Idle = TimeSpan.FromSeconds(10), Total = TimeSpan.FromSeconds(25) },
        Retry = new RetryOptions { Network = 0, Unavailable = 0 },
    };

    public static TheoryData<string, Dialect> Pairs { get; } = new()
    {
        { "chat", Dialect.OpenAI }, { "chat", Dialect.Anthropic }, { "messages", Dialect.OpenAI }, { "messages", Dialect.Anthropic }, { "responses", Dialect.OpenAI }, { "responses", Dialect.Anthropic },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Body_ThatTrickles_EndsWithItsTotalTime(string client, Dialect dialect)
    {
        var more = new SemaphoreSlim(0);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{");
            while (true)
            {
                await more.WaitAsync();
                await exchange.SendAsync(" ");
            }
        });
        await using var gateway = Harness(upstream, dialect);

        var running = SendAsync(gateway, client, stream: false);
        for (var i = 0; i < 2; i++)
        {
            while (gateway.Time.NextTimer != TimeSpan.FromSeconds(10))
                await Task.Delay(5);
            gateway.Time.Advance(TimeSpan.FromSeconds(9));
            running.IsCompleted.ShouldBeFalse();
            more.Release();
        }

        await gateway.ElapseAsync(TimeSpan.FromSeconds(7));
        var answer = await running;

        answer.Head.ShouldBeNull();
        answer.Report.Error!.Status.ShouldBeOneOf(502, 503, 504);
        answer.Report.Error.Message.ShouldContain("did not answer within");
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Stream_ThatFallsSilent_EndsInTheClientsErrorEvent(string client, Dialect dialect)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(dialect == Dialect.OpenAI ? "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"}}]}\n\n"
                : "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"1\"}}\n\n");
            foreach (var letter in ": still thinking\n\ndata: {")
                await exchange.ChunkAsync(letter.ToString());
            await exchange.ClosedByGatewayAsync();
        });
        await using var gateway = Harness(upstream, dialect);

        var answer = await gateway.RunAsync(SendAsync(gateway, client, stream: true));

        answer.Report.FailedBy.ShouldBe("stream_silent");
        answer.Text.ShouldEndWith("}\n\n");
        answer.Text.ShouldContain(client == "chat" ? "data: {\"error\":{" : "event: error\ndata: {\"type\":\"error\",");
    }

    private static GatewayHarness Harness(ScriptedUpstream upstream, Dialect dialect)
    {
        var gateway = new GatewayHarness(GatewayHarness.RouteOf(Bounded with { Dialect = dialect }, upstream));
        gateway.Tables.Current.Find("fast")!.Deployments[0].State.Provider.Responses.Set();
        return gateway;
    }

    private static Task<TestAnswer> SendAsync(GatewayHarness gateway, string client, bool stream)
    {
        var last = stream ? ",\"stream\":true}" : "}";
        return client switch
        {
            "chat" => gateway.SendAsync("""{"model":"fast","messages":[{"role":"user","content":"hi"}]""" + last, Operation.ChatCompletions),
            "messages" => gateway.SendAsync("""{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]""" + last, Operation.Messages),
            _ => gateway.SendAsync("""{"model":"fast","input":"hi" """ + last, Operation.Responses),
        };
    }
}
