using Weir.Flow.Breaking;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Providers;

public sealed class ProviderControlTests
{
    private static readonly ProviderPause AtOnce = new(Drain: false, DateTimeOffset.UnixEpoch, "key_x", IsShared: true);
    private static readonly ProviderPause Draining = AtOnce with { Drain = true };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pause_OfOneProvider_NewRequestsGoToTheOther(bool drain)
    {
        await using var first = new ScriptedUpstream();
        await using var second = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(first, second));
        var control = gateway.Get<ProviderControl>();

        control.Pause("a", drain ? Draining : AtOnce);
        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
        control.Pause("a", null);
        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("a/real-model");
        first.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Pause_OfEveryProvider_Is503ThatNamesThem()
    {
        await using var only = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(only));
        gateway.Get<ProviderControl>().Pause("a", AtOnce);

        var answer = await gateway.ChatAsync();

        answer.Report.Error.ShouldNotBeNull().Status.ShouldBe(503);
        answer.Report.Error.Code.ShouldBe("provider_paused");
        answer.Report.Error.Message.ShouldContain("'a'");
        answer.Report.Error.RetryAfter.ShouldNotBeNull();
        only.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pause_WithOneInFlightAndOneQueued_NeverCutsAndKeepsOrSendsAwayTheQueued(bool drain)
    {
        var release = new TaskCompletionSource();
        await using var only = new ScriptedUpstream(async exchange =>
        {
            await release.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        await using var gateway = new GatewayHarness(
            GatewayHarness.RouteOf(new ProviderOptions { Limits = new LimitOptions { MaxConcurrency = 1 } }, only));
        var inFlight = gateway.ChatAsync();
        await only.ReceivedAsync();
        var queued = gateway.ChatAsync();
        gateway.Tables.DeploymentsOf("a").Single().Lane.Queued.ShouldBe(1);

        gateway.Get<ProviderControl>().Pause("a", drain ? Draining : AtOnce);
        if (!drain)
        {
            (await queued).Report.Error.ShouldNotBeNull().Code.ShouldBe("provider_paused");
        }

        (await gateway.ChatAsync()).Report.Error.ShouldNotBeNull().Code.ShouldBe("provider_paused");
        release.SetResult();
        (await inFlight).Status.ShouldBe(200);
        if (drain)
        {
            (await queued).Status.ShouldBe(200);
        }
    }

    [Fact]
    public async Task Pause_AcrossAReloadThatTakesTheProviderAwayAndBack_Stands()
    {
        await using var only = new ScriptedUpstream();
        var options = GatewayHarness.Route(only);
        await using var gateway = new GatewayHarness(options);
        gateway.Get<ProviderControl>().Pause("a", AtOnce);

        gateway.Gateway.Apply(new InferenceOptions());
        gateway.Gateway.Apply(options with { Providers = options.Providers.ToDictionary(p => p.Key, p => p.Value with { ApiKey = "sk-other" }) });

        (await gateway.ChatAsync()).Report.Error.ShouldNotBeNull().Code.ShouldBe("provider_paused");
        gateway.Get<ProviderControl>().Pause("a", null);
        (await gateway.ChatAsync()).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Reset_ClosesBreakersAndForgetsMarksAndThrottles()
    {
        await using var only = new ScriptedUpstream(
            exchange => exchange.RespondAsync(401, "{}"),
            exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(only));
        (await gateway.ChatAsync()).Status.ShouldBe(502);
        (await gateway.ChatAsync()).Report.Attempts.ShouldBe(0);
        var state = gateway.Tables.DeploymentsOf("a").Single();
        state.Throttle(TimeSpan.FromMinutes(5));
        while (state.Breaker.State == BreakerState.Closed)
        {
            state.CountFailure();
        }

        gateway.Get<ProviderControl>().Reset("a");

        (await gateway.ChatAsync()).Status.ShouldBe(200);
    }
}
