using System.Text.Json;
using Weir.Inference.Load;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Coalescing;
using Weir.Inference.Embeddings;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Embeddings;

public sealed class EmbeddingJourneysTests : IAsyncLifetime
{
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EmbeddingUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    public ValueTask InitializeAsync()
    {
        Start();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _go.TrySetResult();
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Run_Alone_GoesAndComesAsItsBytes()
    {
        const string Body = """{ "model":"fast", "user":"u", "input":["a", "a"] }""";
        var answer = await AskAsync(Body);
        _upstream.Provider.Requests.Single().Body.ShouldBe(Body.Replace("fast", "real-model", StringComparison.Ordinal));
        answer.Text.ShouldContain("\"total_tokens\":2 }");
        (answer.Report.Cache, answer.Report.Attempts, answer.Report.Usage!.Value.Input).ShouldBe((null, 1, 2));
        _gateway.Get<EmbeddingBatches>().Count.ShouldBe(0);
    }

    [Fact]
    public async Task Run_ThousandIdenticalAtOnceOfManyTenants_IsExactlyOneCall()
    {
        Restart(_ => _go.Task);
        var asking = Enumerable.Range(0, 1000).Select(i => AskAsync(EmbeddingUpstream.Request("same"), tenant: $"t{i % 7}")).ToArray();
        await _upstream.Provider.ReceivedAsync();
        _go.SetResult();
        var answers = await Task.WhenAll(asking);
        _upstream.Calls.Count.ShouldBe(1);
        answers.ShouldAllBe(answer => answer.Text == answers[0].Text && answer.Status == 200);
        answers.Count(answer => answer.Report.Cache == CacheOutcome.Coalesced).ShouldBe(999);
        answers.Sum(answer => answer.Report.Usage?.Input ?? 0).ShouldBe(4);
    }

    [Fact]
    public async Task Run_WhileOthersAreUnderWay_GoTogetherEachTextOnce()
    {
        Restart(Hold(first: 1));
        var lone = AskAsync(EmbeddingUpstream.Request("first"));
        await _upstream.Provider.ReceivedAsync();
        string[][] wanted = [["b", "a"], ["a"], ["ccc", "b", "b"]];
        var asking = wanted.Select(texts => AskAsync(EmbeddingUpstream.Request(texts))).ToArray();
        var single = AskAsync("""{"model":"fast","input":"a","user":"x"}""");
        await WaitForPending(4);
        _go.SetResult();
        await lone;
        for (var i = 0; i < wanted.Length; i++)
        {
            VectorsOf(await asking[i]).ShouldBe(wanted[i].Select(EmbeddingUpstream.VectorOf));
        }

        var alone = await single;
        VectorsOf(alone).ShouldBe([EmbeddingUpstream.VectorOf("a")]);
        alone.Head!.Value.ContentLength.ShouldBe(alone.Text.Length);
        _upstream.Calls.Count.ShouldBe(2);
        _upstream.Calls.Last().Order().ShouldBe(["a", "b", "ccc"]);
        var all = (await Task.WhenAll(asking)).Append(alone).ToList();
        all.Sum(answer => answer.Report.Usage!.Value.Total).ShouldBe(5);
        foreach (var answer in all)
        {
            var root = JsonDocument.Parse(answer.Text).RootElement;
            root.GetProperty("usage").GetProperty("total_tokens").GetInt64().ShouldBe(answer.Report.Usage!.Value.Total);
            root.GetProperty("model").GetString().ShouldBe("real-model-001");
        }
    }

    [Fact]
    public async Task Run_OtherParameters_NeverGoTogether()
    {
        Restart(Hold(first: 1));
        var lone = AskAsync(EmbeddingUpstream.Request("first"));
        await _upstream.Provider.ReceivedAsync();
        var asking = new[]
        {
            AskAsync(EmbeddingUpstream.RequestWith(""","dimensions":2""", "a")),
            AskAsync(EmbeddingUpstream.RequestWith(""","encoding_format":"base64" """, "b")),
            AskAsync("""{"model":"fast","input":[1,2]}"""),
        };
        await Task.WhenAll(asking);
        _go.SetResult();
        await lone;
        _upstream.Calls.Count.ShouldBe(4);
    }

    [Fact]
    public async Task Run_MoreThanOneCallTakes_IsSplitAndMergedInOrder()
    {
        Restart(maxBatch: 10);
        var texts = Enumerable.Range(0, 37).Select(i => new string('x', i + 1)).ToArray();
        var answer = await AskAsync(EmbeddingUpstream.Request(texts));
        VectorsOf(answer).ShouldBe(texts.Select(EmbeddingUpstream.VectorOf));
        IndicesOf(answer).ShouldBe(Enumerable.Range(0, 37));
        _upstream.Calls.Select(call => call.Length).Order().ShouldBe([7, 10, 10, 10]);
        (answer.Report.Usage!.Value.Input, answer.Report.Attempts).ShouldBe((texts.Sum(text => text.Length), 4));
    }

    [Theory]
    [InlineData(7, 1, 1)]
    [InlineData(17, 4, 1)]
    [InlineData(17, 7, 2)]
    public async Task Run_SameTextsInMoreThanOneCallTakes_GoOnce(int inputs, int distinct, int calls)
    {
        Restart(maxBatch: 5);
        var texts = Enumerable.Range(0, inputs).Select(i => new string('x', (i % distinct) + 1)).ToArray();
        var answer = await AskAsync(EmbeddingUpstream.Request(texts));
        VectorsOf(answer).ShouldBe(texts.Select(EmbeddingUpstream.VectorOf));
        IndicesOf(answer).ShouldBe(Enumerable.Range(0, inputs));
        _upstream.Calls.Count.ShouldBe(calls);
        _upstream.Calls.SelectMany(call => call).Order().ShouldBe(texts.Distinct().Order());
    }

    [Fact]
    public async Task Run_SplitWithABadText_IsTheProvidersAnswer()
    {
        Restart(maxBatch: 2);
        var answer = await AskAsync(EmbeddingUpstream.Request("a", "b", "c", "bad", "e"));
        (answer.Status, answer.Report.Error).ShouldBe((400, null));
        answer.Text.ShouldContain("bad_text");
    }

    [Fact]
    public async Task Run_TooManyInputs_AreRefused()
    {
        var body = $$"""{"model":"fast","input":[{{string.Join(',', Enumerable.Repeat("\"\"", EmbeddingJourneys.MostInputs + 1))}}]}""";
        (await AskAsync(body)).Report.Error!.Code.ShouldBe("too_many_inputs");
    }

    [Fact]
    public async Task Run_RouteWhoseModelsDiffer_IsRefusedBeforeAnythingIsSent()
    {
        var options = GatewayHarness.Route(_upstream.Provider);
        _gateway.Gateway.Apply(options with
        {
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { Deployments = [new() { Provider = "a", Model = "one" }, new() { Provider = "a", Model = "two", Order = 1 }] },
            },
        });
        var error = (await AskAsync(EmbeddingUpstream.Request("a"))).Report.Error!;
        (error.Status, error.Code).ShouldBe((422, "embedding_models_differ"));
        _upstream.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task Run_Cached_IsKeptPerTenant()
    {
        var body = EmbeddingUpstream.Request("a");
        (await AskAsync(body, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Miss);
        (await AskAsync(body, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Hit);
        (await AskAsync(body, cache: true, tenant: "u")).Report.Cache.ShouldBe(CacheOutcome.Miss);
        _upstream.Calls.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_AnswerOfTheWrongShape_IsAnErrorForWhoWentTogether()
    {
        var go = new TaskCompletionSource();
        var served = 0;
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            if (Interlocked.Increment(ref served) == 1)
            {
                await go.Task;
            }

            await exchange.RespondAsync(200, """{"data":[{"embedding":[1]}]}""");
        });
        await _gateway.DisposeAsync();
        _gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        var lone = AskAsync(EmbeddingUpstream.Request("first"));
        await upstream.ReceivedAsync();
        var both = new[] { AskAsync(EmbeddingUpstream.Request("a")), AskAsync(EmbeddingUpstream.Request("b")) };
        await WaitForPending(2);
        _gateway.Time.Advance(LoadProfile.Balanced.BatchWait);
        (await Task.WhenAll(both)).ShouldAllBe(answer => answer.Report.Error!.Code == "provider_broken" && answer.Report.Error.Status == 502);
        go.SetResult();
        (await lone).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Run_OnesDeadlinePasses_OthersOfItsBatchAreAnswered()
    {
        Restart(Hold(first: 2));
        var lone = AskAsync(EmbeddingUpstream.Request("first"));
        await _upstream.Provider.ReceivedAsync();
        var hasty = _gateway.RunAsync(Asking.For(EmbeddingUpstream.Request("a"), Operation.Embeddings, timeout: TimeSpan.FromSeconds(1)));
        var patient = AskAsync(EmbeddingUpstream.Request("b"));
        await WaitForPending(2);
        _gateway.Time.Advance(LoadProfile.Balanced.BatchWait);
        await Eventually.TrueAsync(() => _upstream.Calls.Count == 2);
        _gateway.Time.Advance(TimeSpan.FromSeconds(1));
        (await hasty).Report.Error!.Code.ShouldBe("deadline_exceeded");
        _go.SetResult();
        VectorsOf(await patient).ShouldBe([EmbeddingUpstream.VectorOf("b")]);
        await lone;
    }

    [Fact]
    public async Task Run_RandomSchedules_EachGetsItsOwnAndTheBadNobodyElse() => await RandomSchedule.RunAsync(25, async random =>
    {
        await DisposeAsync();
        var delays = new Random(random.Next());
        Start(_ => Task.Delay(Next(delays, 4)), maxBatch: random.Next(2, 12));
        var asking = new List<(string[] Texts, CancellationTokenSource Gone, Task<TestAnswer> Task)>();
        for (var i = 0; i < 60; i++)
        {
            var texts = Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(25) == 0 ? $"bad{random.Next(9)}" : $"t{random.Next(200)}").ToArray();
            var gone = new CancellationTokenSource();
            asking.Add((texts, gone, AskAsync(EmbeddingUpstream.Request(texts), clientGone: gone.Token)));
            if (random.Next(8) == 0)
            {
                await asking[random.Next(asking.Count)].Gone.CancelAsync();
            }

            if (random.Next(4) == 0)
            {
                await Task.Delay(1);
                _gateway.Time.Advance(TimeSpan.FromMilliseconds(random.Next(4)));
            }
        }

        // The batcher's clock stands still: what waits for company goes when its time is moved on.
        var all = Task.WhenAll(asking.Select(one => one.Task));
        while (!all.IsCompleted)
        {
            await Task.WhenAny(all, Task.Delay(2));
            _gateway.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        foreach (var (texts, gone, task) in asking)
        {
            var answer = await task;
            if (answer.Report.FailedBy == "client_left")
            {
                gone.IsCancellationRequested.ShouldBeTrue();
            }
            else if (texts.Any(text => text.StartsWith("bad", StringComparison.Ordinal)))
            {
                (answer.Status, answer.Report.Error).ShouldBe((400, null));
            }
            else
            {
                answer.Report.Error.ShouldBeNull();
                VectorsOf(answer).ShouldBe(texts.Select(EmbeddingUpstream.VectorOf));
            }
        }

        _upstream.Calls.ShouldAllBe(call => call.Length <= 12);
        _gateway.Get<AnswerFlights>().Count.ShouldBe(0);
        _gateway.Get<EmbeddingBatches>().Count.ShouldBe(0);
    });

    private static int Next(Random random, int most)
    {
        lock (random)
        {
            return random.Next(most);
        }
    }

    private static IEnumerable<string> VectorsOf(TestAnswer answer) =>
        [.. JsonDocument.Parse(answer.Text).RootElement.GetProperty("data").EnumerateArray()
            .OrderBy(item => item.GetProperty("index").GetInt32()).Select(item => item.GetProperty("embedding").GetRawText())];

    private static IEnumerable<int> IndicesOf(TestAnswer answer) =>
        [.. JsonDocument.Parse(answer.Text).RootElement.GetProperty("data").EnumerateArray().Select(item => item.GetProperty("index").GetInt32())];

    // The first calls wait for the signal, the rest are answered at once.
    private Func<Exchange, Task> Hold(int first)
    {
        var served = 0;
        return _ => Interlocked.Increment(ref served) <= first ? _go.Task : Task.CompletedTask;
    }

    private Task WaitForPending(int count) => Eventually.TrueAsync(() => _gateway.Get<EmbeddingBatches>().Pending == count);

    private void Start(Func<Exchange, Task>? before = null, int? maxBatch = null)
    {
        _upstream = new EmbeddingUpstream(before);
        _gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Limits = new LimitOptions { MaxBatch = maxBatch } }, _upstream.Provider));
    }

    private void Restart(Func<Exchange, Task>? before = null, int? maxBatch = null)
    {
        _gateway.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _upstream.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Start(before, maxBatch);
    }

    private Task<TestAnswer> AskAsync(string body, bool? cache = null, string tenant = "t", CancellationToken clientGone = default) =>
        _gateway.RunAsync(Asking.For(body, Operation.Embeddings, cache, tenant), clientGone);
}
