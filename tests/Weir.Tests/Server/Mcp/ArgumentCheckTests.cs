using System.Text.Json;
using Weir.Server.Mcp.Tools;

namespace Weir.Tests.Server.Mcp;

public sealed class ArgumentCheckTests
{
    private const string Schema = """
        { "type": "object", "additionalProperties": false, "required": ["a"], "properties": {
            "a": { "type": "string", "minLength": 1, "maxLength": 3 },
            "n": { "type": "integer", "minimum": 1, "maximum": 10 },
            "e": { "type": "string", "enum": ["left", "right"] },
            "l": { "anyOf": [ { "type": "array", "minItems": 1, "items": { "type": "integer" } }, { "type": "string" } ] },
            "o": { "type": "object", "required": ["x"], "properties": { "x": { "type": ["number", "null"] } } } } }
        """;

    [Theory]
    [InlineData("""{"a":"x"}""", null)]
    [InlineData("""{"a":"x","n":10,"e":"left","l":[1,2],"o":{"x":1.5}}""", null)]
    [InlineData("""{"a":"x","l":"[1]"}""", null)]
    [InlineData("""{}""", "'a' is missing")]
    [InlineData("""{"a":""}""", "from 1 to 3 characters")]
    [InlineData("""{"a":"long"}""", "it is 4")]
    [InlineData("""{"a":1}""", "'a' must be a string")]
    [InlineData("""{"a":"x","n":0}""", "from 1 to 10")]
    [InlineData("""{"a":"x","n":1.5}""", "a whole number")]
    [InlineData("""{"a":"x","n":"1"}""", "a whole number")]
    [InlineData("""{"a":"x","e":"up"}""", "\"left\", \"right\"")]
    [InlineData("""{"a":"x","l":[]}""", "at least 1 entries")]
    [InlineData("""{"a":"x","l":[1,"b"]}""", "'l'[1] must be a whole number")]
    [InlineData("""{"a":"x","o":{}}""", "in 'o', the argument 'x' is missing")]
    [InlineData("""{"a":"x","z":1}""", "there is no argument 'z'. It takes: a, n, e, l, o.")]
    public void FaultOf_Arguments_NamesWhatDoesNotFit(string arguments, string? fault)
    {
        var given = JsonElement.Parse(arguments).EnumerateObject().ToDictionary(one => one.Name, one => one.Value);
        var said = ArgumentCheck.FaultOf(JsonElement.Parse(Schema), given);
        if (fault is null) said.ShouldBeNull();
        else said.ShouldNotBeNull().ShouldContain(fault);
    }
}
