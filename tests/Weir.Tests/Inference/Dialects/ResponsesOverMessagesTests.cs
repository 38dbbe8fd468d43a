using System.Text.Json.Nodes;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;
using static Weir.Tests.Inference.Dialects.ResponsesTranslating;

namespace Weir.Tests.Inference.Dialects;

/// <summary>The Responses API at Anthropic's providers: two translations, one behind the other.</summary>
public sealed class ResponsesOverMessagesTests
{
    private const string Message = """
        {"id":"msg_1","type":"message","role":"assistant","model":"claude","stop_reason":"tool_use","stop_sequence":null,
         "content":[{"type":"thinking","thinking":"Two tools.","signature":"c2ln+/=="},{"type":"redacted_thinking","data":"ZGF0YQ=="},{"type":"text","text":"Both."},
                    {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}},{"type":"tool_use","id":"toolu_2","name":"g","input":{}}],
         "usage":{"input_tokens":3,"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":9}}
        """;

    private static readonly string[] Events =
    [
        """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":3,"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Two "}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"tools."}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln+/=="}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"ZGF0YQ=="}}""",
        """{"type":"content_block_stop","index":1}""",
        """{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Both."}}""",
        """{"type":"content_block_stop","index":2}""",
        """{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}""",
        """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}""",
        """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}""",
        """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":":1}"}}""",
        """{"type":"content_block_stop","index":3}""",
        """{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}}""",
        """{"type":"content_block_stop","index":4}""",
        """{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}""",
    ];

    [Fact]
    public void Stream_ThinkingTextAndParallelTools_IsTheResponseOfTheBody()
    {
        var streamed = Accumulate(Stream(Events, translation: OverMessages));
        var whole = Answer(Message, translation: OverMessages);

        JsonNode.DeepEquals(streamed, whole).ShouldBeTrue($"{streamed.ToJsonString()} is not {whole.ToJsonString()}");
        whole["output"]!.AsArray().Select(item => (string)item!["type"]!).ShouldBe(["reasoning", "message", "function_call", "function_call"]);
        whole["usage"]!.ToJsonString().ShouldBe("""{"input_tokens":123,"input_tokens_details":{"cached_tokens":100},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":132}""");
    }

    [Fact]
    public void TranslateRequest_WithTheItemsOfAnAnswer_GivesTheProviderItsBlocksBack()
    {
        var input = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "q" });
        foreach (var item in Answer(Message, translation: OverMessages)["output"]!.AsArray())
        {
            input.Add(item!.DeepClone());
        }

        input.Add(new JsonObject { ["type"] = "function_call_output", ["call_id"] = "toolu_1", ["output"] = "one" });
        input.Add(new JsonObject { ["type"] = "function_call_output", ["call_id"] = "toolu_2", ["output"] = "two" });

        var (request, error, _) = Request(new JsonObject { ["model"] = "fast", ["instructions"] = "i", ["input"] = input }.ToJsonString(), translation: OverMessages);

        error.ShouldBeNull();
        var messages = request!["messages"]!.AsArray();
        messages.Select(message => (string)message!["role"]!).ShouldBe(["user", "assistant", "user"]);
        JsonNode.DeepEquals(messages[1]!["content"], JsonNode.Parse(Message)!["content"]).ShouldBeTrue(messages[1]!.ToJsonString());
        messages[2]!["content"]!.AsArray().Select(block => (string)block!["tool_use_id"]!).ShouldBe(["toolu_1", "toolu_2"]);
        ((int)request["max_tokens"]!).ShouldBe(8192);
    }

    [Fact]
    public void TranslateRequest_WhatAnthropicCannotSay_IsNamedAsTheClientKnowsIt()
    {
        const string Body = """{"input":"hi","text":{"format":{"type":"json_object"}},"store":true}""";

        var (_, error, _) = Request(Body.Replace(",\"store\":true", "", StringComparison.Ordinal), translation: OverMessages);
        (error!.Status, error.Param).ShouldBe((422, "text.format"));
        error.Message.ShouldStartWith("'text.format' cannot be sent");
        var (request, none, dropped) = Request(Body, dropParams: true, translation: OverMessages);
        none.ShouldBeNull();
        dropped.ShouldBe(["store", "text.format"], ignoreOrder: true);
        request!["output_config"].ShouldBeNull();
    }

    [Fact]
    public async Task RunAsync_AtAnAnthropicProvider_IsNeverAskedForResponses()
    {
        await using var upstream = new ScriptedUpstream(
            exchange => exchange.RespondAsync(200, Message),
            async exchange =>
            {
                await exchange.BeginStreamAsync();
                foreach (var e in Events.Append("""{"type":"message_stop"}"""))
                {
                    await exchange.ChunkAsync($"event: {JsonNode.Parse(e)!["type"]}\ndata: {e}\n\n");
                }

                await exchange.EndAsync();
            });
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Dialect = Dialect.Anthropic }, upstream));

        var whole = await gateway.SendAsync("""{"model":"fast","input":"hi"}""", Operation.Responses);
        var streamed = await gateway.SendAsync("""{"model":"fast","input":"hi","stream":true}""", Operation.Responses);

        ((string)JsonNode.Parse(whole.Text)!["output"]![1]!["content"]![0]!["text"]!).ShouldBe("Both.");
        streamed.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1].ShouldStartWith("event: response.completed\n");
        upstream.Requests.Select(request => request.Path).ShouldBe(["/v1/messages", "/v1/messages"]);
        (whole.Report.Usage!.Value.Output, streamed.Report.Usage!.Value.Output).ShouldBe((9, 9));
    }
}
