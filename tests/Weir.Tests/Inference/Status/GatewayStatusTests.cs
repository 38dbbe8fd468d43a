using System.Text.Json;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Inference.Status;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Status;

public sealed class GatewayStatusTests
{
    [Fact]
    public async Task ReadProviders_AfterAnswersAndFailures_TellsOutcomesLatencyAndTokens()
    {
        await using var first = new ScriptedUpstream(exchange => exchange.RespondAsync(401, "{}"));
        await using var second = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(first, second));
        await gateway.ChatAsync();
        await gateway.ChatAsync();

        var providers = gateway.Get<GatewayStatus>().ReadProviders(null);

        var failing = providers.Single(p => p.Name == "a").Deployments.Single();
        failing.Why.ShouldBe("key_refused");
        failing.Attempts.ShouldBe(new Dictionary<string, long> { ["key_refused"] = 1 });
        failing.Recent.Success.ShouldBe(0);
        providers.Single(p => p.Name == "a").Keys.Single().RefusedFor.ShouldBe(TimeSpan.FromSeconds(60));
        var good = providers.Single(p => p.Name == "b").Deployments.Single();
        good.Usable.ShouldBeTrue();
        good.Attempts.ShouldBe(new Dictionary<string, long> { ["answered"] = 2 });
        good.Recent.Success.ShouldBe(1);
        good.Recent.Answer.ShouldNotBeNull().Count.ShouldBe(2);
        good.Recent.OutputTokens.ShouldBe(10);
    }

    [Fact]
    public async Task ReadProviders_ShowsNoSecret()
    {
        await using var gateway = new GatewayHarness(new()
        {
            Providers = new Dictionary<string, ProviderOptions>
            {
                ["p"] = new() { BaseUrl = "http://user:hidden-1@127.0.0.1:1/v1?key=hidden-2", ApiKeys = ["sk-hidden-3", "sk-hidden-4"], Headers = new Dictionary<string, string> { ["x"] = "hidden-5" } },
            },
        });
        gateway.Tables.Current.Find("p/m");

        var text = JsonSerializer.Serialize(gateway.Get<GatewayStatus>().ReadProviders(null));

        text.ShouldNotContain("hidden");
        gateway.Get<GatewayStatus>().ReadProviders(null).Single().Keys.Select(key => key.Fingerprint).Distinct().Count().ShouldBe(2);
    }

    [Fact]
    public async Task ReadRoutes_ForAKeyWithOneRoute_ShowsThatOneAndItsProvider()
    {
        await using var gateway = new GatewayHarness(new()
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = "http://127.0.0.1:1/v1" }, ["q"] = new() { BaseUrl = "http://127.0.0.1:2/v1" } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["one"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] },
                ["two"] = new() { Deployments = [new() { Provider = "q", Model = "m" }] },
            },
        });
        var status = gateway.Get<GatewayStatus>();

        status.ReadRoutes(name => name == "one").Select(route => route.Name).ShouldBe(["one"]);
        status.ReadProviders(name => name == "one").Select(provider => provider.Name).ShouldBe(["p"]);
        status.ReadRoutes(null).Count.ShouldBe(2);
    }

    [Fact]
    public async Task ReadRoutes_LowestOrderPaused_SaysWhyAndIsUsableByTheHigherOne()
    {
        await using var first = new ScriptedUpstream();
        await using var second = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(first, second));
        gateway.Get<ProviderControl>().Pause("a", new ProviderPause(false, DateTimeOffset.UnixEpoch, "k", true));

        var route = gateway.Get<GatewayStatus>().ReadRoutes(null).Single();
        route.Deployments.Select(d => d.Usable).ShouldBe([false, true]);
        route.Deployments[0].Why.ShouldBe("paused");
        route.Usable.ShouldBeTrue();
    }
}
