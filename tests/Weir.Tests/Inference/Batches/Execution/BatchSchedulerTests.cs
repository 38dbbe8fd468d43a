using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.State;
using Weir.State.Duties;
using Weir.State.Memory;
using Weir.Tests.Inference.Batches.Support;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Batches.Execution;

/// <summary>Batches from their making to their end, over a store in memory and a scripted provider.</summary>
public sealed class BatchSchedulerTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _time = new();
    private readonly TestAccounts _accounts = new();
    private MemoryStateStore _store = null!;
    private BatchHarness? _harness;
    private ScriptedUpstream? _upstream;

    public ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_harness is not null)
        {
            await _harness.DisposeAsync();
        }

        if (_upstream is not null)
        {
            await _upstream.DisposeAsync();
        }

        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Batch_GoodFile_IsAnsweredLineByLineInOrder()
    {
        var harness = await StartAsync();
        var batch = await harness.CreateAsync(BatchHarness.Lines(100));
        batch.Status.ShouldBe(BatchStatus.Validating);

        var ended = await harness.EndedAsync(batch.Id);

        ended.Status.ShouldBe(BatchStatus.Completed);
        var (output, _) = await harness.ShouldBeWholeAsync(ended, 100);
        var first = output[0];
        first.GetProperty("id").GetString()!.ShouldStartWith("batch_req_");
        first.GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        first.GetProperty("response").GetProperty("status_code").GetInt32().ShouldBe(200);
        first.GetProperty("response").GetProperty("request_id").GetString().ShouldNotBeNullOrEmpty();
        first.GetProperty("response").GetProperty("body").GetProperty("choices").GetArrayLength().ShouldBe(1);
        ended.ErrorFileId.ShouldBeNull();
        ended.Usage.ShouldBe(new BatchUsage(300, 0, 500, 0));
        (_accounts.Settled, _accounts.Tokens).ShouldBe((100, 800));
        ended.InProgressAt.ShouldNotBeNull();
        ended.FinalizingAt.ShouldNotBeNull();
        ended.CompletedAt.ShouldNotBeNull();
        _upstream!.Requests.Select(request => request.Headers["idempotency-key"]).Distinct().Count().ShouldBe(100);
        await ShouldBeTidyAsync(harness, ended);
    }

    [Fact]
    public async Task Batch_WallClockJumpsMeanwhile_EndsAsEver()
    {
        var harness = await StartAsync();
        var batch = await harness.CreateAsync(BatchHarness.Lines(50), window: TimeSpan.FromHours(1));
        var jumps = 0;

        var ended = await harness.EndedAsync(batch.Id, () =>
        {
            _time.JumpUtc(TimeSpan.FromHours(jumps++ % 2 == 0 ? 7 : -9));
            return Task.CompletedTask;
        });

        ended.Status.ShouldBe(BatchStatus.Completed);
        await harness.ShouldBeWholeAsync(ended, 50);
    }

    [Fact]
    public async Task Batch_LinesRefusedByTheProvider_StandInTheErrorFileWithItsAnswer()
    {
        var harness = await StartAsync(exchange => exchange.Request.Body.Contains("n7\"", StringComparison.Ordinal)
            ? exchange.RespondAsync(400, "{\n \"error\": {\"message\":\"bad\",\r\n \"type\":\"invalid_request_error\"}}")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));

        var ended = await harness.EndedAsync((await harness.CreateAsync(BatchHarness.Lines(10))).Id);

        ended.Status.ShouldBe(BatchStatus.Completed);
        var (_, errors) = await harness.ShouldBeWholeAsync(ended, 10);
        var response = errors.Single().GetProperty("response");
        response.GetProperty("status_code").GetInt32().ShouldBe(400);
        response.GetProperty("body").GetProperty("error").GetProperty("message").GetString().ShouldBe("bad");
    }

    [Fact]
    public async Task Batch_ProviderFailsNowAndThen_TriesLinesAgainUntilAllAreAnswered()
    {
        var count = 0;
        var harness = await StartAsync(exchange => Interlocked.Increment(ref count) % 3 == 0
            ? exchange.RespondAsync(500, """{"error":{"message":"oops"}}""")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));

        var ended = await harness.EndedAsync((await harness.CreateAsync(BatchHarness.Lines(60))).Id);

        ended.Status.ShouldBe(BatchStatus.Completed);
        ended.Completed.ShouldBe(60);
        await harness.ShouldBeWholeAsync(ended, 60);
    }

    [Fact]
    public async Task Batch_OneLineThatTheProviderAlwaysFails_EndsWithWhatItSaid()
    {
        var harness = await StartAsync(
            new BatchLimits { Tries = 3 },
            exchange => exchange.Request.Body.Contains("n2\"", StringComparison.Ordinal)
                ? exchange.RespondAsync(500, """{"error":{"message":"poison"}}""")
                : exchange.RespondAsync(200, ScriptedUpstream.Answer));

        var ended = await harness.EndedAsync((await harness.CreateAsync(BatchHarness.Lines(30))).Id);

        ended.Status.ShouldBe(BatchStatus.Completed);
        var (_, errors) = await harness.ShouldBeWholeAsync(ended, 30);
        errors.Single().GetProperty("response").GetProperty("body").GetProperty("error").GetProperty("message").GetString()!.ShouldContain("poison");
    }

    [Fact]
    public async Task Batch_BadFile_FailsWithTheLines()
    {
        var harness = await StartAsync();

        var ended = await harness.EndedAsync((await harness.CreateAsync($"{BatchHarness.Line(1)}\nnot json\n{BatchHarness.Line(1)}")).Id);

        ended.Status.ShouldBe(BatchStatus.Failed);
        ended.Faults.ShouldNotBeNull().Select(fault => (fault.Line, fault.Code)).ShouldBe([(2, "invalid_json_line"), (3, "duplicate_custom_id")]);
        ended.OutputFileId.ShouldBeNull();
        _upstream!.Requests.ShouldBeEmpty();
        await ShouldBeTidyAsync(harness, ended);
    }

    [Fact]
    public async Task Batch_Cancelled_KeepsWhatWasAnsweredAndNamesTheRest()
    {
        var release = new TaskCompletionSource();
        var harness = await StartAsync(new BatchLimits { LinesAtOnce = 4 }, async exchange =>
        {
            await release.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var batch = await harness.CreateAsync(BatchHarness.Lines(20));
        await harness.UntilAsync(() => _upstream!.Requests.Count == 4);

        var (cancelling, error) = await harness.Batches.CancelAsync(BatchHarness.Tenant, batch.Id, CancellationToken.None);
        error.ShouldBeNull();
        cancelling!.Status.ShouldBe(BatchStatus.Cancelling);
        (await harness.Batches.CancelAsync(BatchHarness.Tenant, batch.Id, CancellationToken.None)).Batch!.Status.ShouldBe(BatchStatus.Cancelling);
        await Task.Delay(50);
        release.SetResult();
        var ended = await harness.EndedAsync(batch.Id);

        ended.Status.ShouldBe(BatchStatus.Cancelled);
        ended.CancelledAt.ShouldNotBeNull();
        var (output, errors) = await harness.ShouldBeWholeAsync(ended, 20);
        output.Count.ShouldBe(4);
        errors.ShouldAllBe(line => line.GetProperty("error").GetProperty("code").GetString() == "batch_cancelled" && line.GetProperty("response").ValueKind == JsonValueKind.Null);
        (await harness.Batches.CancelAsync(BatchHarness.Tenant, batch.Id, CancellationToken.None)).Error!.Status.ShouldBe(409);
        await ShouldBeTidyAsync(harness, ended);
    }

    [Fact]
    public async Task Batch_WindowOver_ExpiresWithWhatWasAnswered()
    {
        var harness = await StartAsync(new BatchLimits { LinesAtOnce = 2 }, exchange => exchange.Request.Body.Contains("n1\"", StringComparison.Ordinal)
            ? exchange.RespondAsync(200, ScriptedUpstream.Answer)
            : exchange.RespondAsync(503, """{"error":{"message":"down"}}"""));
        var batch = await harness.CreateAsync(BatchHarness.Lines(5), TimeSpan.FromMinutes(2));

        var ended = await harness.EndedAsync(batch.Id);

        ended.Status.ShouldBe(BatchStatus.Expired);
        ended.ExpiredAt.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(batch.ExpiresAt);
        var (output, errors) = await harness.ShouldBeWholeAsync(ended, 5);
        output.Count.ShouldBe(1);
        errors.ShouldAllBe(line => line.GetProperty("error").GetProperty("code").GetString() == "batch_expired");
    }

    [Fact]
    public async Task Batch_KeyOverItsBudget_FailsTheRestWith402()
    {
        var left = 3;
        _accounts.Refuse = _ => Interlocked.Decrement(ref left) >= 0 ? null : new InferenceError(402, "budget_exceeded", "spent");
        var harness = await StartAsync();

        var ended = await harness.EndedAsync((await harness.CreateAsync(BatchHarness.Lines(10))).Id);

        ended.Status.ShouldBe(BatchStatus.Completed);
        var (output, errors) = await harness.ShouldBeWholeAsync(ended, 10);
        output.Count.ShouldBe(3);
        errors.ShouldAllBe(line => line.GetProperty("response").GetProperty("body").GetProperty("error").GetProperty("code").GetString() == "budget_exceeded");
    }

    [Fact]
    public async Task Batch_KeyBusyOrNotKnownYet_Waits()
    {
        var refusals = 30;
        _accounts.IsKnown = false;
        _accounts.Refuse = _ => Interlocked.Decrement(ref refusals) < 0 ? null : new InferenceError(429, "key_requests_per_minute", "wait") { RetryAfter = TimeSpan.FromSeconds(2) };
        var harness = await StartAsync();
        var batch = await harness.CreateAsync(BatchHarness.Lines(20));
        var looks = 0;

        var ended = await harness.EndedAsync(batch.Id, () =>
        {
            _accounts.IsKnown = ++looks > 10;
            return Task.CompletedTask;
        });

        ended.Completed.ShouldBe(20);
    }

    [Fact]
    public async Task Batch_ModelThatTheKeyMayNotUse_IsThatLinesError()
    {
        _accounts.MayUse = model => model == "fast";
        var harness = await StartAsync();

        var ended = await harness.EndedAsync((await harness.CreateAsync($"{BatchHarness.Line(1)}\n{BatchHarness.Line(2, "a/real-model")}\n{BatchHarness.Line(3, "nowhere")}")).Id);

        var (_, errors) = await harness.ShouldBeWholeAsync(ended, 3);
        errors.Select(line => line.GetProperty("response").GetProperty("status_code").GetInt32()).ShouldBe([403, 404]);
    }

    [Fact]
    public async Task Batch_HeldByAnother_IsTakenOverWhenItsClaimEnds()
    {
        var harness = await StartAsync(start: false);
        var batch = await harness.CreateAsync(BatchHarness.Lines(3));
        var other = new Duty(_store, BatchDocuments.Partition, "batch/" + batch.Id, "another", _time) { Term = TimeSpan.FromSeconds(10) };
        await using var claim = (await other.TryClaimAsync()).ShouldNotBeNull();
        await harness.StartAsync();
        await Task.Delay(50);
        (await harness.ReadAsync(batch.Id)).Status.ShouldBe(BatchStatus.Validating);

        var ended = await harness.EndedAsync(batch.Id);

        ended.Completed.ShouldBe(3);
        ended.Fence.ShouldBeGreaterThan(claim.Fence);
    }

    [Fact]
    public async Task Stop_InTheMiddle_IsGoneOnWithByTheNextReplica()
    {
        var gate = new SemaphoreSlim(5);
        var first = await StartAsync(new BatchLimits { LinesAtOnce = 8 }, async exchange =>
        {
            await gate.WaitAsync();
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var batch = await first.CreateAsync(BatchHarness.Lines(30));
        await first.UntilAsync(() => _accounts.Settled >= 5);
        await first.StopAsync();
        (await first.ReadAsync(batch.Id)).Status.ShouldBe(BatchStatus.InProgress);
        gate.Release(1000);

        await using var second = new BatchHarness(_store, GatewayHarness.Route(_upstream!), _time, accounts: _accounts);
        await second.StartAsync();
        var ended = await second.EndedAsync(batch.Id);

        await second.ShouldBeWholeAsync(ended, 30);
    }

    [Fact]
    public async Task Batches_OfSeveralTenants_TakeTurns()
    {
        var release = new TaskCompletionSource();
        var harness = await StartAsync(new BatchLimits { BatchesAtOnce = 2 }, async exchange =>
        {
            await release.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        }, start: false);
        for (var i = 1; i <= 4; i++)
        {
            await harness.CreateAsync(BatchHarness.Line(i));
            _time.Advance(TimeSpan.FromMilliseconds(2));
        }

        var small = await harness.CreateAsync(BatchHarness.Line(9), tenant: "other");
        await harness.StartAsync();

        // The other tenant's only batch does not wait for the three that were made before it.
        await harness.UntilAsync(() => _upstream!.Requests.Count == 2);
        _upstream!.Requests.Select(NumberIn).Order().ShouldBe([1, 9]);
        release.SetResult();
        (await harness.EndedAsync(small.Id, tenant: "other")).Completed.ShouldBe(1);
    }

    [Fact]
    public async Task Batches_AllTurnsOfATenantStandStill_OthersRunAndItsOwnEndAllTheSame()
    {
        var release = new TaskCompletionSource();
        var harness = await StartAsync(new BatchLimits { TenantBatchesAtOnce = 2 }, async exchange =>
        {
            if (NumberIn(exchange.Request) < 3)
            {
                await release.Task;
            }

            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        for (var i = 1; i <= 2; i++)
        {
            await harness.CreateAsync(BatchHarness.Line(i));
            _time.Advance(TimeSpan.FromMilliseconds(2));
        }

        await harness.UntilAsync(() => _upstream!.Requests.Count == 2);
        var bad = await harness.CreateAsync("not json");
        var cancelled = await harness.CreateAsync(BatchHarness.Line(4));
        var expired = await harness.CreateAsync(BatchHarness.Line(5), TimeSpan.FromMinutes(1));
        var other = await harness.CreateAsync(BatchHarness.Line(9), tenant: "other");

        (await harness.EndedAsync(other.Id, tenant: "other")).Completed.ShouldBe(1);
        (await harness.EndedAsync(bad.Id)).Status.ShouldBe(BatchStatus.Failed);
        await harness.UntilAsync(() => harness.ReadAsync(cancelled.Id).Result.Status == BatchStatus.InProgress);
        (await harness.Batches.CancelAsync(BatchHarness.Tenant, cancelled.Id, CancellationToken.None)).Error.ShouldBeNull();
        (await harness.EndedAsync(cancelled.Id)).Status.ShouldBe(BatchStatus.Cancelled);
        (await harness.EndedAsync(expired.Id)).Status.ShouldBe(BatchStatus.Expired);
        _upstream!.Requests.Select(NumberIn).Distinct().Order().ShouldBe([1, 2, 9]);
        release.SetResult();
    }

    [Fact]
    public async Task Batches_OfOneTenant_RunInTheOrderInWhichTheyWereMade()
    {
        var harness = await StartAsync(new BatchLimits { BatchesAtOnce = 1 }, start: false);
        var made = new List<BatchRecord>();
        for (var i = 0; i < 5; i++)
        {
            made.Add(await harness.CreateAsync(BatchHarness.Line(i)));
            _time.Advance(TimeSpan.FromMilliseconds(2));
        }

        await harness.StartAsync();
        await harness.EndedAsync(made[^1].Id);

        _upstream!.Requests.Select(NumberIn).ShouldBe([0, 1, 2, 3, 4]);
    }

    [Fact]
    public async Task Batch_ProviderAwayForHours_FailsNoLine()
    {
        var back = _time.GetUtcNow() + TimeSpan.FromHours(9);
        var served = 0;
        var harness = await StartAsync(new BatchLimits { Tries = 2, LinesAtOnce = 4 }, exchange =>
            Interlocked.Increment(ref served) <= 3 || _time.GetUtcNow() >= back
                ? exchange.RespondAsync(200, ScriptedUpstream.Answer)
                : exchange.RespondAsync(served % 3 == 0 ? 504 : 503, """{"error":{"message":"down"}}"""));
        var batch = await harness.CreateAsync(BatchHarness.Lines(12));

        var ended = await harness.EndedAsync(batch.Id, step: TimeSpan.FromMinutes(5));

        ended.CompletedAt.ShouldNotBeNull().ShouldBeGreaterThan(back);
        (await harness.ShouldBeWholeAsync(ended, 12)).Output.Count.ShouldBe(12);
        served.ShouldBeGreaterThan(15);
    }

    [Fact]
    public async Task Batch_OneOfItsModelsFailsAll_FailsNoneOfItsLinesWhileAnotherIsAnswered()
    {
        var failing = true;
        var failures = 0;
        await using var broken = new ScriptedUpstream(exchange => Volatile.Read(ref failing) && Interlocked.Increment(ref failures) > 0
            ? exchange.RespondAsync(500, """{"error":{"message":"oops"}}""")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));
        _upstream = new ScriptedUpstream();
        _harness = new BatchHarness(_store, GatewayHarness.Route(_upstream, broken), _time, new BatchLimits { Tries = 2 }, _accounts);
        await _harness.StartAsync();
        var batch = await _harness.CreateAsync(string.Join('\n', Enumerable.Range(1, 20).Select(number => BatchHarness.Line(number, number <= 3 ? "b/real-model" : "fast"))));

        var ended = await _harness.EndedAsync(batch.Id, () =>
        {
            Volatile.Write(ref failing, Volatile.Read(ref failures) < 20);
            return Task.CompletedTask;
        });

        (await _harness.ShouldBeWholeAsync(ended, 20)).Output.Count.ShouldBe(20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Batch_CancelledBeforeItWasValidated_EndsWithoutSendingAnything(bool isBad)
    {
        var harness = await StartAsync(start: false);
        var batch = await harness.CreateAsync(isBad ? "no json" : BatchHarness.Lines(5));
        (await harness.Batches.CancelAsync(BatchHarness.Tenant, batch.Id, CancellationToken.None)).Batch!.Status.ShouldBe(BatchStatus.Cancelling);
        await harness.StartAsync();

        var ended = await harness.EndedAsync(batch.Id);

        (ended.Status, ended.Total, ended.OutputFileId, ended.ErrorFileId).ShouldBe((BatchStatus.Cancelled, 0, null, null));
        ended.CancelledAt.ShouldNotBeNull();
        _upstream!.Requests.ShouldBeEmpty();
        await ShouldBeTidyAsync(harness, ended);
    }

    [Theory]
    [InlineData("/v1/messages", """{"model":"fast","max_tokens":10,"messages":[{"role":"user","content":"n"}]}""", "message")]
    [InlineData("/v1/responses", """{"model":"fast","input":"n"}""", "response")]
    public async Task Batch_OfAnotherDialectThanTheProvider_IsTranslatedLikeAnyRequest(string endpoint, string body, string sort)
    {
        var harness = await StartAsync(exchange => exchange.Request.Path == "/v1/chat/completions"
            ? exchange.RespondAsync(200, ScriptedUpstream.Answer)
            : exchange.RespondAsync(404, "{}"));
        var lines = string.Join('\n', Enumerable.Range(1, 3).Select(number => $$$"""{"custom_id":"c{{{number}}}","method":"POST","url":"{{{endpoint}}}","body":{{{body}}} }"""));

        var ended = await harness.EndedAsync((await harness.CreateAsync(lines, endpoint: endpoint)).Id);

        var (output, errors) = await harness.ShouldBeWholeAsync(ended, 3);
        errors.ShouldBeEmpty();
        var answer = output[0].GetProperty("response").GetProperty("body");
        answer.GetRawText().ShouldContain("hello");
        answer.GetProperty(sort == "message" ? "type" : "object").GetString().ShouldBe(sort);

        ended.Usage.ShouldBe(new BatchUsage(9, 0, 15, 0));
    }

    [Fact]
    public async Task Batch_OtherEndpoints_AreServedToo()
    {
        var harness = await StartAsync(exchange => exchange.RespondAsync(200, """{"object":"list","data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"""));

        var ended = await harness.EndedAsync((await harness.CreateAsync(
            """{"custom_id":"c1","method":"POST","url":"/v1/embeddings","body":{"model":"fast","input":"x"}}""", endpoint: "/v1/embeddings")).Id);

        ended.Completed.ShouldBe(1);
        ended.Usage.Input.ShouldBe(2);
    }

    private static int NumberIn(ReceivedRequest request) =>
        int.Parse(JsonDocument.Parse(request.Body).RootElement.GetProperty("messages")[0].GetProperty("content").GetString()!.AsSpan(1));

    private static async Task ShouldBeTidyAsync(BatchHarness harness, BatchRecord ended)
    {
        (await harness.KeysAsync(BatchDocuments.PendingPrefix)).ShouldBeEmpty();
        await harness.UntilAsync(() => harness.KeysAsync(BatchDocuments.DiscardPrefix).Result.Count == 0);
        (await harness.Files.FindAsync(BatchHarness.Tenant, ended.InputFileId, CancellationToken.None))!.UsedBy.ShouldBeEmpty();
        (await harness.Store.Logs.ReadAsync("batch/" + ended.Id).GetAsyncEnumerator().MoveNextAsync()).ShouldBeFalse();
    }

    private Task<BatchHarness> StartAsync(Func<Exchange, Task>? answer = null, bool start = true) => StartAsync(null, answer, start);

    private async Task<BatchHarness> StartAsync(BatchLimits? limits, Func<Exchange, Task>? answer = null, bool start = true)
    {
        _upstream = answer is null ? new ScriptedUpstream() : new ScriptedUpstream(answer);
        _harness = new BatchHarness(_store, GatewayHarness.Route(_upstream), _time, limits, _accounts);
        if (start)
        {
            await _harness.StartAsync();
        }

        return _harness;
    }
}
