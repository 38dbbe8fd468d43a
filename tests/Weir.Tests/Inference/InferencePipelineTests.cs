using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference;

public sealed class InferencePipelineTests
{
    private static readonly Func<Exchange, Task> Ok = exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer);

    private static Func<Exchange, Task> Status(int status, params string[] headers) =>
        exchange => exchange.RespondAsync(status, """{"error":{"message":"no","type":"t","code":"c"}}""", headers);

    private static async Task StreamOk(Exchange exchange)
    {
        await exchange.BeginStreamAsync();
        await exchange.EventAsync("""{"choices":[{"delta":{"content":"hel"}}]}""");
        await exchange.EventAsync("""{"choices":[{"delta":{"content":"lo"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}""");
        await exchange.EventAsync("[DONE]");
        await exchange.EndAsync();
    }

    private static Task Reset(Exchange exchange)
    {
        exchange.Reset();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task RunAsync_PlainAnswer_PassesBytesOnWithOnlyTheModelReplaced()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.ChatAsync(""", "odd" : [1,  2.50, {"é":null}]""");

        answer.Text.ShouldBe(ScriptedUpstream.Answer);
        answer.Status.ShouldBe(200);
        var request = upstream.Requests.ShouldHaveSingleItem();
        request.Path.ShouldBe("/v1/chat/completions");
        request.Body.ShouldBe("""{"model":"real-model","messages":[], "odd" : [1,  2.50, {"é":null}]}""");
        request.Headers["authorization"].ShouldBe("Bearer sk-secret-a");
        request.Headers["accept-encoding"].ShouldBe("identity");
        answer.Report.Usage.ShouldBe(new(3, 5));
        answer.Report.Deployment.ShouldBe("a/real-model");
        answer.Report.Attempts.ShouldBe(1);
    }

    [Theory]
    [InlineData("/completions", nameof(Operation.Completions))]
    [InlineData("/responses", nameof(Operation.Responses))]
    [InlineData("/embeddings", nameof(Operation.Embeddings))]
    public async Task RunAsync_EachOperation_GoesToItsOwnPath(string path, string name)
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        await gateway.SendAsync("""{"input":"x","model":"fast"}""", Operation.All.Single(operation => operation.Path == path));

        upstream.Requests.ShouldHaveSingleItem().Path.ShouldBe("/v1" + path, name);
    }

    [Fact]
    public async Task RunAsync_Stream_PassesEventsOnAndReadsUsage()
    {
        await using var upstream = new ScriptedUpstream(StreamOk);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.StreamAsync();

        answer.Text.ShouldBe(
            "data: {\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n" +
            "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n");
        answer.Report.Usage.ShouldBe(new(3, 2));
        answer.Report.FailedBy.ShouldBeNull();
    }

    [Fact]
    public async Task RunAsync_Stream_EachEventReachesTheClientBeforeTheNextIsSent()
    {
        var seen = new SemaphoreSlim(0);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            for (var i = 0; i < 5; i++)
            {
                await exchange.EventAsync($$"""{"n":{{i}}}""");
                (await seen.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBeTrue();
            }

            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var body = System.Text.Encoding.UTF8.GetBytes("""{"model":"fast","stream":true}""");
        RequestHeadScanner.Scan(body, out var head);
        var answer = new TestAnswer();

        var running = gateway.Get<Weir.Inference.InferencePipeline>().RunAsync(
            new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = body, Tenant = "t" }, answer, default);
        for (var i = 0; i < 5; i++)
        {
            var read = await answer.Reader.ReadAsync();
            System.Text.EncodingExtensions.GetString(System.Text.Encoding.UTF8, read.Buffer).ShouldBe($"data: {{\"n\":{i}}}\n\n");
            answer.Reader.AdvanceTo(read.Buffer.End);
            seen.Release();
        }

        (await running).FailedBy.ShouldBeNull();
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(529)]
    [InlineData(408)]
    public async Task RunAsync_FirstDeploymentUnavailable_GoesToTheNextAtOnce(int status)
    {
        await using var bad = new ScriptedUpstream(Status(status));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        var answer = await gateway.ChatAsync();

        answer.Text.ShouldBe(ScriptedUpstream.Answer);
        answer.Report.Attempts.ShouldBe(2);
        answer.Report.Deployment.ShouldBe("b/real-model");
        gateway.Time.Elapsed.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task RunAsync_ConnectionReset_GoesToTheNextAtOnce()
    {
        await using var bad = new ScriptedUpstream(Reset);
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
    }

    [Fact]
    public async Task RunAsync_OnlyDeploymentUnavailable_TriesAgainASecondApart()
    {
        await using var upstream = new ScriptedUpstream(Status(503), Status(500), Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.RunAsync(gateway.ChatAsync());

        answer.Status.ShouldBe(200);
        answer.Report.Attempts.ShouldBe(3);
        gateway.Time.Elapsed.ShouldBe(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task RunAsync_OnlyDeploymentUnavailableForEver_GivesUpAfterFiveRetries()
    {
        await using var upstream = new ScriptedUpstream(Status(503));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.RunAsync(gateway.ChatAsync());

        upstream.Requests.Count.ShouldBe(6);
        answer.Report.Error!.Status.ShouldBe(503);
        answer.Report.Error.Code.ShouldBe("provider_unavailable");
        answer.Report.Error.Message.ShouldContain("'a'");
        answer.Text.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_NetworkFailsForEver_GivesUpAfterThreeRetriesWithJitteredBackoff()
    {
        await using var upstream = new ScriptedUpstream(Reset);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.RunAsync(gateway.ChatAsync());

        upstream.Requests.Count.ShouldBe(4);
        answer.Report.Error!.Code.ShouldBe("provider_unreachable");
        gateway.Time.Elapsed.ShouldBeInRange(TimeSpan.Zero, TimeSpan.FromMilliseconds(100 + 200 + 400));
    }

    [Fact]
    public async Task RunAsync_RateLimited_PausesTheDeploymentForRetryAfter()
    {
        await using var upstream = new ScriptedUpstream(Status(429, "retry-after: 7"), Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.RunAsync(gateway.ChatAsync());

        answer.Status.ShouldBe(200);
        answer.Report.Attempts.ShouldBe(2);
        gateway.Time.Elapsed.ShouldBe(TimeSpan.FromSeconds(7));
    }

    [Fact]
    public async Task RunAsync_RateLimitedWithAnotherDeployment_GoesThereAndLeavesThePausedAlone()
    {
        await using var busy = new ScriptedUpstream(Status(429, "retry-after: 30"));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(busy, good));

        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
        (await gateway.ChatAsync()).Report.Attempts.ShouldBe(1);

        busy.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_LaneIsPausedWhileOthersWaitInIt_SendsThemElsewhereAtOnce()
    {
        var busy = new TaskCompletionSource();
        await using var paused = new ScriptedUpstream(async exchange =>
        {
            await busy.Task;
            await exchange.RespondAsync(429, "{}", "retry-after: 30");
        });
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Limits = new LimitOptions { MaxConcurrency = 1 } }, paused, good));

        var first = gateway.ChatAsync();
        await paused.ReceivedAsync();
        var waiting = gateway.ChatAsync();
        gateway.Tables.Current.Find("fast")!.Deployments[0].State.Lane.Queued.ShouldBe(1);
        busy.SetResult();

        (await first).Report.Deployment.ShouldBe("b/real-model");
        (await waiting).Report.Deployment.ShouldBe("b/real-model");
        gateway.Time.Elapsed.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task RunAsync_PausePastTheDeadline_IsAnsweredAtOnce()
    {
        await using var upstream = new ScriptedUpstream(Status(429, "retry-after: 60"));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.ChatAsync(timeout: TimeSpan.FromSeconds(20));

        answer.Report.Error!.Status.ShouldBe(429);
        answer.Report.Error.RetryAfter.ShouldBe(TimeSpan.FromSeconds(60));
        gateway.Time.Elapsed.ShouldBe(TimeSpan.Zero);
    }

    [Theory]
    [InlineData(401, "no")]
    [InlineData(402, "no")]
    [InlineData(400, "API key not valid. Please pass a valid API key.")]
    public async Task RunAsync_KeyRefused_MarksTheKeyAndNeverTriesItForAMinute(int status, string message)
    {
        await using var bad = new ScriptedUpstream(exchange => exchange.RespondAsync(status, $$$"""{"error":{"message":"{{{message}}}"}}"""), Ok);
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        await gateway.ChatAsync();
        (await gateway.ChatAsync()).Report.Attempts.ShouldBe(1);
        bad.Requests.Count.ShouldBe(1);

        gateway.Time.Advance(TimeSpan.FromSeconds(61));
        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("a/real-model");
    }

    [Fact]
    public async Task RunAsync_EveryKeyRefused_SaysSoWithoutTheKeyAndForbidsRetry()
    {
        await using var bad = new ScriptedUpstream(exchange => exchange.RespondAsync(401, """{"error":{"message":"Incorrect API key provided: sk-secret-a"}}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad));

        var answer = await gateway.ChatAsync();

        answer.Report.Error!.Code.ShouldBe("provider_refused");
        answer.Report.Error.Status.ShouldBe(502);
        answer.Report.Error.ShouldRetry.ShouldBe(false);
        answer.Report.Error.Message.ShouldNotContain("sk-secret");
    }

    [Fact]
    public async Task RunAsync_InsufficientQuota_IsARefusalAndNotALimit()
    {
        await using var bad = new ScriptedUpstream(exchange => exchange.RespondAsync(429, """{"error":{"message":"m","code":"insufficient_quota"}}"""));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
        gateway.Tables.Current.Find("fast")!.Deployments[0].State.IsRefused.ShouldBeTrue();
    }

    [Fact]
    public async Task RunAsync_ModelAbsent_GoesToTheNextDeployment()
    {
        await using var bad = new ScriptedUpstream(Status(404));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(413)]
    [InlineData(422)]
    public async Task RunAsync_ClientAtFault_PassesTheAnswerOnAsItCame(int status)
    {
        const string said = """{"error":{"message":"bad tool","type":"invalid_request_error","param":"tools","code":null}}""";
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(status, said));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream, good));

        var answer = await gateway.ChatAsync();

        answer.Status.ShouldBe(status);
        answer.Text.ShouldBe(said);
        answer.Report.ClientAtFault.ShouldBeTrue();
        good.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_SilentBeforeTheFirstEvent_GoesToTheNextAndNeverHereAgain()
    {
        await using var silent = new ScriptedUpstream(exchange => exchange.ClosedByGatewayAsync());
        await using var good = new ScriptedUpstream(StreamOk);
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Timeouts = new TimeoutOptions { FirstByte = TimeSpan.FromSeconds(3) } }, silent, good));

        var running = gateway.StreamAsync();
        await silent.ReceivedAsync();
        await gateway.ElapseAsync(TimeSpan.FromSeconds(3));

        (await running).Report.Deployment.ShouldBe("b/real-model");
        silent.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_DeadlinePasses_IsAnsweredAsSuchAndCancelsTheProvider()
    {
        var closed = new TaskCompletionSource();
        await using var silent = new ScriptedUpstream(async exchange =>
        {
            await exchange.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(silent));

        var running = gateway.ChatAsync(timeout: TimeSpan.FromSeconds(5));
        await silent.ReceivedAsync();
        await gateway.ElapseAsync(TimeSpan.FromSeconds(5));
        var answer = await running;

        answer.Report.Error!.Status.ShouldBe(504);
        answer.Report.Error.Code.ShouldBe("deadline_exceeded");
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task RunAsync_DeadlinePassesInAStreamThatHasBegun_DoesNotCutIt()
    {
        var finish = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":1}""");
            await finish.Task;
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var running = gateway.StreamAsync(timeout: TimeSpan.FromSeconds(5));
        await Eventually.TrueAsync(() => gateway.Time.NextTimer == TimeSpan.FromSeconds(120));

        gateway.Time.Advance(TimeSpan.FromSeconds(30));
        finish.SetResult();

        (await running).Report.FailedBy.ShouldBeNull();
    }

    [Theory]
    [InlineData("data: {\"n\":2}\n\n", "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n")]
    [InlineData("data: {\"n\":2", "data: {\"n\":1}\n\n")]
    [InlineData("data: {\"n\":2}\n", "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n")]
    public async Task RunAsync_StreamIsCut_EndsWithAnErrorEventAndNeverHalfAnEvent(string last, string whole)
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":1}""");
            await exchange.ChunkAsync(last);
            exchange.Close();
        });
        await using var other = new ScriptedUpstream(StreamOk);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream, other));

        var answer = await gateway.StreamAsync();

        answer.Text.ShouldStartWith(whole + "data: {\"error\":{\"message\":\"");
        answer.Text.ShouldContain("\"code\":\"stream_broken\"");
        answer.Text.ShouldNotContain("[DONE]");
        answer.Report.FailedBy.ShouldBe("stream_broken");
        other.Requests.ShouldBeEmpty("nothing is tried again once a byte of the answer went to the client");
    }

    [Fact]
    public async Task RunAsync_StreamEndsWellButWithoutItsTerminator_IsReportedInside()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":1}""");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        (await gateway.StreamAsync()).Text.ShouldContain("\"code\":\"stream_broken\"");
    }

    [Fact]
    public async Task RunAsync_StreamFallsSilent_IsReportedInsideAfterTheIdleTimeout()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":1}""");
            await exchange.ClosedByGatewayAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Timeouts = new TimeoutOptions { Idle = TimeSpan.FromSeconds(20) } }, upstream));

        var running = gateway.StreamAsync();
        await gateway.ElapseAsync(TimeSpan.FromSeconds(20));

        (await running).Text.ShouldContain("\"code\":\"stream_silent\"");
    }

    [Fact]
    public async Task RunAsync_ResponsesStreamIsCut_EndsInThatDialectsErrorEvent()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync("event: response.created\ndata: {\"type\":\"response.created\"}\n\n");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fast","stream":true,"input":"x"}""", Operation.Responses);

        answer.Text.ShouldContain("event: error\ndata: {\"type\":\"error\",\"code\":\"stream_broken\"");
        answer.Text.ShouldContain(",\"error\":{\"message\":");
    }

    [Fact]
    public async Task RunAsync_ErrorEventComesFirst_IsAFailureOfTheProviderAndNotAnAnswer()
    {
        await using var bad = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.ChunkAsync(": thinking\n\n");
            await exchange.EventAsync("""{"error":{"message":"overloaded","code":503}}""");
            await exchange.EndAsync();
        });
        await using var good = new ScriptedUpstream(StreamOk);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        (await gateway.StreamAsync()).Report.Deployment.ShouldBe("b/real-model");
    }

    [Fact]
    public async Task RunAsync_AnswerBreaksOffBeforeTheClientSawAnyOfIt_GoesToTheNext()
    {
        await using var bad = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":");
            await Task.Delay(50);
            exchange.Reset();
        });
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        (await gateway.ChatAsync()).Text.ShouldBe(ScriptedUpstream.Answer);
    }

    [Fact]
    public async Task RunAsync_LargeAnswerBreaksOff_AbortsTheClientsConnection()
    {
        GatewayHarness? asked = null;
        await using var bad = new ScriptedUpstream(async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n{" + new string('x', 300_000));
            // A reset takes with it what has not been read.
            await asked!.Begun;
            exchange.Reset();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad));
        asked = gateway;

        var answer = await gateway.ChatAsync();

        answer.Aborted.ShouldBeTrue();
        answer.Report.FailedBy.ShouldBe("stream_broken");
    }

    [Fact]
    public async Task RunAsync_ClientLeavesWhileTheProviderThinks_CancelsTheProviderAtOnce()
    {
        var arrived = new TaskCompletionSource();
        var closed = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            arrived.SetResult();
            await exchange.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        using var client = new CancellationTokenSource();

        var running = gateway.ChatAsync(clientGone: client.Token);
        await arrived.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await client.CancelAsync();

        (await running).Report.Status.ShouldBe(499);
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        gateway.Tables.Current.Find("fast")!.Deployments[0].State.Lane.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_ClientLeavesInAStream_CancelsTheProviderAtOnce()
    {
        var closed = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":1}""");
            await exchange.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        using var client = new CancellationTokenSource();

        var running = gateway.StreamAsync(clientGone: client.Token);
        await Eventually.TrueAsync(() => gateway.Time.NextTimer == TimeSpan.FromSeconds(120));

        await client.CancelAsync();

        (await running).Report.FailedBy.ShouldBe("client_left");
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task RunAsync_BreakerOpens_LeavesTheDeploymentAloneUntilItMayProbe()
    {
        await using var bad = new ScriptedUpstream([.. Enumerable.Repeat(Status(500), 10), Ok]);
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(bad, good));

        for (var i = 0; i < 15; i++)
        {
            (await gateway.ChatAsync()).Status.ShouldBe(200);
        }

        bad.Requests.Count.ShouldBe(10, "minimum_requests failures of ten open it");
        gateway.Time.Advance(TimeSpan.FromSeconds(16));
        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("a/real-model");
        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("a/real-model");
    }

    [Fact]
    public async Task RunAsync_OneRequestFailsAgainAndAgain_CountsOnceForTheBreaker()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.Request.Body.Contains("poison", StringComparison.Ordinal)
            ? exchange.RespondAsync(500, "{}")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        for (var i = 0; i < 4; i++)
        {
            (await gateway.RunAsync(gateway.ChatAsync(",\"x\":\"poison\""))).Report.Attempts.ShouldBe(6);
        }

        (await gateway.ChatAsync()).Status.ShouldBe(200);
    }

    [Fact]
    public async Task RunAsync_ModelThatItsProviderDoesNotHave_NamesNearOnes()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.Request.Path.EndsWith("/models", StringComparison.Ordinal)
            ? exchange.RespondAsync(200, """{"data":[{"id":"llama-3.1-8b"}]}""")
            : exchange.RespondAsync(404, """{"error":{"message":"no such model"}}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"a/llama-3.1-8"}""", Operation.ChatCompletions);

        answer.Report.Error!.Status.ShouldBe(404);
        answer.Report.Error.Message.ShouldContain("Did you mean a/llama-3.1-8b?");
    }

    [Fact]
    public async Task RunAsync_EveryBreakerOpen_RefusesANewRequestAtOnceAndSaysWhenToComeBack()
    {
        await using var bad = new ScriptedUpstream(Status(500));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Retry = new RetryOptions { Unavailable = 0 } }, bad));
        for (var i = 0; i < 10; i++)
        {
            await gateway.ChatAsync();
        }

        var answer = await gateway.ChatAsync();

        answer.Report.Error!.Code.ShouldBe("circuit_open");
        answer.Report.Error.RetryAfter!.Value.ShouldBeGreaterThan(TimeSpan.FromSeconds(10));
        bad.Requests.Count.ShouldBe(10);
    }

    [Fact]
    public async Task RunAsync_RetryBudgetSpent_DoesNotTryAgain()
    {
        await using var bad = new ScriptedUpstream(Status(503));
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Retry = new RetryOptions { Budget = 0, BudgetFloor = 2 } }, bad));

        await gateway.RunAsync(gateway.ChatAsync());

        bad.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task RunAsync_QueueIsFull_RefusesWithRetryAfter()
    {
        var release = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await release.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(
            new ProviderOptions { Limits = new LimitOptions { MaxConcurrency = 1, Queue = 1 } }, upstream));

        var first = gateway.ChatAsync();
        var second = gateway.ChatAsync();
        var third = await gateway.ChatAsync();

        third.Report.Error!.Status.ShouldBe(429);
        third.Report.Error.Code.ShouldBe("overloaded");
        third.Report.Error.RetryAfter!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        release.SetResult();
        (await first).Status.ShouldBe(200);
        (await second).Status.ShouldBe(200);
    }

    [Fact]
    public async Task RunAsync_UnknownModel_NamesNearOnes()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"data":[{"id":"llama-3.1-8b"}]}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"fats"}""", Operation.ChatCompletions);

        answer.Report.Error!.Status.ShouldBe(404);
        answer.Report.Error.Message.ShouldContain("Did you mean fast?");
    }

    [Fact]
    public async Task RunAsync_ModelThatOneProviderLists_GoesThere()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.Request.Path.EndsWith("/models", StringComparison.Ordinal)
            ? exchange.RespondAsync(200, """{"data":[{"id":"llama-3.1-8b"}]}""")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var answer = await gateway.SendAsync("""{"model":"llama-3.1-8b"}""", Operation.ChatCompletions);

        answer.Report.Deployment.ShouldBe("a/llama-3.1-8b");
        upstream.Requests.Last().Body.ShouldBe("""{"model":"llama-3.1-8b"}""");
    }

    [Fact]
    public async Task RunAsync_SeveralKeys_OneThatIsRefusedLeavesTheOthersInUse()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.Request.Headers["authorization"] == "Bearer bad"
            ? exchange.RespondAsync(401, "{}")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));
        await using var gateway = new GatewayHarness(new()
        {
            Providers = new Dictionary<string, ProviderOptions> { ["a"] = new() { BaseUrl = upstream.BaseUrl, ApiKeys = ["bad", "good"] } },
        });

        for (var i = 0; i < 20; i++)
        {
            (await gateway.SendAsync("""{"model":"a/x"}""", Operation.ChatCompletions)).Status.ShouldBe(200);
        }

        upstream.Requests.Count(request => request.Headers["authorization"] == "Bearer bad").ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task RunAsync_ManyRequests_ShareKeptConnections()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        for (var i = 0; i < 20; i++)
        {
            await gateway.ChatAsync();
        }

        upstream.Connections.ShouldBe(1);
    }

    [Fact]
    public async Task Apply_WhileARequestIsUnderWay_EndsItUnderTheOldTableAndServesTheNextUnderTheNew()
    {
        var release = new TaskCompletionSource();
        await using var old = new ScriptedUpstream(async exchange =>
        {
            await release.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        await using var fresh = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(old));

        var underWay = gateway.ChatAsync();
        await old.ReceivedAsync();

        gateway.Gateway.Apply(GatewayHarness.Route(fresh));
        (await gateway.ChatAsync()).Status.ShouldBe(200);
        fresh.Requests.Count.ShouldBe(1);
        release.SetResult();

        (await underWay).Status.ShouldBe(200);
    }
}
