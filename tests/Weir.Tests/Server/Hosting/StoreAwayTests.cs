using System.Net;
using System.Text;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Support;
using Weir.Tests.Server.Keys;

namespace Weir.Tests.Server.Hosting;

/// <summary>The state store goes away in the middle of traffic, and comes back.</summary>
public sealed class StoreAwayTests
{
    [Fact]
    public async Task Store_AwayInTheMiddle_RequestsOfKnownKeysAreServed()
    {
        var release = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            if (!exchange.Request.Body.Contains("\"stream\":true", StringComparison.Ordinal))
            {
                await exchange.RespondAsync(200, ScriptedUpstream.Answer);
                return;
            }

            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"choices":[]}""");
            await release.Task;
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var memory = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new UnreliableStore(memory, new Random(1));
        await using var server = await RunningServer.StartAsync(new()
        {
            Store = store,
            Weir = new WeirOptions
            {
                Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
            },
        });
        var key = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], RequestsPerMinute = 1000 });
        using var stream = await AskAsync(server, key, ""","stream":true""");

        store.Away = true;
        store.Interrupt();

        for (var i = 0; i < 20; i++)
        {
            using var answer = await AskAsync(server, key, "");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        }

        // Half the paths need the store, and say so rather than failing.
        using (var made = await server.SendAsync(HttpMethod.Post, "/v1/batches", key, new StringContent(
            """{"input_file_id":"file-0","endpoint":"/v1/chat/completions","completion_window":"24h"}""", Encoding.UTF8, "application/json")))
        {
            ((int)made.StatusCode).ShouldBe(503, await made.Content.ReadAsStringAsync());
        }

        release.SetResult();
        (await stream.Content.ReadAsStringAsync()).ShouldEndWith("data: [DONE]\n\n");

        store.Away = false;
        var late = await server.AddKeyAsync(new KeyRequest { Roles = ["app"] });
        using var after = await AskAsync(server, late, "");
        after.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static Task<HttpResponseMessage> AskAsync(RunningServer server, string key, string extra) => server.SendAsync(
        HttpMethod.Post, "/v1/chat/completions", key, new StringContent($$"""{"model":"fast","messages":[]{{extra}}}""", Encoding.UTF8, "application/json"));
}
