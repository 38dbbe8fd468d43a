using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Hosting;

/// <summary>The configuration changes, and the server stops, in the middle of traffic.</summary>
public sealed class ReloadTests
{
    private static readonly Func<Exchange, Task> Serve = async exchange =>
    {
        if (!exchange.Request.Body.Contains("\"stream\":true", StringComparison.Ordinal))
        {
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
            return;
        }

        await exchange.BeginStreamAsync();
        for (var i = 0; i < 5; i++)
        {
            await exchange.EventAsync($$"""{"n":{{i}}}""");
            await Task.Delay(1);
        }

        await exchange.EventAsync("[DONE]");
        await exchange.EndAsync();
    };

    [Fact]
    public async Task Reload_AtAnyMomentOfTraffic_DropsNoRequest() => await RandomSchedule.RunAsync(4, async random =>
    {
        await using var one = new ScriptedUpstream(Serve);
        await using var two = new ScriptedUpstream(Serve);
        await using var server = await RunningServer.StartAsync(new() { Weir = Draw(new Random(1), one, two) });
        var live = server.Service<LiveConfiguration>();
        using var over = new CancellationTokenSource();
        var served = new ConcurrentBag<string>();
        var clients = Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            // At least one each, whatever the scheduler does.
            do
            {
                served.Add(await AskAsync(server, stream: i % 2 == 0));
            }
            while (!over.IsCancellationRequested);
        })).ToArray();

        for (var reloads = 0; reloads < 40; reloads++)
        {
            live.Swap(Draw(random, one, two)).ShouldBeEmpty();
            await Task.Delay(random.Next(5));
        }

        await over.CancelAsync();
        await Task.WhenAll(clients);
        served.Where(answer => answer.Length > 0).ShouldBeEmpty();
        served.Count.ShouldBeGreaterThanOrEqualTo(8);
        foreach (var route in server.Service<RouteTables>().Current.Routes.Values)
        {
            foreach (var deployment in route.Deployments) deployment.State.Lane.Load.ShouldBe(0);
        }
    });

    [Fact]
    public async Task Reload_ThatTakesRouteAndProviderAway_LetsStreamAndQueuedEnd()
    {
        var release = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(
            async exchange =>
            {
                await exchange.BeginStreamAsync();
                await exchange.EventAsync("""{"n":0}""");
                await release.Task;
                await exchange.EventAsync("[DONE]");
                await exchange.EndAsync();
            },
            exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));
        var limited = new ProviderOptions { BaseUrl = upstream.BaseUrl, ApiKey = "sk-1", Limits = new LimitOptions { MaxConcurrency = 1 } };
        await using var server = await RunningServer.StartAsync(new() { Weir = To(limited) });
        var stream = AskAsync(server, stream: true);
        await upstream.ReceivedAsync();
        var queued = AskAsync(server, stream: false);
        var lane = server.Service<RouteTables>().Current.Routes["fast"].Deployments[0].State.Lane;
        await Eventually.TrueAsync(() => lane.Queued == 1);

        server.Service<LiveConfiguration>().Swap(new WeirOptions()).ShouldBeEmpty();

        (await AskAsync(server, stream: false)).ShouldStartWith("404");
        release.SetResult();
        (await stream).ShouldBe("");
        (await queued).ShouldBe("");
        upstream.Requests.Count.ShouldBe(2);
    }

    // The answer goes on in the dialect that it began in, whatever the provider's name stands for by then.
    [Fact]
    public async Task Reload_ToAnotherDialect_LetsATranslatedStreamEnd()
    {
        var release = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"type":"message_start","message":{"id":"1","usage":{"input_tokens":1,"output_tokens":1}}}""");
            await exchange.EventAsync("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one"}}""");
            await release.Task;
            await exchange.EventAsync("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"two"}}""");
            await exchange.EventAsync("""{"type":"message_stop"}""");
            await exchange.EndAsync();
        });
        var options = new ProviderOptions { BaseUrl = upstream.BaseUrl, ApiKey = "sk-1", Dialect = Dialect.Anthropic };
        await using var server = await RunningServer.StartAsync(new() { Weir = To(options) });
        using var answer = await server.SendAsync(HttpMethod.Post, "/v1/chat/completions", body: new StringContent(
            """{"model":"fast","messages":[{"role":"user","content":"hi"}],"stream":true}""", Encoding.UTF8, "application/json"));

        server.Service<LiveConfiguration>().Swap(To(options with { Dialect = Dialect.OpenAI })).ShouldBeEmpty();
        release.SetResult();
        var text = await answer.Content.ReadAsStringAsync();

        text.ShouldContain("\"content\":\"one\"");
        text.ShouldContain("\"content\":\"two\"");
        text.ShouldEndWith("data: [DONE]\n\n");
    }

    [Fact]
    public async Task Stop_WithStreamsUnderWay_LetsThemEndWhole()
    {
        var release = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"n":0}""");
            await release.Task;
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var server = await RunningServer.StartAsync(new() { Sockets = true, Weir = To(new ProviderOptions { BaseUrl = upstream.BaseUrl }) });
        var streams = Enumerable.Range(0, 10).Select(_ => AskAsync(server, stream: true)).ToArray();
        await Eventually.TrueAsync(() => upstream.Requests.Count == 10);

        var stopping = server.App.StopAsync();
        await Eventually.TrueAsync(() => server.Service<Drain>().Phase == ServerPhase.Draining);
        (await AskAsync(server, stream: false)).ShouldStartWith("503");
        release.SetResult();

        (await Task.WhenAll(streams)).ShouldAllBe(answer => answer.Length == 0);
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
    }

    // The route leads somewhere at every moment; everything else about it changes.
    private static WeirOptions Draw(Random random, ScriptedUpstream one, ScriptedUpstream two)
    {
        ProviderOptions Provider(ScriptedUpstream upstream) => new()
        {
            BaseUrl = upstream.BaseUrl,
            ApiKeys = [.. Enumerable.Range(0, random.Next(1, 3)).Select(i => $"sk-{random.Next(4)}-{i}")],
            Connections = new ConnectionOptions { Max = random.Next(4, 7) },
            Limits = new LimitOptions { MaxConcurrency = random.Next(1, 6) },
            Retry = new RetryOptions { BudgetFloor = random.Next(5, 20) },
        };
        var providers = new Dictionary<string, ProviderOptions>();
        var names = random.Next(3) switch { 0 => (string[])["a"], 1 => ["b"], _ => ["a", "b"] };
        foreach (var name in names) providers[name] = Provider(name == "a" ? one : two);
        return new WeirOptions
        {
            Providers = providers,
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new()
                {
                    Deployments = [.. names.Select(name => new DeploymentOptions { Provider = name, Model = $"m{random.Next(3)}", Order = random.Next(2) })],
                    Overflow = random.Next(2) == 0,
                },
                [$"other-{random.Next(3)}"] = new() { Deployments = [new() { Provider = names[0], Model = "m" }] },
            },
        };
    }

    private static WeirOptions To(ProviderOptions provider) => new()
    {
        Providers = new Dictionary<string, ProviderOptions> { ["p"] = provider },
        Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
    };

    // Empty: answered whole. Else what went wrong.
    private static async Task<string> AskAsync(RunningServer server, bool stream)
    {
        using var answer = await server.SendAsync(HttpMethod.Post, "/v1/chat/completions", body: new StringContent(
            $$"""{"model":"fast","messages":[],"stream":{{(stream ? "true" : "false")}}}""", Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        var isWhole = stream ? text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal) && !text.Contains("\"error\"") : text == ScriptedUpstream.Answer;
        return answer.StatusCode == HttpStatusCode.OK && isWhole ? "" : $"{(int)answer.StatusCode} {text}";
    }
}
