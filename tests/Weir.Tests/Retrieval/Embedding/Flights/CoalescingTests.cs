using Weir.Retrieval;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Flights;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Flights;

public sealed class CoalescingTests
{
    [Theory]
    [InlineData("m")]
    [InlineData("r")]
    public async Task Embed_AThousandCallersOfOneTextAtOnce_IsOneComputation(string model)
    {
        await using var harness = new ServiceHarness();
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var callers = Enumerable.Range(0, 1000).Select(async _ =>
        {
            await start.Task;
            return await harness.EmbedAsync(model, "the same");
        }).ToArray();
        start.SetResult();
        var results = await Task.WhenAll(callers);

        results.ShouldAllBe(result => result.Error == null);
        results.Select(result => result.Vectors[0].ToArray()).ShouldAllBe(vector => vector.SequenceEqual(results[0].Vectors[0].ToArray()));
        (model == "m" ? harness.Loader.Last.Calls : harness.Route.Calls).ShouldBe(1);
        var stats = harness.Service.Snapshot();
        (stats.Inputs, stats.Misses, stats.Hits + stats.Coalesced, stats.InFlight).ShouldBe((1000, 1, 999, 0));
        results.Sum(result => result.PaidTokens).ShouldBe(model == "m" ? 3 : 10);
    }

