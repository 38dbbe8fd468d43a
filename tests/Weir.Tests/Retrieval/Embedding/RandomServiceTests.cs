using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Encoders;
using Weir.Tests.Flow;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding;

/// <summary>Callers, cancellations, failures, reloads, unloads and restarts in any order: everyone gets the vector of their own text or an error that is true.</summary>
public sealed class RandomServiceTests
{
    private static readonly string[] Revisions = ["one", "two", "broken"];

    [Fact]
    public Task Embed_AnyScheduleOfEverything_IsRightAndLeaksNothing() => RandomSchedule.RunAsync(25, async random =>
    {
        var store = new FakeCacheStore();
        var route = new FakeRoute();
        var loader = new FakeLoader(route);
        var seed = random.Next();
        var chance = new Random(seed);
        int Next(int most)
        {
            lock (chance)
                return chance.Next(most);
        }

        route.Before = (_, token) => Task.Run(() => Spin(Next(200)), token);
        route.Error = _ => Next(20) == 0 ? new(502, "flaky", "no") : null;
        await using var harness = new ServiceHarness(
            random.Next(2) == 0 ? store : null, loader: loader, route: route, encoders: new EncoderSettings { MaxThreads = random.Next(1, 5), BatchTokens = random.Next(4, 200), MaxInputs = random.Next(20, 500) },
            options: Options(random, "one"));
        var callers = Enumerable.Range(0, 12).Select(i => CallAsync(harness, new Random(seed + i))).ToArray();
        for (var step = 0; step < 15; step++)
        {
            harness.Service.Apply(Options(random, Revisions[random.Next(3)]));
            if (random.Next(4) == 0)
                await harness.Service.ClearAsync();
            if (random.Next(4) == 0)
                (await harness.Service.ExplainAsync("m", "t1", ServiceHarness.Asker)).Explanation?.Model.ShouldBe("m");
            store.Fails = random.Next(3) == 0;
            await Task.Yield();
            Spin(random.Next(2000));
        }

        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => harness.Service.Snapshot() is { InFlight: 0, Encoders: { Queued: 0, QueuedBytes: 0 } });
        var stats = harness.Service.Snapshot();
        stats.Inputs.ShouldBe(stats.Hits + stats.Misses + stats.Coalesced + stats.Unanswered);
        stats.Cache.Bytes.ShouldBeInRange(0, stats.Cache.MaxBytes);
        await harness.Service.ClearAsync();
        harness.Service.Snapshot().Cache.Bytes.ShouldBe(0);
        await harness.DisposeAsync();
        await Eventually.TrueAsync(() => loader.Loaded.All(model => model.IsDisposed));
        loader.Loaded.SelectMany(model => model.Faults).ShouldBeEmpty();
    });

    private static async Task CallAsync(ServiceHarness harness, Random random)
    {
        for (var call = 0; call < 40; call++)
        {
            var model = random.Next(3) == 0 ? "r" : "m";
            // One text in two lengths is two vectors, each of which is made at its own time: here no text is asked for in both.
            int? dimensions = random.Next(4) == 0 ? 5 : null;
            var end = dimensions is null ? "" : " short";
            var texts = Enumerable.Range(0, random.Next(1, 12)).Select(_ => (random.Next(60) == 0 ? $"poison{random.Next(3)}" : $"t{random.Next(40)}") + end).ToArray();
            using var leaving = new CancellationTokenSource();
            var request = ServiceHarness.Request(model, texts) with { Asker = new("t", $"{random.Next(3)}") { IsBackground = random.Next(3) == 0, Priority = random.Next(10) }, Dimensions = dimensions };
            var asking = harness.EmbedAsync(request, leaving.Token);
            if (random.Next(4) == 0)
            {
                Spin(random.Next(500));
                await leaving.CancelAsync();
            }

            try
            {
                Check(await asking, texts, request.Dimensions ?? 8, model);
            }
            catch (OperationCanceledException) when (leaving.IsCancellationRequested)
            {
                // It left.
            }
        }
    }

    private static void Check(EmbeddingResult result, string[] texts, int dimensions, string model)
    {
        if (result.Error is { } error)
        {
            (model == "r" ? new[] { "flaky" } : ["embedding_failed", "embeddings_overloaded", "embedding_model_unavailable"]).ShouldContain(error.Code, error.Message);
            if (error.Code == "embedding_failed")
                texts.ShouldContain(text => text.StartsWith("poison", StringComparison.Ordinal));
            return;
        }

        result.Vectors.Count.ShouldBe(texts.Length);
        for (var i = 0; i < texts.Length; i++)
        {
            var expected = model == "r" ? FakeModel.VectorOf("provider/model", texts[i], dimensions) : FakeModel.VectorOf(result.Revision, texts[i], 8)[..dimensions];
            var norm = MathF.Sqrt(expected.Sum(x => x * x));
            for (var d = 0; d < dimensions; d++)
                result.Vectors[i].Span[d].ShouldBe(expected[d] / norm, 0.02f, $"{texts[i]} of {result.Revision}");
        }
    }

    private static EmbeddingOptions Options(Random random, string revision) => new()
    {
        Models = new Dictionary<string, EmbeddingModelOptions>
        {
            ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = revision },
            ["r"] = new() { Kind = EmbeddingModelKind.Route, Route = "provider/model" },
        },
        Cache = new EmbeddingCacheOptions { MaxBytes = random.Next(3) == 0 ? random.Next(20_000) : 1 << 20, Precision = (VectorPrecision)random.Next(2), Persist = random.Next(2) == 0 },
        UnloadIdle = random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(1),
    };

    private static void Spin(int iterations) => Thread.SpinWait(iterations);
}
