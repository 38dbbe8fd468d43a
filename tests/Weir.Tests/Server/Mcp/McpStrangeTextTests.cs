using System.Net;
using System.Text.Json.Nodes;
using Weir.Tests.Server.Mcp.Support;
using static Weir.Tests.Server.Mcp.Support.McpServerUnderTest;

namespace Weir.Tests.Server.Mcp;

/// <summary>Half of a surrogate pair in a message: the SDK can read it, and hand it to nobody.</summary>
public sealed class McpStrangeTextTests : IAsyncLifetime
{
    private McpServerUnderTest _mcp = null!;

    public async ValueTask InitializeAsync() => _mcp = await McpServerUnderTest.StartAsync();

    public ValueTask DisposeAsync() => _mcp.DisposeAsync();

    [Theory]
    [InlineData("""{"worker_id":"w","query":"\ud800"}""", "arguments.query")]
    [InlineData("""{"worker_id":"w","query":["a",{"b":"\udc00"}]}""", "arguments.query[1].b")]
    [InlineData("""{"worker_id":"\ud800"}""", "arguments.worker_id")]
    [InlineData("""{"\ud800":1}""", "arguments")]
    [InlineData("\"\\ud800\"", "arguments")]
    public async Task Call_ArgumentsThatAreNoText_IsAResultThatSaysWhich(string arguments, string place)
    {
        foreach (var session in new[] { null, await _mcp.BeginAsync() })
        {
            foreach (var tool in (string[])["rag_ask", "allocate_batch_resources"])
            {
                var message = await AnswerAsync(Call(tool, arguments), HttpStatusCode.OK, session);

                ((int)message["id"]!, (bool)message["result"]!["isError"]!).ShouldBe((7, true));
                TextOf(message["result"]!).ShouldBe(
                    $"{tool}: the call, at {place}, {(arguments.StartsWith("{\"\\ud800\"", StringComparison.Ordinal) ? "has a field whose name " : "")}holds half of a surrogate pair, which is no text: send whole characters.");
            }
        }

        _mcp.Leases.Leases.ShouldBeEmpty();
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "😀", resource_types = new[] { "rag" } });
        _mcp.Leases.Leases.Single().Value.WorkerId.ShouldBe("😀");
    }

    [Theory]
    [InlineData("tools/call", """{"name":"\ud800","arguments":{"query":"\ud800"}}""", "params.name")]
    [InlineData("tools/call", """{"name":"rag_ask","arguments":{},"_meta":{"progressToken":"\ud800"}}""", "params._meta.progressToken")]
    [InlineData("tools/call", """{"name":"rag_ask","\ud800":{}}""", "params")]
    [InlineData("tools/list", """{"cursor":"\ud800"}""", "params.cursor")]
    [InlineData("ping", """{"\ud800":{}}""", "params")]
    [InlineData("initialize", """{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"\ud800","version":"1"}}""", "params.clientInfo.name")]
    public async Task Request_WhatIsNoTextElsewhere_IsAnErrorThatSaysWhere(string method, string parameters, string place)
    {
        var message = await AnswerAsync($$"""{"jsonrpc":"2.0","id":7,"method":"{{method}}","params":{{parameters}}}""", HttpStatusCode.BadRequest);

        ((int)message["id"]!, (int)message["error"]!["code"]!).ShouldBe((7, -32602));
        ((string)message["error"]!["message"]!).ShouldStartWith($"The message, at {place}, ");
        ((string)message["error"]!["message"]!).ShouldContain("half of a surrogate pair");
    }

    [Theory]
    [InlineData("[1]", "params takes an object")]
    [InlineData("""{"arguments":{}}""", "params.name takes the name of a tool")]
    [InlineData("""{"name":null}""", "params.name takes the name of a tool")]
    [InlineData("""{"name":[1],"arguments":{}}""", "params.name takes the name of a tool")]
    [InlineData("""{"name":"rag_ask","name":"rag_ask"}""", "params has the same field twice")]
    public async Task Call_OfAnotherShape_IsAnErrorThatSaysWhatIsWrong(string parameters, string says)
    {
        foreach (var session in new[] { null, await _mcp.BeginAsync() })
        {
            var message = await AnswerAsync($$"""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{parameters}}}""", HttpStatusCode.BadRequest, session);

            ((int)message["id"]!, (int)message["error"]!["code"]!).ShouldBe((7, -32602));
            ((string)message["error"]!["message"]!).ShouldContain(says);
        }
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("\"text\"")]
    [InlineData("5")]
    public async Task Call_ArgumentsThatAreNoObject_IsAResultThatSaysSo(string arguments)
    {
        var message = await AnswerAsync(Call("rag_ask", arguments), HttpStatusCode.OK);

        ((bool)message["result"]!["isError"]!).ShouldBeTrue();
        TextOf(message["result"]!).ShouldBe("rag_ask: 'arguments' takes an object.");
    }

    [Fact]
    public async Task Call_TextThatHoldsJsonThatIsNoText_IsAResultThatSaysSo()
    {
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } });

        foreach (var configs in (string[])["""{"rag":{"a":"\ud800"}}""", """{"rag":"{\"a\":\"\\ud800\"}"}"""])
        {
            var set = await _mcp.CallAsync("setup_batch_resources", new { worker_id = "w", resource_init_configs = configs });
            ((bool)set["isError"]!).ShouldBeTrue();
            TextOf(set).ShouldContain("half of a surrogate pair");
        }
    }

    [Fact]
    public async Task Message_ThatNestsTooDeeply_IsAnErrorThatSaysSo()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 80)) + "1" + new string('}', 80);

        var message = await AnswerAsync(Call("rag_ask", deep), HttpStatusCode.BadRequest);

        ((string)message["error"]!["message"]!).ShouldBe("The message is nested too deeply: at most 64 levels are taken.");
    }

    private static string Call(string tool, string arguments) => $$$"""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}}}}""";

    private async Task<JsonNode> AnswerAsync(string body, HttpStatusCode status, string? session = null)
    {
        using var answer = await _mcp.PostAsync(body, session);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(status, text);
        return status == HttpStatusCode.OK ? Messages(text).Last() : JsonNode.Parse(text)!;
    }
}
