using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Encoders;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Encoders;

public sealed class EncoderPoolTests : IAsyncDisposable
{
    private readonly ManualResetEventSlim _gate = new(false);
    private readonly FakeLoader _loader;
    private ServiceHarness? _harness;

    public EncoderPoolTests() => _loader = new FakeLoader { ModelGate = _gate };

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        if (_harness is not null)
            await _harness.DisposeAsync();
        _gate.Dispose();
    }

    [Fact]
    public async Task Embed_MoreThanTheQueueHolds_IsRefusedWithATime()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1, MaxInputs = 3 });
        var busy = await HoldUpAsync(harness, "busy");
        var waiting = harness.EmbedAsync("m", "a", "b");
        var refused = (await harness.EmbedAsync("m", "c", "d")).Error.ShouldNotBeNull();
        (refused.Status, refused.Code).ShouldBe((429, "embeddings_overloaded"));
        refused.RetryAfter!.Value.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
        var joins = harness.EmbedAsync("m", "a");
        var fits = harness.EmbedAsync("m", "e");
        harness.Service.Snapshot().Encoders.ShouldSatisfyAllConditions(e => e.Queued.ShouldBe(3), e => e.Refused.ShouldBe(2));
        _gate.Set();
        (await Task.WhenAll(busy, waiting, joins, fits)).ShouldAllBe(result => result.Error == null);
        harness.Service.Snapshot().Encoders.ShouldSatisfyAllConditions(e => e.Queued.ShouldBe(0), e => e.QueuedBytes.ShouldBe(0));
    }

    [Fact]
    public async Task Embed_OneRequestOfMoreThanTheQueueHolds_IsDoneWhereNothingWaits()
    {
        _gate.Set();
        var harness = Start(new EncoderSettings { MaxThreads = 2, MaxInputs = 3, MaxBytes = 10 });
        (await harness.EmbedAsync("m", [.. Enumerable.Range(0, 100).Select(i => $"{i}")])).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Embed_InTheBackground_YieldsToWhatSomebodyWaitsFor()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1 });
        var busy = await HoldUpAsync(harness, "busy");
        var background = ServiceHarness.Asker with { IsBackground = true };
        var later = harness.EmbedAsync(ServiceHarness.Request("m", "later", "hurried") with { Asker = background });
        var now = harness.EmbedAsync("m", "now");
        var hurried = harness.EmbedAsync("m", "hurried");
        _gate.Set();
        await Task.WhenAll(busy, later, now, hurried);
        _loader.Last.Texts.ShouldBe(["busy", "now", "hurried", "later"]);
        (await hurried).Joined.ShouldBe(1);
    }

    [Fact]
    public async Task Embed_ByPriority_ComesThenByArrivalAndTheBackgroundLast()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1 }, new ManualTimeProvider());
        var busy = await HoldUpAsync(harness, "busy");
        Task<EmbeddingResult> At(int priority, string text, bool background = false) =>
            harness.EmbedAsync(ServiceHarness.Request("m", text) with { Asker = ServiceHarness.Asker with { Priority = priority, IsBackground = background } });
        Task[] waiting = [At(9, "background", true), At(0, "0"), At(5, "5"), At(5, "5 too"), At(9, "9"), At(0, "risen"), At(7, "risen")];
        _gate.Set();
        await Task.WhenAll([busy, .. waiting]);
        _loader.Last.Texts.ShouldBe(["busy", "9", "risen", "5", "5 too", "0", "background"]);
    }

    [Fact]
    public async Task Embed_OfLittlePriority_AgesPastWhatComesLater()
    {
        var time = new ManualTimeProvider();
        var harness = Start(new EncoderSettings { MaxThreads = 1 }, time);
        var busy = await HoldUpAsync(harness, "busy");
        var patient = harness.EmbedAsync(ServiceHarness.Request("m", "patient") with { Asker = ServiceHarness.Asker with { Priority = 0 } });
        time.Advance(EncoderLane.Ageing * 10);
        var urgent = harness.EmbedAsync(ServiceHarness.Request("m", "urgent") with { Asker = ServiceHarness.Asker with { Priority = 9 } });
        _gate.Set();
        await Task.WhenAll(busy, patient, urgent);
        _loader.Last.Texts.ShouldBe(["busy", "patient", "urgent"]);
    }

    [Fact]
    public async Task Embed_BehindAnEncoderThatIsBusy_WaitsTwoMillisecondsForItAndNoMore()
    {
        var time = new ManualTimeProvider();
        var harness = Start(new EncoderSettings { MaxThreads = 2 }, time);
        var busy = await HoldUpAsync(harness, "busy");
        var waiting = harness.EmbedAsync("m", "waiting");
        var background = harness.EmbedAsync(ServiceHarness.Request("m", "background") with { Asker = ServiceHarness.Asker with { IsBackground = true } });
        harness.Service.Snapshot().Encoders.ShouldSatisfyAllConditions(e => e.Threads.ShouldBe(1), e => e.Queued.ShouldBe(2));
        time.Advance(TimeSpan.FromMilliseconds(2));
        await _loader.Last.Begun.WaitAsync();
        _loader.Last.Texts.ShouldBe(["busy", "waiting"]);
        // There are no more encoders to begin.
        time.Advance(TimeSpan.FromSeconds(1));
        harness.Service.Snapshot().Encoders.ShouldSatisfyAllConditions(e => e.Threads.ShouldBe(2), e => e.Queued.ShouldBe(1));
        _gate.Set();
        (await Task.WhenAll(busy, waiting, background)).ShouldAllBe(result => result.Error == null);
    }

    [Fact]
    public async Task Embed_TheBackgroundBehindTheBackground_StartsNoEncoderForNothing()
    {
        var time = new ManualTimeProvider();
        var harness = Start(new EncoderSettings { MaxThreads = 2 }, time);
        (await harness.Service.AcquireAsync("m")).Model!.Dispose();
        var background = ServiceHarness.Asker with { IsBackground = true };
        var first = harness.EmbedAsync(ServiceHarness.Request("m", "first") with { Asker = background });
        await _loader.Last.Begun.WaitAsync();
        var second = harness.EmbedAsync(ServiceHarness.Request("m", "second") with { Asker = background });
        time.Advance(TimeSpan.FromSeconds(1));
        time.NextTimer!.Value.ShouldBeGreaterThan(TimeSpan.FromSeconds(1));
        _gate.Set();
        (await Task.WhenAll(first, second)).ShouldAllBe(result => result.Error == null);
    }

    [Fact]
    public async Task Embed_WhatTheTokenizerGivesUpOn_FailsForThatInputAndSaysWhy()
    {
        _gate.Set();
        var harness = Start(new EncoderSettings { MaxThreads = 1 });
        var tangled = harness.EmbedAsync("m", "tangled");
        var plain = harness.EmbedAsync("m", "plain");
        var error = (await tangled).Error.ShouldNotBeNull();
        (error.Status, error.Code, error.Param).ShouldBe((422, "input_too_complex", "input"));
        (await plain).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Embed_AHugeText_LeavesAnEncoderForOthers()
    {
        var huge = new string('x', 200_000);
        var harness = Start(new EncoderSettings { MaxThreads = 2 });
        var first = await HoldUpAsync(harness, huge);
        var second = harness.EmbedAsync("m", huge + "y");
        var small = harness.EmbedAsync("m", "small");
        await _loader.Last.Begun.WaitAsync();
        _loader.Last.Texts.Last().ShouldBe("small");
        harness.Service.Snapshot().Encoders.Threads.ShouldBe(2);
        _gate.Set();
        (await Task.WhenAll(first, second, small)).ShouldAllBe(result => result.Error == null);
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Encoders.Threads == 1);
    }

    [Fact]
    public async Task Embed_WhatCameMeanwhile_IsTakenTogether()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1 });
        var busy = await HoldUpAsync(harness, "busy");
        var waiting = Enumerable.Range(0, 20).Select(i => harness.EmbedAsync("m", $"{i}")).ToArray();
        _gate.Set();
        await Task.WhenAll([busy, .. waiting]);
        var batches = harness.Service.Snapshot().Batches;
        (batches.Count, batches.MeanInputs).ShouldBe((2, 10.5));
        batches.Sizes.Where(size => size.Count > 0).Select(size => size.UpTo).ShouldBe([1, 32]);
    }

    [Fact]
    public async Task Embed_CallersWhoLeftTheQueue_AreNotComputedFor()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1 });
        var busy = await HoldUpAsync(harness, "busy");
        using var leaving = new CancellationTokenSource();
        var left = harness.EmbedAsync(ServiceHarness.Request("m", "a", "b"), leaving.Token);
        var stays = harness.EmbedAsync("m", "b");
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(left);
        _gate.Set();
        (await stays).Error.ShouldBeNull();
        await busy;
        _loader.Last.Texts.ShouldBe(["busy", "b"]);
    }

    [Fact]
    public async Task Dispose_WithInputsInTheQueue_AnswersThem()
    {
        var harness = Start(new EncoderSettings { MaxThreads = 1 });
        var busy = await HoldUpAsync(harness, "busy");
        var waiting = harness.EmbedAsync("m", "a");
        await harness.Service.DisposeAsync();
        (await waiting).Error!.Status.ShouldBe(503);
        _loader.Last.IsDisposed.ShouldBeFalse();
        _gate.Set();
        (await busy).Error.ShouldBeNull();
        await Eventually.TrueAsync(() => _loader.Last.IsDisposed);
        _loader.Last.Faults.ShouldBeEmpty();
        _harness = null;
    }

    private ServiceHarness Start(EncoderSettings settings, ManualTimeProvider? time = null) => _harness = new ServiceHarness(time: time, encoders: settings, loader: _loader, options: new EmbeddingOptions
    {
        Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = "one" } },
    });

    private async Task<Task<EmbeddingResult>> HoldUpAsync(ServiceHarness harness, string text)
    {
        (await harness.Service.AcquireAsync("m")).Model!.Dispose();
        var busy = harness.EmbedAsync("m", text);
        await _loader.Last.Begun.WaitAsync();
        return busy;
    }
}
