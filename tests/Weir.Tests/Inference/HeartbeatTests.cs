using System.IO.Pipelines;
using System.Text;
using Weir.Inference;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference;

public sealed class HeartbeatTests
{
    private const string Beat = ": heartbeat\n\n";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private static InferenceOptions Route(params ScriptedUpstream[] upstreams)
    {
        var options = GatewayHarness.Route(upstreams);
        return options with { Routes = new Dictionary<string, RouteOptions> { ["fast"] = options.Routes["fast"] with { Heartbeat = new Rhythm(Every) } } };
    }

    private static async Task BeatAsync(GatewayHarness gateway, int count = 1)
    {
        for (var i = 0; i < count; i++)
        {
            await gateway.ElapseAsync(Every);
        }
    }

    // Reads exactly this much, and that it is this.
    private static async Task ReadToAsync(TestAnswer answer, string expected)
    {
        var read = await answer.Reader.ReadAtLeastAsync(expected.Length);
        Encoding.UTF8.GetString(read.Buffer).ShouldBe(expected);
        answer.Reader.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task RunAsync_ProviderThinks_ClientHearsABeatAndThenTheAnswerAlone()
    {
        var think = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await think.Task;
            await exchange.BeginStreamAsync("x-ratelimit-remaining-requests: 5");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var running = gateway.StreamAsync();
        await BeatAsync(gateway, 3);
        await gateway.Begun;
        think.SetResult();
        var answer = await running;

        answer.Text.ShouldBe(Beat + Beat + Beat + "data: [DONE]\n\n");
        answer.Head!.Value.ContentType.ShouldBe("text/event-stream");
        answer.Head.Value.Report.Deployment.ShouldBeNull("who answers was not known");
        answer.Report.Deployment.ShouldBe("a/real-model");
        answer.Report.Status.ShouldBe(200);
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Fact]
    public async Task RunAsync_AnswersBeforeTheFirstBeat_IsByteForByteWithItsHeaders()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync("x-ratelimit-remaining-requests: 5");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.StreamAsync();

        answer.Text.ShouldBe("data: [DONE]\n\n");
        answer.Head!.Value.Report.Deployment.ShouldBe("a/real-model");
        answer.Head.Value.Passed.ShouldNotBeNull();
    }

