using static Weir.Tests.Simulation.SimulatedProviderFixture;

namespace Weir.Tests.Simulation;

public sealed class SimulatedSchemaTests
{
    private const string Schema = """
        {"type":"object","required":["city","place","maybe","kind"],"$defs":{"P":{"type":"object","required":["x"],"properties":{"x":{"type":"number"}}}},
         "properties":{"city":{"type":"string"},"place":{"$ref":"#/$defs/P"},"maybe":{"anyOf":[{"type":"integer"},{"type":"null"}]},"kind":{"const":"k"},"more":{"type":"string"}}}
        """;

    private const string Sample = """{"city":"simulated","place":{"x":1},"maybe":1,"kind":"k"}""";

    [Theory]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"n","schema":""" + Schema + "}}", Sample)]
    [InlineData("""{"type":"json_object"}""", "{}")]
    public async Task Chat_ResponseFormat_IsAnsweredWithJsonOfIt(string format, string expected)
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync("/v1/chat/completions", Chat("hello", $",\"response_format\":{format}"));
        ((string)answer["choices"]![0]!["message"]!["content"]!).ShouldBe(expected);
        ((string)answer["choices"]![0]!["finish_reason"]!).ShouldBe("stop");
    }

    [Fact]
    public async Task Responses_TextFormat_IsAnsweredWithJsonOfIt()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync("/v1/responses", $$$"""{"model":"sim-small","input":"hello","text":{"format":{"type":"json_schema","name":"n","schema":{{{Schema}}} } } }""");
        ((string)answer["output"]![0]!["content"]![0]!["text"]!).ShouldBe(Sample);
    }
}
