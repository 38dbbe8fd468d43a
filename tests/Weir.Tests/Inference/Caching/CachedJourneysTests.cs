using System.Text;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Requests;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Caching;

public sealed class CachedJourneysTests : IAsyncLifetime
{
    private const string Body = """{"model":"fast","messages":[],"temperature":0}""";
    private const string Stream = """{"model":"fast","messages":[],"temperature":0,"stream":true}""";

    private readonly List<IAsyncDisposable> _all = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var one in Enumerable.Reverse(_all))
        {
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task Run_AskedForTwice_GivesTheSecondFromTheCache()
    {
        var (gateway, upstream) = Start();
        var first = await AskAsync(gateway, Body, cache: true);
        var second = await AskAsync(gateway, """{ "temperature": 0.0, "messages": [ ], "model": "fast" }""", cache: true);
        (first.Report.Cache, second.Report.Cache).ShouldBe((CacheOutcome.Miss, CacheOutcome.Hit));
        second.Text.ShouldBe(first.Text);
        (second.Status, second.Head!.Value.ContentType, second.Head.Value.ContentLength).ShouldBe((200, "application/json", ScriptedUpstream.Answer.Length));
        (second.Report.Usage, second.Report.Attempts, second.Report.Deployment).ShouldBe((null, 0, null));
        upstream.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Run_NotAskedFor_IsNotCachedAndSaysNothing()
    {
        var (gateway, upstream) = Start();
        for (var i = 0; i < 2; i++)
        {
            (await AskAsync(gateway, Body)).Report.Cache.ShouldBeNull();
        }

        upstream.Requests.Count.ShouldBe(2);
        gateway.Get<LocalAnswers>().Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"model":"fast","messages":[],"temperature":0}""", null, true)]
    [InlineData("""{"model":"fast","messages":[],"temperature":0}""", false, false)]
    [InlineData("""{"model":"fast","messages":[]}""", null, false)]
    [InlineData("""{"model":"fast","messages":[],"temperature":0,"n":3}""", null, false)]
    [InlineData("""{"model":"fast","messages":[],"temperature":1}""", null, false)]
    [InlineData("""{"model":"fast","messages":[],"temperature":1}""", true, true)]
    [InlineData("""{"model":"fast","messages":[],"temperature":0,"store":true}""", true, false)]
    public async Task Run_DefaultIsOn_CachesWhatIsNotSampledOrAskedFor(string body, bool? header, bool isCached)
    {
        var (gateway, upstream) = Start(settings: CacheSettings.Default with { IsDefault = true });
        await AskAsync(gateway, body, header);
        await AskAsync(gateway, body, header);
        upstream.Requests.Count.ShouldBe(isCached ? 1 : 2);
    }

    [Fact]
    public async Task Run_OfAnotherTenant_IsNotAnsweredWithIt()
    {
        var (gateway, upstream) = Start();
        await AskAsync(gateway, Body, cache: true);
        (await AskAsync(gateway, Body, cache: true, tenant: "other")).Report.Cache.ShouldBe(CacheOutcome.Miss);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_AfterItsTime_AsksAgain()
    {
        var (gateway, upstream) = Start();
        await AskAsync(gateway, Body, cache: true);
        gateway.Time.Advance(CacheSettings.Default.Ttl);
        (await AskAsync(gateway, Body, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Miss);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_AfterOtherModelsCameBehindTheRoute_AsksAgain()
    {
        var upstream = Add(new ScriptedUpstream());
        var options = GatewayHarness.Route(upstream);
        var gateway = Add(new GatewayHarness(options));
        await AskAsync(gateway, Body, cache: true);
        var changed = options.Routes["fast"] with { Deployments = [new() { Provider = "a", Model = "newer" }] };
        gateway.Gateway.Apply(options with { Routes = new Dictionary<string, Weir.Inference.Routing.RouteOptions> { ["fast"] = changed } });
        (await AskAsync(gateway, Body, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Miss);
    }

    [Fact]
    public async Task Run_Stream_IsReplayedAsTheSameStream_AndNotForWhoWantsABody()
    {
        var (gateway, upstream) = Start(Streaming, exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));
        var first = await AskAsync(gateway, Stream, cache: true);
        var second = await AskAsync(gateway, Stream, cache: true);
        second.Text.ShouldBe(first.Text);
        second.Text.ShouldEndWith("data: [DONE]\n\n");
        (second.Head!.Value.ContentType, second.Head.Value.ContentLength).ShouldBe(("text/event-stream", null));
        (await AskAsync(gateway, Body, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Miss);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_StreamThatIsCut_IsNotKept()
    {
        var (gateway, upstream) = Start(
            async exchange =>
            {
                await exchange.BeginStreamAsync();
                await exchange.EventAsync("""{"choices":[]}""");
                exchange.Close();
            },
            Streaming);
        (await AskAsync(gateway, Stream, cache: true)).Text.ShouldContain("stream_broken");
        var second = await AskAsync(gateway, Stream, cache: true);
        (second.Report.Cache, second.Text).ShouldBe((CacheOutcome.Miss, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n"));
        (await AskAsync(gateway, Stream, cache: true)).Report.Cache.ShouldBe(CacheOutcome.Hit);
    }

    [Fact]
    public async Task Run_StreamWithAnErrorInIt_IsNotKept()
    {
        var (gateway, upstream) = Start(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[]}""");
            await exchange.EventAsync("""{"error":{"message":"overloaded"}}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await AskAsync(gateway, Stream, cache: true);
        await AskAsync(gateway, Stream, cache: true);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"no"}}""")]
    [InlineData(200, """{"choices":[],"error":{"message":"half an error"}}""")]
    public async Task Run_Error_IsNotKept(int status, string answer)
    {
        var (gateway, upstream) = Start(exchange => exchange.RespondAsync(status, answer));
        await AskAsync(gateway, Body, cache: true);
        await AskAsync(gateway, Body, cache: true);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_AnswerLargerThanOneMayBe_IsPassedOnAndNotKept()
    {
        var text = $$"""{"text":"{{new string('x', 70_000)}}"}""";
        var (gateway, upstream) = Start(CacheSettings.Default with { MaxBytes = 1 << 20 }, exchange => exchange.RespondAsync(200, text));
        (await AskAsync(gateway, Body, cache: true)).Text.ShouldBe(text);
        await AskAsync(gateway, Body, cache: true);
        upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_AtAnotherReplica_IsAnsweredFromWhatTheyShare()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var upstream = Add(new ScriptedUpstream());
        var one = Add(new GatewayHarness(GatewayHarness.Route(upstream), store: store));
        var other = Add(new GatewayHarness(GatewayHarness.Route(upstream), store: store));
        var first = await AskAsync(one, Body, cache: true);
        var second = await AskAsync(other, Body, cache: true);
        (second.Report.Cache, second.Text, second.Report.Usage).ShouldBe((CacheOutcome.Hit, first.Text, null));
        other.Get<LocalAnswers>().Count.ShouldBe(1);
        other.Time.Advance(CacheSettings.Default.Ttl);
        other.Get<LocalAnswers>().Find(Key(other)).ShouldBeNull();
        upstream.Requests.Count.ShouldBe(1);
    }

    private static AnswerKey Key(GatewayHarness gateway)
    {
        var bytes = Encoding.UTF8.GetBytes(Body);
        RequestHeadScanner.Scan(bytes, out var head);
        return CacheableRequest.Read(gateway.Tables.Current.Find("fast")!, new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = bytes, Tenant = "t" }).Key;
    }

    private static async Task Streaming(Exchange exchange)
    {
        await exchange.BeginStreamAsync();
        await exchange.EventAsync("""{"choices":[]}""");
        await exchange.EventAsync("[DONE]");
        await exchange.EndAsync();
    }

    private static Task<TestAnswer> AskAsync(GatewayHarness gateway, string body, bool? cache = null, string tenant = "t") =>
        gateway.RunAsync(Asking.For(body, Operation.ChatCompletions, cache, tenant));

    private (GatewayHarness Gateway, ScriptedUpstream Upstream) Start(params Func<Exchange, Task>[] script) => Start(null, script);

    private (GatewayHarness Gateway, ScriptedUpstream Upstream) Start(CacheSettings? settings, params Func<Exchange, Task>[] script)
    {
        var upstream = Add(new ScriptedUpstream(script));
        return (Add(new GatewayHarness(GatewayHarness.Route(upstream) with { Cache = settings ?? CacheSettings.Default })), upstream);
    }

    private T Add<T>(T one)
        where T : IAsyncDisposable
    {
        _all.Add(one);
        return one;
    }
}
