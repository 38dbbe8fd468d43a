using System.Net;
using System.Text.Json.Nodes;
using Weir.Simulation;
using Weir.Simulation.Answers;
using Weir.Tests.Inference.Dialects;
using static Weir.Tests.Simulation.SimulatedProviderFixture;

namespace Weir.Tests.Simulation;

public sealed class SimulatedMessagesTests
{
    private const string Path = "/v1/messages";
    private const string Tools = ""","tools":[{"name":"weather","input_schema":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}},{"name":"time","input_schema":{"type":"object"}}]""";

    [Fact]
    public async Task Messages_WholeAndStreamed_SayTheSame()
    {
        await using var sim = await StartAsync();

        var whole = MessagesTranslating.Bare(await sim.AskAsync(Path, Ask("hello")));
        var streamed = await StreamAsync(sim, Ask("hello", ""","stream":true"""));

        ((string)whole["type"]!).ShouldBe("message");
        ((string)whole["content"]![0]!["text"]!).ShouldStartWith($"Simulated answer {Prompt.Fingerprint("hello")} to: hello.");
        ((string)whole["stop_reason"]!).ShouldBe("end_turn");
        ((int)whole["usage"]!["output_tokens"]!).ShouldBe(32);
        JsonNode.DeepEquals(streamed["content"], whole["content"]).ShouldBeTrue(streamed.ToJsonString());
        JsonNode.DeepEquals(streamed["usage"], whole["usage"]).ShouldBeTrue(streamed.ToJsonString());
    }

    [Fact]
    public async Task Messages_ThinkingAndCalls_AreBlocksInTurn()
    {
        await using var sim = await StartAsync();
        var rest = Tools + ""","thinking":{"type":"enabled","budget_tokens":1024}""";

        var whole = MessagesTranslating.Bare(await sim.AskAsync(Path, Ask("call weather with {\\\"city\\\":\\\"Bern\\\"} and call time", rest)));
        var streamed = await StreamAsync(sim, Ask("call weather with {\\\"city\\\":\\\"Bern\\\"} and call time", rest + ""","stream":true"""));

        var content = whole["content"]!.AsArray();
        content.Select(block => (string)block!["type"]!).ShouldBe(["thinking", "tool_use", "tool_use"]);
        content[1]!["input"]!.ToJsonString().ShouldBe("""{"city":"Bern"}""");
        ((string)content[0]!["signature"]!).ShouldBe("sim_" + Prompt.Fingerprint((string)content[0]!["thinking"]!));
        ((string)whole["stop_reason"]!).ShouldBe("tool_use");
        foreach (var block in content.Concat(streamed["content"]!.AsArray()).Where(block => block!["id"] is not null))
            block!["id"] = "…";
        JsonNode.DeepEquals(streamed["content"], content).ShouldBeTrue(streamed.ToJsonString());
    }

    [Theory]
    [InlineData("""{"type":"any"}""", "weather")]
    [InlineData("""{"type":"tool","name":"time"}""", "time")]
    public async Task Messages_ToolChoice_IsObeyed(string choice, string tool)
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(Path, Ask("hello", Tools + ",\"tool_choice\":" + choice));

