using System.Text.Json.Nodes;
using Weir.Simulation;
using static Weir.Tests.Simulation.SimulatedProviderFixture;

namespace Weir.Tests.Simulation;

public sealed class SimulatedToolsTests
{
    private const string ChatPath = "/v1/chat/completions";
    private const string Tools = """
        ,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","required":["city","unit","days","near","fine"],"properties":{"city":{"type":"string"},"unit":{"enum":["C","F"]},
         "days":{"type":"integer"},"near":{"type":"array"},"fine":{"type":"boolean"},"more":{"type":"string"}}}}},{"type":"function","function":{"name":"time"}}]
        """;

    private const string Sample = """{"city":"simulated","unit":"C","days":1,"near":[],"fine":true}""";

    [Theory]
    [InlineData("hello", "", "")]
    [InlineData("hello", ""","tool_choice":"none" """, "")]
    [InlineData("hello", ""","tool_choice":"required" """, "weather " + Sample)]
    [InlineData("hello", ""","tool_choice":{"type":"function","function":{"name":"time"}}""", "time {}")]
    [InlineData("call time", "", "time {}")]
    [InlineData("Please call weather with {\\\"city\\\":\\\"Bern\\\"} and call time", "", """weather {"city":"Bern"}|time {}""")]
    [InlineData("call time, call weather with {\\\"a\\\":{\\\"b\\\":\\\"}\\\"}} now", "", """time {}|weather {"a":{"b":"}"}}""")]
    [InlineData("call time and call time", ""","parallel_tool_calls":false""", "time {}")]
    [InlineData("call nothing with {}", "", "")]
    [InlineData("call time with {broken", "", "time {}")]
    [InlineData("call time", ""","tool_choice":"none" """, "")]
    public async Task Chat_WithTools_CallsThoseThatThePromptNamesOrMustUse(string text, string rest, string expected)
    {
        await using var sim = await StartAsync();

        var whole = (await sim.AskAsync(ChatPath, Chat(text, Tools + rest)))["choices"]![0]!;
        var events = await sim.EventsAsync(ChatPath, Chat(text, Tools + rest + ""","stream":true"""));

        Calls(whole["message"]!["tool_calls"]?.AsArray()).ShouldBe(expected);
        ((string)whole["finish_reason"]!).ShouldBe(expected.Length > 0 ? "tool_calls" : "stop");
        (whole["message"]!["content"] is null).ShouldBe(expected.Length > 0);
        Calls(Joined(events)).ShouldBe(expected);
    }

    [Fact]
    public async Task Chat_ResultsOfTools_AreAnsweredWithText()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, $$"""
            {"model":"sim-small","messages":[{"role":"user","content":"call time"},{"role":"assistant","tool_calls":[{"id":"c"}]},
             {"role":"tool","tool_call_id":"c","content":"noon"}]{{Tools}},"tool_choice":"required"}
            """);

        ((string)answer["choices"]![0]!["message"]!["content"]!).ShouldStartWith("Simulated answer " + Weir.Simulation.Answers.Prompt.Fingerprint("noon") + " to: noon.");
    }

    [Fact]
    public async Task Chat_ReasoningEffort_BringsReasoning()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, Chat("hi", ""","reasoning_effort":"low" """));
        var events = await sim.EventsAsync(ChatPath, Chat("hi", ""","reasoning_effort":"low","stream":true"""));

        var reasoning = (string)answer["choices"]![0]!["message"]!["reasoning_content"]!;
        reasoning.ShouldNotBeEmpty();
        ((int)answer["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!).ShouldBe(8);
        ((int)answer["usage"]!["completion_tokens"]!).ShouldBe(40);
        string.Concat(Deltas(events).Select(delta => (string?)delta["reasoning_content"])).ShouldBe(reasoning);
    }

    [Fact]
    public async Task Chat_InstructionsSeenBefore_CountAsCached()
    {
        await using var sim = await StartAsync();

        var counts = new List<int>();
        for (var i = 0; i < 2; i++)
            counts.Add((int)(await sim.AskAsync(ChatPath, Chat("hi")))["usage"]!["prompt_tokens_details"]!["cached_tokens"]!);

        counts.ShouldBe([0, 2]);
    }

    [Fact]
    public async Task Chat_CallCutShort_SaysLength()
    {
        await using var sim = await StartAsync(new SimulationOptions());

        var choice = (await sim.AskAsync(ChatPath, Chat("hi", Tools + ""","tool_choice":"required","max_tokens":3""")))["choices"]![0]!;

        ((string)choice["finish_reason"]!).ShouldBe("length");
        ((string)choice["message"]!["tool_calls"]![0]!["function"]!["arguments"]!).ShouldBe(Sample[..12]);
    }

    private static string Calls(JsonArray? calls) =>
        string.Join('|', calls?.Select(call => $"{call!["function"]!["name"]} {call["function"]!["arguments"]}") ?? []);

    private static IEnumerable<JsonNode> Deltas(string[] events) =>
        events[..^1].Select(line => JsonNode.Parse(line["data: ".Length..])!["choices"]![0]!["delta"]!);

    private static JsonArray Joined(string[] events)
    {
        var calls = new JsonArray();
        foreach (var piece in Deltas(events).SelectMany(delta => delta["tool_calls"]?.AsArray() ?? []))
        {
            if ((int)piece!["index"]! == calls.Count)
                calls.Add(piece.DeepClone());
            else
                calls[calls.Count - 1]!["function"]!["arguments"] = (string)calls[calls.Count - 1]!["function"]!["arguments"]! + (string)piece["function"]!["arguments"]!;
        }

        return calls;
    }
}
