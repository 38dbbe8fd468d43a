using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What Anthropic's clients, and clients of a translated route, see of the server itself.</summary>
public sealed class AnthropicClientsTests
{
    private const string Message = """{"id":"msg_1","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""";

    private static Task<RunningServer> StartAsync(ScriptedUpstream upstream, bool drop = false) => RunningServer.StartAsync(new RunningServer.Options
    {
        Weir = new WeirOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["claude"] = new() { Dialect = Dialect.Anthropic, BaseUrl = upstream.BaseUrl, ApiKey = "sk-secret" } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { DropParams = drop, Deployments = [new DeploymentOptions { Provider = "claude", Model = "real" }] },
            },
        },
    });

    private static async Task<(HttpResponseMessage Answer, JsonNode Body)> PostAsync(RunningServer server, string path, string body, params (string Name, string Value)[] headers)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        var answer = await server.SendAsync(HttpMethod.Post, path, body: content, headers: headers);
        return (answer, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    [Fact]
    public async Task Messages_WithHeadersOfItsDialect_PassesThemOn()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var server = await StartAsync(upstream);

        var (answer, body) = await PostAsync(server, "/v1/messages", """{"model":"fast","max_tokens":5,"messages":[]}""", ("anthropic-beta", "one"), ("anthropic-version", "2023-06-01"));

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        ((string)body["id"]!).ShouldBe("msg_1");
        upstream.Requests.Single().Headers["anthropic-beta"].ShouldBe("one");
    }

    [Fact]
    public async Task Messages_UnderAModelNobodyHas_IsRefusedInAnthropicsShape()
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream);

        var (answer, body) = await PostAsync(server, "/v1/messages", """{"model":"nothing","max_tokens":5,"messages":[]}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        ((string)body["type"]!, (string)body["error"]!["type"]!).ShouldBe(("error", "not_found_error"));
    }

    [Theory]
    [InlineData("anthropic-beta")]
    [InlineData("anthropic-version")]
    public async Task Messages_WithAHeaderThatCannotBePassedOn_Is400(string header)
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream);

        var (answer, body) = await PostAsync(server, "/v1/messages", """{"model":"fast","max_tokens":5,"messages":[]}""", (header, "kä\u0001se"));

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        ((string)body["error"]!["message"]!).ShouldContain(header);
        upstream.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Chat_WithDropParams_ListsWhatWasDropped()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, Message));
        await using var server = await StartAsync(upstream, drop: true);

        var (answer, _) = await PostAsync(server, "/v1/chat/completions", """{"model":"fast","messages":[{"role":"user","content":"x","name":"b"}],"seed":1,"käse":2}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Headers.GetValues("x-weir-dropped").Single().ShouldBe("messages[0].name,seed,k%C3%A4se");
    }

    [Fact]
    public async Task Chat_WithoutDropParams_Is422NamingTheField()
    {
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(upstream);

        var (answer, body) = await PostAsync(server, "/v1/chat/completions", """{"model":"fast","messages":[],"seed":1}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        ((string)body["error"]!["param"]!, (string)body["error"]!["code"]!).ShouldBe(("seed", "unsupported_field"));
        answer.Headers.GetValues("x-should-retry").Single().ShouldBe("false");
    }

    [Fact]
    public async Task Models_AskedByAnAnthropicClient_HaveItsShape()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"data":[{"type":"model","id":"real"}],"has_more":false}"""));
        await using var server = await StartAsync(upstream);

        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/models", headers: ("anthropic-version", "2023-06-01"));
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

        body["data"]![0]!.ToJsonString().ShouldContain("\"type\":\"model\"");
        ((string)body["data"]![0]!["id"]!, (string)body["first_id"]!, (bool)body["has_more"]!).ShouldBe(("fast", "fast", false));
        ((string)body["data"]![0]!["display_name"]!).ShouldBe("fast");
    }

    [Fact]
    public async Task CountTokens_AtAnAnthropicProvider_IsItsCount()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"input_tokens":7}"""));
        await using var server = await StartAsync(upstream);

        var (_, body) = await PostAsync(server, "/v1/messages/count_tokens", """{"model":"fast","messages":[]}""");

        body.ToJsonString().ShouldBe("""{"input_tokens":7}""");
    }
}