    [Fact]
    public async Task Embed_ManyCallersLeaveInAnyOrder_TheRestGetTheirsAndNothingStays()
    {
        await using var harness = new ServiceHarness();
        var answer = new TaskCompletionSource();
        harness.Route.Before = (_, token) => answer.Task.WaitAsync(token);
        (await harness.Service.AcquireAsync("r")).Model!.Dispose();
        var callers = Enumerable.Range(0, 2000).Select(i => (Leaving: new CancellationTokenSource(), Leaves: i % 3 != 1)).ToArray();
        var results = callers.Select(caller => harness.EmbedAsync(ServiceHarness.Request("r", "a", "b", "c"), caller.Leaving.Token)).ToArray();
        await harness.Route.Begun.WaitAsync();
        var order = Enumerable.Range(0, callers.Length).ToArray();
        new Random(42).Shuffle(order);
        foreach (var i in order.Where(i => callers[i].Leaves))
            await callers[i].Leaving.CancelAsync();
        answer.SetResult();

        for (var i = 0; i < callers.Length; i++)
        {
            if (callers[i].Leaves)
                await Should.ThrowAsync<OperationCanceledException>(results[i]);
            else
                (await results[i]).Vectors[2].ToArray().ShouldBe(FakeModel.VectorOf("provider/model", "c", 8));
            callers[i].Leaving.Dispose();
        }

        harness.Route.Calls.ShouldBe(1);
        harness.Service.Snapshot().InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Embed_BehindACallOfTheBackground_IsAskedForAgainAfterAWhileAndServesBoth()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        var background = ServiceHarness.Asker with { Client = "ingest", IsBackground = true };
        var held = new TaskCompletionSource();
        CancellationToken heldBy = default;
        harness.Route.Before = (asker, token) =>
        {
            if (!asker.IsBackground)
                return Task.CompletedTask;
            heldBy = token;
            return held.Task.WaitAsync(token);
        };
        var later = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = background });
        await harness.Route.Begun.WaitAsync();
        var now = harness.EmbedAsync("r", "a");
        harness.Route.Calls.ShouldBe(1);
        time.Advance(VectorMaker.BackgroundPatience);

        var (mine, theirs) = (await now, await later);
        (mine.Joined, mine.PaidTokens, mine.Cost).ShouldBe((1, 10, 0.5));
        (theirs.PaidTokens, theirs.Cost).ShouldBe((0, 0));
        theirs.Vectors[0].ToArray().ShouldBe(mine.Vectors[0].ToArray());
        harness.Route.Asked.Select(call => call.Asker.Client).ShouldBe(["ingest", "client"]);
        // The first call is of no use any more.
        await Eventually.TrueAsync(() => heldBy.IsCancellationRequested);
        harness.Service.Snapshot().InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Embed_BehindACallOfTheBackground_HasItsOwnDeadlineAndTheCallGoesOn()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        var held = new TaskCompletionSource();
        harness.Route.Before = (_, token) => held.Task.WaitAsync(token);
        var later = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = ServiceHarness.Asker with { IsBackground = true } });
        await harness.Route.Begun.WaitAsync();
        var now = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = ServiceHarness.Asker with { Timeout = TimeSpan.FromMilliseconds(500) } });
        time.Advance(TimeSpan.FromMilliseconds(500));
        (await now).Error!.Status.ShouldBe(504);
        time.Advance(TimeSpan.FromSeconds(5));
        held.SetResult();
        (await later).Error.ShouldBeNull();
        harness.Route.Calls.ShouldBe(1);
    }

    [Fact]
    public async Task Embed_TheSecondAskingFails_WaitsForTheFirst()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        var held = new TaskCompletionSource();
        harness.Route.Before = (asker, token) => asker.IsBackground ? held.Task.WaitAsync(token) : Task.CompletedTask;
        harness.Route.Error = asker => asker.IsBackground ? null : new RetrievalError(402, "budget", "spent");
        var later = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = ServiceHarness.Asker with { IsBackground = true } });
        await harness.Route.Begun.WaitAsync();
        var now = harness.EmbedAsync("r", "a");
        time.Advance(VectorMaker.BackgroundPatience);
        await harness.Route.Begun.WaitAsync();
        held.SetResult();
        (await later).Error.ShouldBeNull();
        (await now).Error.ShouldBeNull();
        harness.Route.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task Embed_TheFirstCallerLeaves_OthersGetWhatItBegan()
    {
        await using var harness = new ServiceHarness();
        var answer = new TaskCompletionSource();
        harness.Route.Before = (_, token) => answer.Task.WaitAsync(token);
        using var leaving = new CancellationTokenSource();
        var first = harness.EmbedAsync(ServiceHarness.Request("r", "a", "b"), leaving.Token);
        await harness.Route.Begun.WaitAsync();
        var second = harness.EmbedAsync("r", "b");
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        // Still on its way in the same call, though nobody had waited for it in between.
        var third = harness.EmbedAsync("r", "a");
        answer.SetResult();

        (await second).Vectors[0].ToArray().ShouldBe(FakeModel.VectorOf("provider/model", "b", 8));
        (await third).Joined.ShouldBe(1);
        harness.Route.Calls.ShouldBe(1);
        harness.Service.Snapshot().InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Embed_TheLastCallerLeaves_CancelsTheCallAndTheNextBeginsAnew()
    {
        await using var harness = new ServiceHarness();
        var cancelled = new TaskCompletionSource();
        harness.Route.Before = async (_, token) =>
        {
            await using var registration = token.Register(() => cancelled.TrySetResult());
            await Task.Delay(Timeout.Infinite, token);
        };
        // Of a model that is loaded a caller is on its flight when the call returns.
        (await harness.Service.AcquireAsync("r")).Model!.Dispose();
        using var leaving = new CancellationTokenSource();
        var callers = Enumerable.Range(0, 5).Select(_ => harness.EmbedAsync(ServiceHarness.Request("r", "a"), leaving.Token)).ToArray();
        await harness.Route.Begun.WaitAsync();
        await leaving.CancelAsync();
        foreach (var caller in callers)
            await Should.ThrowAsync<OperationCanceledException>(caller);
        await cancelled.Task;
        harness.Service.Snapshot().InFlight.ShouldBe(0);

        harness.Route.Before = null;
        (await harness.EmbedAsync("r", "a")).Error.ShouldBeNull();
        harness.Route.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task Embed_TheBuffersOfACallerWhoLeft_AreNotRead()
    {
        using var gate = new ManualResetEventSlim(false);
        await using var harness = new ServiceHarness(loader: new FakeLoader { ModelGate = gate }, options: new EmbeddingOptions
        {
            Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = "one" } },
        }, encoders: new() { MaxThreads = 1 });
        using var leaving = new CancellationTokenSource();
        var buffer = "later"u8.ToArray();
        var busy = harness.EmbedAsync("m", "busy");
        var first = harness.EmbedAsync(new EmbeddingRequest { Model = "m", Inputs = [EmbeddingInput.OfText(buffer)], Asker = ServiceHarness.Asker }, leaving.Token);
        while (harness.Loader.Loaded.IsEmpty)
            await Task.Yield();
        await harness.Loader.Last.Begun.WaitAsync();
        var second = harness.EmbedAsync("m", "later");
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        buffer.AsSpan().Fill((byte)'x');
        gate.Set();
        (await second).Vectors[0].ToArray().ShouldBe(FakeModel.VectorOf("one", "later", 8));
        await busy;
    }

    [Theory]
    [InlineData(402, 2)]
    [InlineData(429, 2)]
    [InlineData(500, 1)]
    public async Task Embed_RefusedForTheReasonsOfAnother_IsAskedForOnItsOwn(int status, int calls)
    {
        await using var harness = new ServiceHarness();
        var answer = new TaskCompletionSource();
        harness.Route.Before = (_, _) => answer.Task;
        harness.Route.Error = asker => asker.Client == "poor" ? new RetrievalError(status, "refused", "no") : null;
        var poor = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = new("t", "poor") });
        await harness.Route.Begun.WaitAsync();
        var alsoPoor = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = new("t", "poor") });
        var rich = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = new("t", "rich") });
        answer.SetResult();

        (await poor).Error!.Status.ShouldBe(status);
        (await alsoPoor).Error!.Status.ShouldBe(status);
        ((await rich).Error is null).ShouldBe(calls == 2);
        harness.Route.Calls.ShouldBe(calls);
    }

    [Theory]
    [InlineData("one")]
    [InlineData("other")]
    public async Task Embed_JoinedACallThatAnotherInputSpoiled_IsAskedForOnItsOwn(string client)
    {
        await using var harness = new ServiceHarness();
        var answer = new TaskCompletionSource();
        harness.Route.Before = (_, _) => answer.Task;
        harness.Route.Error = _ => harness.Route.Asked.Last().Texts.Contains("bad") ? new RetrievalError(400, "invalid_input", "no") : null;
        var spoiled = harness.EmbedAsync(ServiceHarness.Request("r", "good", "bad") with { Asker = new("t", "one") });
        await harness.Route.Begun.WaitAsync();
        var innocent = harness.EmbedAsync(ServiceHarness.Request("r", "good") with { Asker = new("t", client) });
        answer.SetResult();

        (await spoiled).Error!.Status.ShouldBe(400);
        (await innocent).Error.ShouldBeNull();
        harness.Route.Calls.ShouldBe(2);
        harness.Service.Snapshot().InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Embed_EverybodyIsRefused_EndsForAll()
    {
        await using var harness = new ServiceHarness();
        harness.Route.Error = _ => new RetrievalError(429, "rate_limited", "later") { RetryAfter = TimeSpan.FromSeconds(1) };
        var callers = Enumerable.Range(0, 50).Select(i => harness.EmbedAsync(ServiceHarness.Request("r", "a", "b") with { Asker = new("t", $"{i}") }));
        (await Task.WhenAll(callers)).ShouldAllBe(result => result.Error!.Status == 429);
        harness.Service.Snapshot().InFlight.ShouldBe(0);
    }
}
