using System.IO.Pipelines;
using System.Text;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference;

public sealed class StreamUsageTests
{
    private const string Content = """{"choices":[{"delta":{"content":"hi"}}],"usage":null}""";
    private const string Count = """{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}""";

    private static async Task Counting(Exchange exchange)
    {
        await exchange.BeginStreamAsync();
        await exchange.EventAsync(Content);
        await exchange.EventAsync(Count);
        await exchange.EventAsync("[DONE]");
        await exchange.EndAsync();
    }

    [Theory]
    [InlineData("""{"model":"fast","stream":true}""", """{"model":"real-model","stream_options":{"include_usage":true},"stream":true}""")]
    [InlineData("""{"stream":true,"stream_options":null,"model":"fast"}""", """{"stream":true,"stream_options":{"include_usage":true},"model":"real-model"}""")]
    [InlineData("""{"stream":true,"model":"fast","stream_options":{ }}""", """{"stream":true,"model":"real-model","stream_options":{"include_usage":true }}""")]
    [InlineData("""{"stream":true,"model":"fast","stream_options":{ "x":[1]}}""", """{"stream":true,"model":"real-model","stream_options":{"include_usage":true, "x":[1]}}""")]
    [InlineData("""{"stream":true,"model":"fast","stream_options":{"x":1,"include_usage" : false}}""", """{"stream":true,"model":"real-model","stream_options":{"x":1,"include_usage" : true}}""")]
    public async Task RunAsync_ClientDidNotAsk_WeirAsksAndKeepsTheCount(string body, string sent)
    {
        await using var upstream = new ScriptedUpstream(Counting);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync(body, Operation.ChatCompletions);

        upstream.Requests.ShouldHaveSingleItem().Body.ShouldBe(sent);
        answer.Text.ShouldBe($"data: {Content}\n\ndata: [DONE]\n\n");
        answer.Report.Usage.ShouldBe(new(3, 2));
    }

    [Theory]
    [InlineData("""{"model":"fast","stream":true,"stream_options":{"include_usage":true}}""")]
    [InlineData("""{"model":"fast","stream":true,"stream_options":"odd"}""")]
    [InlineData("""{"model":"fast","stream":true,"stream_options":{"include_usage":"odd"}}""")]
    public async Task RunAsync_ClientAskedOrIsWrong_NothingIsChanged(string body)
    {
        await using var upstream = new ScriptedUpstream(Counting);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync(body, Operation.ChatCompletions);

        upstream.Requests.ShouldHaveSingleItem().Body.ShouldBe(body.Replace("fast", "real-model", StringComparison.Ordinal));
        answer.Text.ShouldBe($"data: {Content}\n\ndata: {Count}\n\ndata: [DONE]\n\n");
    }

    [Fact]
    public async Task RunAsync_ProviderThatDoesNotKnowTheField_IsNotAskedAndItsStreamIsEstimated()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[{"delta":{"content":"eight by"}}]}""");
            await exchange.EventAsync("""{"choices":[{"delta":{"content":"tes"}}]}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { UsageInStream = false }, upstream));
        const string Body = """{"model":"fast","stream":true}""";

        var answer = await gateway.SendAsync(Body, Operation.ChatCompletions);

        upstream.Requests.ShouldHaveSingleItem().Body.ShouldNotContain("stream_options");
        answer.Report.Usage.ShouldBe(new(Body.Length / 4, 3) { IsEstimated = true });
    }

    [Fact]
    public async Task RunAsync_WithoutStream_IsNotAsked()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        await gateway.ChatAsync();

        upstream.Requests.ShouldHaveSingleItem().Body.ShouldNotContain("stream_options");
    }

    [Fact]
    public async Task RunAsync_ClientLeavesInTheMiddle_WhatWentByIsAccounted()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[{"delta":{"content":"forty bytes of an answer, in one event.."}}]}""");
            await exchange.ClosedByGatewayAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        using var gone = new CancellationTokenSource();
        var body = Encoding.UTF8.GetBytes("""{"model":"fast","stream":true}""");
        RequestHeadScanner.Scan(body, out var head);
        var answer = new TestAnswer();
        var running = gateway.Get<Weir.Inference.InferencePipeline>().RunAsync(
            new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = body, Tenant = "t" }, answer, gone.Token);
        var read = await answer.Reader.ReadAsync();
        answer.Reader.AdvanceTo(read.Buffer.End);
        await gone.CancelAsync();

        var report = await running;

        report.FailedBy.ShouldBe("client_left");
        report.Usage.ShouldBe(new(body.Length / 4, 10) { IsEstimated = true });
    }
}