        ((string)answer["content"]!.AsArray().ShouldHaveSingleItem()!["name"]!).ShouldBe(tool);
    }

    [Fact]
    public async Task Messages_RoundTripOfTools_IsAnsweredWithText()
    {
        await using var sim = await StartAsync();
        var signature = "sim_" + Prompt.Fingerprint("hm");

        var answer = await sim.AskAsync(Path, $$$$"""
            {"model":"sim-small","max_tokens":100,"messages":[{"role":"user","content":"call time"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"{{{{signature}}}}"},{"type":"tool_use","id":"t","name":"time","input":{}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"noon"}]}]}]{{{{Tools}}}}}
            """);

        ((string)answer["content"]![0]!["text"]!).ShouldContain(" to: noon.");
    }

    [Fact]
    public async Task Messages_MarkedInstructions_AreWrittenToTheCacheThenReadFromIt()
    {
        await using var sim = await StartAsync();
        const string System = ""","system":[{"type":"text","text":"Be as brief as you can be.","cache_control":{"type":"ephemeral"}}]""";

        var first = (await sim.AskAsync(Path, Ask("hello", System)))["usage"]!;
        var second = (await sim.AskAsync(Path, Ask("hello", System)))["usage"]!;

        ((int)first["cache_creation_input_tokens"]!).ShouldBe(6);
        ((int)first["cache_read_input_tokens"]!).ShouldBe(0);
        ((int)second["cache_creation_input_tokens"]!).ShouldBe(0);
        ((int)second["cache_read_input_tokens"]!).ShouldBe(6);
        ((int)second["input_tokens"]!).ShouldBe((int)first["input_tokens"]!);
    }

    [Fact]
    public async Task CountTokens_CountsWhatMessagesWouldCharge()
    {
        await using var sim = await StartAsync();

        var count = await sim.AskAsync(Path + "/count_tokens", """{"model":"sim-small","messages":[{"role":"user","content":"hello there, how are you"}]}""");

        ((int)count["input_tokens"]!).ShouldBe((int)(await sim.AskAsync(Path, Ask("hello there, how are you")))["usage"]!["input_tokens"]!);
    }

    [Theory]
    [InlineData("""{"model":"sim-small","messages":[{"role":"user","content":"x"}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"sim-small","max_tokens":5,"messages":[]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"sim-small","max_tokens":5,"messages":[{"role":"tool","content":"x"}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"sim-small","max_tokens":5,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"sim-small","max_tokens":5,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"forged"}]}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"gpt-x","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", 404, "not_found_error")]
    public async Task Messages_Mistakes_AreErrorsInAnthropicsShape(string body, int status, string type)
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(Path, body, (HttpStatusCode)status);

        ((string)answer["type"]!).ShouldBe("error");
        ((string)answer["error"]!["type"]!).ShouldBe(type);
        ((string)answer["error"]!["message"]!).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Messages_LimitAndOverload_AreSaidAsAnthropicSaysThem()
    {
        await using var sim = await StartAsync(new SimulationOptions { RequestsPerMinute = 1, ErrorRate = 1, ErrorStatuses = [529] });

        ((string)(await sim.AskAsync(Path, Ask("x"), (HttpStatusCode)529))["error"]!["type"]!).ShouldBe("overloaded_error");
        using var limited = await sim.PostAsync(Path, Ask("x"));

        limited.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        limited.Headers.GetValues("anthropic-ratelimit-requests-limit").ShouldBe(["1"]);
        limited.Headers.RetryAfter.ShouldNotBeNull();
    }

    [Fact]
    public async Task Models_ForAnthropicsClients_AreInTheirShape()
    {
        await using var sim = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Add("anthropic-version", "2023-06-01");

        using var answer = await sim.Client.SendAsync(request);

        var models = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        ((string)models["data"]![0]!["type"]!).ShouldBe("model");
        ((bool)models["has_more"]!).ShouldBeFalse();
    }

    private static string Ask(string text, string rest = "") =>
        $$"""{"model":"sim-small","max_tokens":1000,"messages":[{"role":"user","content":"{{text}}"}]{{rest}}}""";

    private static async Task<JsonObject> StreamAsync(SimulatedProviderFixture sim, string body)
    {
        var events = (await sim.EventsAsync(Path, body)).Select(text => text.Split('\n'))
            .Select(lines => (Name: lines[0]["event: ".Length..], Data: JsonNode.Parse(lines[1]["data: ".Length..])!.AsObject()))
            .ToList();
        events.RemoveAll(item => item.Name == "ping").ShouldBe(1);
        return MessagesTranslating.Assemble(events);
    }
}