    [Fact]
    public async Task RunAsync_SilenceInTheMiddleOfAnEvent_WaitsForItsBorder()
    {
        var go = new SemaphoreSlim(0);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync("event: x\n");
            await exchange.ChunkAsync("data: {}\n");
            await go.WaitAsync();
            await exchange.ChunkAsync("\n");
            await go.WaitAsync();
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var body = Encoding.UTF8.GetBytes("""{"model":"fast","stream":true}""");
        RequestHeadScanner.Scan(body, out var head);
        var answer = new TestAnswer();
        var running = gateway.Get<InferencePipeline>().RunAsync(
            new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = body, Tenant = "t" }, answer, default);
        await ReadToAsync(answer, "event: x\ndata: {}\n");
        await BeatAsync(gateway, 2);
        go.Release();
        await ReadToAsync(answer, "\n");
        await BeatAsync(gateway);
        await ReadToAsync(answer, Beat);
        go.Release();
        await running;
        answer.Text.ShouldBe("data: [DONE]\n\n");
    }

    [Fact]
    public async Task RunAsync_FailsAfterABeat_GoesElsewhereAsBefore()
    {
        var think = new TaskCompletionSource();
        await using var bad = new ScriptedUpstream(async exchange =>
        {
            await think.Task;
            await exchange.RespondAsync(503, "{}");
        });
        await using var good = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(Route(bad, good));

        var running = gateway.StreamAsync();
        await BeatAsync(gateway);
        await gateway.Begun;
        think.SetResult();
        var answer = await running;

        answer.Text.ShouldBe(Beat + "data: [DONE]\n\n");
        answer.Report.Attempts.ShouldBe(2);
    }

    [Theory]
    [InlineData("/chat/completions", "data: {\"error\":{\"message\":\"The provider answered 400: no\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"provider_rejected\"}}\n\n")]
    [InlineData("/responses", "event: error\ndata: {\"type\":\"error\",\"code\":\"provider_rejected\",\"message\":\"The provider answered 400: no\",\"param\":null,\"error\":{\"message\":\"The provider answered 400: no\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"provider_rejected\"}}\n\n")]
    public async Task RunAsync_ProviderRefusesAfterABeat_IsAnErrorEventOfTheDialect(string path, string expected)
    {
        var think = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await think.Task;
            await exchange.RespondAsync(400, """{"error":{"message":"no","type":"t","code":"c"}}""");
        });
        await using var gateway = new GatewayHarness(Route(upstream));

        var running = gateway.SendAsync("""{"model":"fast","stream":true}""", Operation.All.Single(operation => operation.Path == path));
        await BeatAsync(gateway);
        await gateway.Begun;
        think.SetResult();
        var answer = await running;

        answer.Text.ShouldBe(Beat + expected);
        answer.Report.Error.ShouldBeNull();
        answer.Report.Status.ShouldBe(200);
        answer.Report.FailedBy.ShouldBe("client");
    }

    [Fact]
    public async Task RunAsync_NobodyIsLeftAfterABeat_IsAnErrorEvent()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.ClosedByGatewayAsync());
        await using var gateway = new GatewayHarness(Route(upstream));

        var running = gateway.StreamAsync(timeout: TimeSpan.FromSeconds(12));
        await BeatAsync(gateway, 2);
        await gateway.ElapseAsync(TimeSpan.FromSeconds(2));
        var answer = await running;

        answer.Text.ShouldStartWith(Beat + Beat + "data: {\"error\":{\"message\":\"The deadline passed");
        answer.Report.Error.ShouldBeNull();
        answer.Report.FailedBy.ShouldBe("deadline_exceeded");
    }

    [Fact]
    public async Task RunAsync_RefusedBeforeABeat_HasAStatusOfItsOwn()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(400, """{"error":{"message":"no"}}"""));
        await using var gateway = new GatewayHarness(Route(upstream));

        var answer = await gateway.StreamAsync();

        answer.Status.ShouldBe(400);
        answer.Text.ShouldBe("""{"error":{"message":"no"}}""");
    }

    [Fact]
    public async Task RunAsync_Queueing_IsASilenceToo()
    {
        await using var upstream = new ScriptedUpstream(
            exchange => exchange.RespondAsync(429, "{}", "retry-after: 11"),
            async exchange =>
            {
                await exchange.BeginStreamAsync();
                await exchange.EventAsync("[DONE]");
                await exchange.EndAsync();
            });
        await using var gateway = new GatewayHarness(Route(upstream));

        var running = gateway.StreamAsync();
        var lane = gateway.Tables.Current.Find("fast")!.Deployments[0].State.Lane;
        await Eventually.TrueAsync(() => lane.PausedFor > TimeSpan.Zero && lane.Queued > 0);

        await BeatAsync(gateway, 2);
        await gateway.ElapseAsync(TimeSpan.FromSeconds(1));

        (await running).Text.ShouldBe(Beat + Beat + "data: [DONE]\n\n");
    }

    [Fact]
    public async Task RunAsync_ClientLeavesWhileItBeats_Ends()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.ClosedByGatewayAsync());
        await using var gateway = new GatewayHarness(Route(upstream));
        using var gone = new CancellationTokenSource();

        var running = gateway.StreamAsync(clientGone: gone.Token);
        await BeatAsync(gateway);
        await upstream.ReceivedAsync();
        await gone.CancelAsync();

        (await running).Report.FailedBy.ShouldBe("client_left");
        gateway.Time.NextTimer.ShouldBeNull("nothing beats any more");
    }

    [Fact]
    public async Task Write_BeatsAtAnyMoment_NeverTearsAnEvent() => await RandomSchedule.RunAsync(20, async random =>
    {
        var time = new ManualTimeProvider();
        var inner = new TestAnswer();
        using var answer = new HeartbeatAnswer(inner, inner, Operation.ChatCompletions, TimeSpan.FromSeconds(1), time, default);
        using var stop = new CancellationTokenSource();
        var clock = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
            }
        });
        var sent = new StringBuilder();
        answer.Begin(new AnswerHead(200, "text/event-stream", null, new InferenceReport()));
        for (var i = 0; i < 300; i++)
        {
            var text = $"data: {i}\n" + (i == 299 || random.Next(3) > 0 ? "\n" : "");
            sent.Append(text);
            await answer.Body.WriteAsync(Encoding.UTF8.GetBytes(text));
            if (random.Next(4) == 0)
            {
                await Task.Yield();
            }
        }

        await stop.CancelAsync();
        await clock;
        (await answer.EndAsync(null)).ShouldBeNull();
        inner.Finish();

        inner.Text.Replace(Beat, "", StringComparison.Ordinal).ShouldBe(sent.ToString());
        foreach (var part in inner.Text.Split(Beat)[..^1])
        {
            (part.Length == 0 || part.EndsWith("\n\n", StringComparison.Ordinal)).ShouldBeTrue(part);
        }
    });
}
