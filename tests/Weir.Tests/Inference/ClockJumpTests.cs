using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference;

/// <summary>The wall clock is set by hours, back or forth: what is under way, kept or counted does not notice.</summary>
public sealed class ClockJumpTests
{
    private const string Body = """{"model":"fast","messages":[],"temperature":0}""";

    [Theory]
    [InlineData(-7)]
    [InlineData(7)]
    public async Task RunAsync_JumpInTheMiddleOfAStream_EndsWhole(int hours)
    {
        var go = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[]}""");
            await go.Task;
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var running = gateway.StreamAsync(timeout: TimeSpan.FromMinutes(1));
        await gateway.Begun;
        gateway.Time.JumpUtc(TimeSpan.FromHours(hours));
        go.SetResult();
        var answer = await running;

        answer.Report.FailedBy.ShouldBeNull();
        answer.Text.ShouldEndWith("data: [DONE]\n\n");
    }

    [Theory]
    [InlineData(-7)]
    [InlineData(7)]
    public async Task RunAsync_JumpWhileAnAnswerIsKept_IsKeptForItsTime(int hours)
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        await gateway.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));

        gateway.Time.JumpUtc(TimeSpan.FromHours(hours));
        await gateway.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));
        upstream.Requests.Count.ShouldBe(1);

        gateway.Time.Advance(CacheSettings.Default.Ttl);
        await gateway.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));
        upstream.Requests.Count.ShouldBe(2);
    }

    // The other replica's clock is five hours ahead: its answers are not given for five hours longer.
    [Fact]
    public async Task RunAsync_AnswerKeptByAReplicaWithAnotherClock_IsKeptNoLongerThanAnyOther()
    {
        var storeTime = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), storeTime);
        await using var upstream = new ScriptedUpstream();
        await using var ahead = new GatewayHarness(GatewayHarness.Route(upstream), store: store);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), store: store);
        ahead.Time.JumpUtc(TimeSpan.FromHours(5));
        await ahead.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));
        await gateway.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));
        upstream.Requests.Count.ShouldBe(1, "it is shared");

        storeTime.Advance(CacheSettings.Default.Ttl + TimeSpan.FromSeconds(1));
        gateway.Time.Advance(CacheSettings.Default.Ttl + TimeSpan.FromSeconds(1));
        await gateway.RunAsync(Asking.For(Body, Operation.ChatCompletions, cache: true));

        upstream.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(-7)]
    [InlineData(7)]
    public async Task RunAsync_JumpWithALimitUsedUp_WaitsForItsMinute(int hours)
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Limits = new LimitOptions { RequestsPerMinute = 1 } }, upstream));
        await gateway.ChatAsync();

        gateway.Time.JumpUtc(TimeSpan.FromHours(hours));
        var second = gateway.ChatAsync();
        var lane = gateway.Tables.Current.Find("fast")!.Deployments[0].State.Lane;
        while (lane.Queued == 0)
        {
            second.IsCompleted.ShouldBeFalse();
            await Task.Delay(5);
        }

        gateway.Time.Advance(TimeSpan.FromMinutes(1));
        (await gateway.RunAsync(second)).Status.ShouldBe(200);
    }
}
