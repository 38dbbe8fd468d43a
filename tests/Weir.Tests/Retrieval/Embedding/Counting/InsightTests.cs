using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Counting;

public sealed class InsightTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Explain_OfAText_TellsTokensAndWhereItIsAndTheAskersCallsAlone()
    {
        var store = new FakeCacheStore();
        var loader = new FakeLoader { Tokenizer = new LetterTokenizer() };
        var options = ServiceHarness.Usual with { Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = "one" } } };
        EmbeddingAsker mine = new("mine", "key-1"), theirs = new("theirs", "key-2");
        await using (var first = new ServiceHarness(store, loader: loader, options: options))
        {
            var absent = (await first.Service.ExplainAsync("m", "ab", mine)).Explanation.ShouldNotBeNull();
            (absent.Cached, absent.Calls, absent.TokenCount, absent.Dimensions, absent.Revision, absent.InFlight).ShouldBe((CachedWhere.Absent, null, 2, 8, "one", false));
            absent.Stored.ShouldBe(StoredState.Absent);
            absent.Tokens.ShouldBe([new ExplainedToken(97, "a"), new ExplainedToken(98, "b")]);
            for (var i = 0; i < 3; i++)
                await first.EmbedAsync(ServiceHarness.Request("m", "ab") with { Asker = mine with { Client = $"key-{i}" } });
            await first.EmbedAsync(ServiceHarness.Request("m", "ab", "other") with { Asker = theirs });
            var known = (await first.Service.ExplainAsync("m", "ab", mine)).Explanation.ShouldNotBeNull();
            known.Cached.ShouldBe(CachedWhere.Memory);
            known.Calls!.Count.ShouldBe(3);
            (await first.Service.ExplainAsync("m", "ab", theirs)).Explanation!.Calls!.Count.ShouldBe(1);
            (await first.Service.ExplainAsync("m", "other", mine)).Explanation!.Calls.ShouldBeNull();
        }

        await using var second = new ServiceHarness(store, loader: loader, options: options);
        var kept = (await second.Service.ExplainAsync("m", "ab", mine)).Explanation!;
        (kept.Cached, kept.Stored).ShouldBe((CachedWhere.Store, StoredState.Present));
        (await second.Service.ExplainAsync("m", "ab", mine)).Explanation!.Cached.ShouldBe(CachedWhere.Store);
        (await second.Service.ExplainAsync("none", "ab", mine)).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Explain_WithDimensions_IsOfThoseVectorsAlone()
    {
        await using var harness = new ServiceHarness();
        await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Dimensions = 4 });

        var four = (await harness.Service.ExplainAsync("m", "a", ServiceHarness.Asker, 4)).Explanation.ShouldNotBeNull();
        (four.Cached, four.Stored, four.Dimensions, four.Calls!.Count).ShouldBe((CachedWhere.Memory, StoredState.Off, 4, 1));
        var eight = (await harness.Service.ExplainAsync("m", "a", ServiceHarness.Asker)).Explanation.ShouldNotBeNull();
        (eight.Cached, eight.Dimensions, eight.Calls).ShouldBe((CachedWhere.Absent, 8, null));
        (await harness.Service.ExplainAsync("m", "a", ServiceHarness.Asker, 9)).Error!.Status.ShouldBe(422);
    }

    [Fact]
    public async Task Explain_WhileTheStoreIsAway_SaysThatItIsNotKnown()
    {
        await using var harness = new ServiceHarness(new FakeCacheStore { Fails = true });
        var explained = (await harness.Service.ExplainAsync("m", "a", ServiceHarness.Asker)).Explanation.ShouldNotBeNull();
        (explained.Cached, explained.Stored).ShouldBe((CachedWhere.Absent, StoredState.Unknown));
    }

    [Fact]
    public async Task Explain_ForAnAdmin_TellsWhoCalledAndForOthersDoesNot()
    {
        await using var harness = new ServiceHarness(time: _time);
        var start = _time.GetUtcNow();
        await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Asker = new("mine", "one") });
        _time.Advance(TimeSpan.FromSeconds(1));
        await harness.EmbedAsync(ServiceHarness.Request("m", "a", "b") with { Asker = new("mine", "two") });
        _time.Advance(TimeSpan.FromSeconds(1));
        await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Asker = new("theirs", "one") });
        await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Asker = new("mine", "one") });

        var all = (await harness.Service.ExplainAsync("m", "a", new EmbeddingAsker("admins", "root"), ofEverybody: true)).Explanation.ShouldNotBeNull();
        all.Callers.ShouldNotBeNull().OrderBy(caller => (caller.Tenant, caller.Client)).ShouldBe(
        [
            new("mine", "one", 2, start, start.AddSeconds(2)),
            new("mine", "two", 1, start.AddSeconds(1), start.AddSeconds(1)),
            new("theirs", "one", 1, start.AddSeconds(2), start.AddSeconds(2)),
        ]);
        all.Calls.ShouldBeNull();
        var mine = (await harness.Service.ExplainAsync("m", "a", new EmbeddingAsker("mine", "three"))).Explanation.ShouldNotBeNull();
        mine.Callers.ShouldBeNull();
        mine.Calls.ShouldBe(new ExplainedCalls(3, start, start.AddSeconds(2)));
    }

    [Fact]
    public async Task Explain_AskedForByMany_NamesTheLastOfThem()
    {
        await using var harness = new ServiceHarness(time: _time);
        for (var i = 0; i < 300; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Asker = new("t", $"{i}") });
        }

        var callers = (await harness.Service.ExplainAsync("m", "a", ServiceHarness.Asker, ofEverybody: true)).Explanation!.Callers.ShouldNotBeNull();
        callers.Count.ShouldBe(EmbeddingExplanation.MostCallers);
        callers[0].Client.ShouldBe("299");
    }

    [Fact]
    public async Task Explain_ByKind_TellsWordsOrThatTheCountIsAnEstimate()
    {
        await using var provider = new ServiceCollection().AddLogging().AddEmbeddingService().BuildServiceProvider();
        var service = provider.GetRequiredService<EmbeddingService>();
        service.Apply(new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["default"] = new() } });
        var hashed = (await service.ExplainAsync("default", "getTools, the TOOLS of 東京", ServiceHarness.Asker)).Explanation.ShouldNotBeNull();
        hashed.Words.ShouldBe([new("get", 1), new("tool", 2), new("the", 1), new("of", 1), new("東", 1), new("京", 1), new("東京", 1)]);
        (hashed.Tokens, hashed.Note).ShouldBe((null, null));

        await using var harness = new ServiceHarness();
        var routed = (await harness.Service.ExplainAsync("r", "a", ServiceHarness.Asker)).Explanation.ShouldNotBeNull();
        (routed.Words, routed.Tokens).ShouldBe((null, null));
        routed.Note.ShouldStartWith("The provider cuts the text");
    }

    [Fact]
    public async Task Snapshot_PerClient_AddsUp()
    {
        await using var harness = new ServiceHarness(time: _time);
        await harness.EmbedAsync(ServiceHarness.Request("m", "a", "b", "a") with { Asker = new("t", "one") });
        _time.Advance(TimeSpan.FromSeconds(1));
        await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Asker = new("t", "two") });
        var stats = harness.Service.Snapshot();
        stats.Clients.Select(client => (client.Client, client.Requests, client.Hits, client.Misses, client.Coalesced, client.Tokens))
            .ShouldBe([("two", 1, 1, 0, 0, 1), ("one", 1, 0, 2, 1, 3)]);
        (stats.Inputs, stats.Hits, stats.Misses, stats.Coalesced, stats.Unanswered).ShouldBe((4, 1, 2, 1, 0));
        stats.HitRate.ShouldBe(1 / 3.0, 1e-9);
        stats.Cache.ShouldSatisfyAllConditions(c => c.Entries.ShouldBe(2), c => c.Bytes.ShouldBe(2 * (32 + VectorShard.Overhead)));
    }

    [Fact]
    public void Clients_MoreThanAreCountedByThemselves_StandTogether()
    {
        var table = new ClientTable(_time);
        for (var i = 0; i < 3000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            table.Of(new EmbeddingAsker("t", $"{i}")).Answered(new RequestCount(1, 0, 0, 0, 5));
        }

        var stats = table.ToStats();
        stats.Count.ShouldBe(ClientTable.Most + 1);
        stats[0].Client.ShouldBe("2999");
        stats[^1].Client.ShouldBe("others");
        stats[^1].Misses.ShouldBeGreaterThan(1800);
    }

    [Fact]
    public void Calls_OfManyTexts_StayInTheirBoundAndKeepTheNewest()
    {
        var memory = new CallMemory();
        var one = new ClientCounts("t", "one");
        for (var i = 0; i < 4 * CallMemory.Size; i++)
            memory.Note(one, Key(i), i);
        memory.Find(Key((4 * CallMemory.Size) - 1)).Single().Client.ShouldBe("one");
        Enumerable.Range(0, 1000).Count(i => memory.Find(Key(i)).Count > 0).ShouldBe(0);

        static VectorKey Key(int i) => new(0, unchecked((ulong)i * 0x9E3779B97F4A7C15), (ulong)i, 1);
    }

    [Fact]
    public async Task AddEmbeddingService_WithMetrics_MeasuresWhatTheStatsSay()
    {
        await using var provider = new ServiceCollection().AddMetrics().AddLogging().AddEmbeddingService().BuildServiceProvider();
        var service = provider.GetRequiredService<EmbeddingService>();
        service.Apply(new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["default"] = new() } });
        await service.EmbedAsync(ServiceHarness.Request("default", "a", "b"));
        await service.EmbedAsync(ServiceHarness.Request("default", "a"));
        var seen = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Scope == (object)provider.GetRequiredService<IMeterFactory>())
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => seen[$"{instrument.Name}{(tags.Length > 0 ? $":{tags[0].Value}" : "")}"] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        seen["weir.embeddings.inputs:hit"].ShouldBe(1);
        seen["weir.embeddings.inputs:miss"].ShouldBe(2);
        seen["weir.embeddings.cache.entries"].ShouldBe(2);
    }
}
