using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Support;
using Weir.Tests.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Providers;

public sealed class ProviderEndpointsTests
{
    private const string Chat = """{"model":"fast","messages":[]}""";

    [Fact]
    public async Task Pause_ThroughOneReplica_HoldsOnTheOtherAndAfterARestart()
    {
        await using var upstream = new ScriptedUpstream();
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var other = await StartAsync(upstream, store);
        await using (var one = await StartAsync(upstream, store))
        {
            var order = await OrderAsync(one, "pause?drain=true");
            order.GetProperty("state").GetString().ShouldBe("paused");
            order.GetProperty("shared").GetBoolean().ShouldBeTrue();
            order.GetProperty("pause").GetProperty("drain").GetBoolean().ShouldBeTrue();
            (await ChatAsync(one)).ShouldBe(HttpStatusCode.ServiceUnavailable);
            await Eventually.TrueAsync(() => IsPaused(other));
        }

        await using var restarted = await StartAsync(upstream, store);
        await Eventually.TrueAsync(() => IsPaused(restarted));
        (await ChatAsync(restarted)).ShouldBe(HttpStatusCode.ServiceUnavailable);

        await OrderAsync(restarted, "resume");
        (await ChatAsync(restarted)).ShouldBe(HttpStatusCode.OK);
        await Eventually.TrueAsync(() => !IsPaused(other));
    }

    [Fact]
    public async Task Pause_WithTheStoreAway_HoldsHereAndSaysSo()
    {
        await using var upstream = new ScriptedUpstream();
        await using var inner = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new UnreliableStore(inner, new Random(1));
        await using var server = await StartAsync(upstream, store);
        store.Away = true;

        var order = await OrderAsync(server, "pause");

        order.GetProperty("shared").GetBoolean().ShouldBeFalse();
        order.GetProperty("note").GetString().ShouldNotBeNullOrEmpty();
        (await ChatAsync(server)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        // The store comes back and knows nothing of it: what was done here stands.
        store.Away = false;
        store.Interrupt();
        await Task.Delay(300, TestContext.Current.CancellationToken);
        (await ChatAsync(server)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await OrderAsync(server, "resume")).GetProperty("shared").GetBoolean().ShouldBeTrue();
        (await ChatAsync(server)).ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("""{"drain":"yes"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"other":true}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"drain":true}""", HttpStatusCode.OK)]
    [InlineData("{}", HttpStatusCode.OK)]
    public async Task Pause_WithABody_IsReadOrRefused(string body, HttpStatusCode expected)
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream, null);

        using var answer = await server.SendAsync(
            HttpMethod.Post, "/v1/providers/p/pause", server.AdminKey, new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        answer.StatusCode.ShouldBe(expected);
    }

    [Fact]
    public async Task Orders_ForAnUnknownProvider_Are404()
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream, null);

        foreach (var order in (string[])["pause", "resume", "reset"])
        {
            using var answer = await server.SendAsync(HttpMethod.Post, $"/v1/providers/nobody/{order}", server.AdminKey);
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }
    }

    [Fact]
    public async Task Reads_ByARestrictedKey_ShowOnlyItsRoutes()
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream, null);
        var nothing = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], Routes = ["other"] });
        var fast = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], Routes = ["fast"] });

        (await ReadAsync(server, "/v1/routes", nothing)).ShouldBe(0);
        (await ReadAsync(server, "/v1/providers", nothing)).ShouldBe(0);
        (await ReadAsync(server, "/v1/routes", fast)).ShouldBe(1);
        (await ReadAsync(server, "/v1/providers", fast)).ShouldBe(1);
    }

    [Fact]
    public async Task Providers_AfterARequest_AreTypedSnakeCase()
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream, null);
        (await ChatAsync(server)).ShouldBe(HttpStatusCode.OK);

        var provider = (await server.Client.GetFromJsonAsync<JsonElement>("/v1/providers")).GetProperty("data")[0];

        provider.GetProperty("connections").GetProperty("idle").GetString().ShouldBe("1m");
        var deployment = provider.GetProperty("deployments")[0];
        deployment.GetProperty("breaker").GetProperty("state").GetString().ShouldBe("closed");
        deployment.GetProperty("recent").GetProperty("answer").GetProperty("p95_ms").GetDouble().ShouldBeGreaterThan(0);
        provider.ToString().ShouldNotContain("sk-secret");
    }

    private static Task<RunningServer> StartAsync(ScriptedUpstream upstream, IStateStore? store) => RunningServer.StartAsync(new()
    {
        Store = store,
        Weir = new WeirOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl, ApiKey = "sk-secret" } },
            Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
        },
    });

    private static bool IsPaused(RunningServer server) => !server.Service<RouteTables>().Switches.Of("p").IsOn;

    private static async Task<int> ReadAsync(RunningServer server, string path, string key)
    {
        using var answer = await server.SendAsync(HttpMethod.Get, path, key);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetArrayLength();
    }

    private static async Task<JsonElement> OrderAsync(RunningServer server, string order)
    {
        using var answer = await server.SendAsync(HttpMethod.Post, $"/v1/providers/p/{order}", server.AdminKey);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<HttpStatusCode> ChatAsync(RunningServer server)
    {
        using var answer = await server.SendAsync(
            HttpMethod.Post, "/v1/chat/completions", body: new StringContent(Chat, System.Text.Encoding.UTF8, "application/json"));
        return answer.StatusCode;
    }
}
