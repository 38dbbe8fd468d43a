using System.Text;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Coalescing;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Coalescing;

public sealed class AnswerFlightsTests : IAsyncLifetime
{
    private const string Stream = """{"model":"fast","messages":[],"temperature":0,"stream":true}""";
    private const string Body = """{"model":"fast","messages":[],"temperature":0}""";

    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ScriptedUpstream? _upstream;
    private GatewayHarness? _gateway;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _go.TrySetResult();
        await _gateway!.DisposeAsync();
        await _upstream!.DisposeAsync();
    }

    [Fact]
    public async Task Run_ManyAtOnce_AreOneCallAndOneIsCharged()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var asking = Enumerable.Range(0, 200).Select(_ => AskAsync(Body)).ToArray();
        await _upstream!.ReceivedAsync();
        _go.SetResult();
        var answers = await Task.WhenAll(asking);
        answers.ShouldAllBe(answer => answer.Text == ScriptedUpstream.Answer && answer.Report.Deployment == "a/real-model");
        answers.Count(answer => answer.Report.Usage is not null).ShouldBe(1);
        answers[0].Report.Usage.ShouldBe(new TokenUsage(3, 5));
        answers.Count(answer => answer.Report.Cache == CacheOutcome.Miss).ShouldBe(1);
        answers.Count(answer => answer.Report.Cache == CacheOutcome.Coalesced).ShouldBe(199);
        _upstream.Requests.Count.ShouldBe(1);
        _gateway!.Get<AnswerFlights>().Count.ShouldBe(0);
    }

    [Fact]
    public async Task Run_NotCached_IsNeverJoined()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var asking = new[] { AskAsync(Body, cache: null), AskAsync(Body, cache: null), AskAsync(Body, cache: true, tenant: "u"), AskAsync(Body, cache: true) };
        await Eventually.TrueAsync(() => _upstream!.Requests.Count == 4);
        _go.SetResult();
        (await Task.WhenAll(asking)).ShouldAllBe(answer => answer.Report.Usage != null);
    }

    [Fact]
    public async Task Run_Background_IsNotJoinedByWhoWaits()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var background = _gateway!.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true, background: true));
        var interactive = AskAsync(Body);
        await Eventually.TrueAsync(() => _upstream!.Requests.Count == 2);
        _go.SetResult();
        await Task.WhenAll(background, interactive);
    }

    [Fact]
    public async Task Run_Stream_IsFollowedAsItComesAlsoByWhoComesLate()
    {
        Start(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("1");
            await _go.Task;
            await exchange.EventAsync("2");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        var first = AskAsync(Stream);
        await _gateway!.Begun;
        var late = new TestAnswer();
        var following = FollowAsync(late);
        var seen = "";
        while (!seen.Contains('1'))
        {
            var read = await late.Reader.ReadAsync();
            seen += Encoding.UTF8.GetString(read.Buffer);
            late.Reader.AdvanceTo(read.Buffer.End);
        }

        seen.ShouldBe("data: 1\n\n");
        _go.SetResult();
        await following;
        (seen + late.Text).ShouldBe((await first).Text);
        late.Report.Cache.ShouldBe(CacheOutcome.Coalesced);
    }

    [Fact]
    public async Task Run_FirstLeaves_OthersLoseNothingAndTheNextIsCharged()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        using var gone = new CancellationTokenSource();
        var first = AskAsync(Body, clientGone: gone.Token);
        await _upstream!.ReceivedAsync();
        var second = AskAsync(Body);
        var third = AskAsync(Body);
        await gone.CancelAsync();
        var left = await first;
        (left.Report.Status, left.Report.Usage).ShouldBe((499, null));
        _go.SetResult();
        var stayed = await Task.WhenAll(second, third);
        stayed.ShouldAllBe(answer => answer.Text == ScriptedUpstream.Answer);
        stayed.Count(answer => answer.Report.Usage is not null).ShouldBe(1);
        (await AskAsync(Body)).Report.Cache.ShouldBe(CacheOutcome.Hit);
        _upstream.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Run_AllLeave_TheProvidersWorkIsCancelled()
    {
        var closed = new TaskCompletionSource();
        Start(async exchange =>
        {
            await exchange.ClosedByGatewayAsync();
            closed.SetResult();
        });
        using var gone = new CancellationTokenSource();
        var all = new[] { AskAsync(Body, clientGone: gone.Token), AskAsync(Body, clientGone: gone.Token) };
        await _upstream!.ReceivedAsync();
        await gone.CancelAsync();
        (await Task.WhenAll(all)).ShouldAllBe(answer => answer.Report.Status == 499);
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _gateway!.Get<AnswerFlights>().Count.ShouldBe(0);
    }

    [Fact]
    public async Task Run_FirstMeetsAnError_AllGetIt()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(401, "{}");
        });
        var all = Enumerable.Range(0, 5).Select(_ => AskAsync(Body)).ToArray();
        await _upstream!.ReceivedAsync();
        _go.SetResult();
        (await Task.WhenAll(all)).ShouldAllBe(answer => answer.Report.Error!.Code == "provider_refused");
        _upstream.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Run_FirstsDeadlinePasses_OthersTryForThemselves()
    {
        Start(
            async exchange =>
            {
                await exchange.ClosedByGatewayAsync();
            },
            exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));
        var hasty = _gateway!.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true, timeout: TimeSpan.FromSeconds(1)));
        await _upstream!.ReceivedAsync();
        var patient = AskAsync(Body);
        await _gateway.ElapseAsync(TimeSpan.FromSeconds(1));
        (await hasty).Report.Error!.Code.ShouldBe("deadline_exceeded");
        (await patient).Text.ShouldBe(ScriptedUpstream.Answer);
        _upstream.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Run_JoinedOnesDeadlinePasses_OnlyThatOneEnds()
    {
        Start(async exchange =>
        {
            await _go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        var first = AskAsync(Body);
        await _upstream!.ReceivedAsync();
        var hasty = _gateway!.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true, timeout: TimeSpan.FromSeconds(1)));
        await _gateway.ElapseAsync(TimeSpan.FromSeconds(1));
        (await hasty).Report.Error!.Code.ShouldBe("deadline_exceeded");
        _go.SetResult();
        (await first).Text.ShouldBe(ScriptedUpstream.Answer);
    }

    private async Task FollowAsync(TestAnswer answer)
    {
        answer.Report = await _gateway!.Get<InferencePipeline>().RunAsync(Asking.For(Stream, Operation.ChatCompletions, cache: true), answer, CancellationToken.None);
        answer.Finish();
    }

    private Task<TestAnswer> AskAsync(string body, bool? cache = true, string tenant = "t", CancellationToken clientGone = default) =>
        _gateway!.RunAsync(Asking.For(body, Operation.ChatCompletions, cache, tenant), clientGone);

    private void Start(params Func<Exchange, Task>[] script)
    {
        _upstream = new ScriptedUpstream(script);
        _gateway = new GatewayHarness(GatewayHarness.Route(_upstream));
    }
}
