namespace Weir.Tests.Server.Configuration.Validation;

public sealed class CatalogValidatorTests
{
    [Theory]
    [InlineData("""{"bad name":{}}""", "catalogs", "is not a name for a catalog")]
    [InlineData("""{"t":{"embedding_model":"defualt"}}""", "catalogs.t.embedding_model", "names no entry of embeddings.models")]
    [InlineData("""{"t":{"mcp":[{}]}}""", "catalogs.t.mcp", "names no server")]
    [InlineData("""{"t":{"mcp":[{"url":"https://mcp.dev","command":"npx"}]}}""", "catalogs.t.mcp", "has both a url and a command")]
    [InlineData("""{"t":{"mcp":[{"command":""}]}}""", "catalogs.t.mcp.command", "is no program")]
    [InlineData("""{"t":{"mcp":[{"command":"a"},{"command":" "}]}}""", "catalogs.t.mcp[1].command", "is no program")]
    [InlineData("""{"t":{"mcp":[{"url":"ftp://mcp.dev"}]}}""", "catalogs.t.mcp.url", "is not an http or https address")]
    [InlineData("""{"t":{"mcp":[{"url":"https://user:secret@mcp.dev"}]}}""", "catalogs.t.mcp.url", "holds a user or password")]
    [InlineData("""{"t":{"mcp":[{"url":"https://mcp.dev","headers":{"Host":"x"}}]}}""", "catalogs.t.mcp.headers.Host", "is set by Weir")]
    [InlineData("""{"t":{"mcp":[{"url":"https://mcp.dev","args":["x"]}]}}""", "catalogs.t.mcp.args", "go with a command")]
    [InlineData("""{"t":{"mcp":[{"command":"a","name":"x"},{"command":"b","name":"X"}]}}""", "catalogs.t.mcp[1].name", "repeats 'X'")]
    [InlineData("""{"t":{"weights":{"description":0,"parameters":0,"functionality":0}}}""", "catalogs.t.weights", "are all 0")]
    [InlineData("""{"t":{"weights":{"description":-0.1}}}""", "catalogs.t.weights.description", "-0.1")]
    [InlineData("""{"t":{"load":"/no/such/file.json"}}""", "catalogs.t.load", "there is no such file")]
    [InlineData("""{"t":{"load":"/no/such/file.json","mcp":[{"command":"a"}]}}""", "catalogs.t.load", "stands beside mcp")]
    [InlineData("""{"t":{"colour":1}}""", "catalogs.t.colour", "")]
    public void Fault_IsToldWithItsPlace(string catalogs, string place, string message)
    {
        var fault = Loading.OnlyFault($$"""{"catalogs":{{catalogs}}}""").ToString()!;
        fault.ShouldContain(place);
        fault.ShouldContain(message);
        fault.ShouldNotContain("secret");
    }

    [Theory]
    [InlineData("""{"t":{"mcp":[{"command":"npx","args":["-y","some"]},{"url":"http://127.0.0.1:9/mcp","headers":{"Authorization":"Bearer x"}}]}}""")]
    [InlineData("""{"t":{"weights":{"description":1,"parameters":0,"functionality":0}}}""")]
    [InlineData("""{"t":{}}""")]
    public void What_IsRight_IsTaken(string catalogs) => Loading.Options($$"""{"catalogs":{{catalogs}}}""").Catalogs.Keys.ShouldBe(["t"]);
}
