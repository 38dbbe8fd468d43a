using System.Text.Json.Nodes;
using static Weir.Tests.Inference.Dialects.MessagesTranslating;

namespace Weir.Tests.Inference.Dialects;

public sealed class MessagesStreamTests
{
    [Fact]
    public void Stream_OfOpenAI_IsTheEventsOfAnthropic()
    {
        var events = Events([
            Head("""{"role":"assistant","content":"","refusal":null}"""),
            Head("""{"content":"Hel"}"""),
            Head("""{"content":"lo"}"""),
            Head("{}", "\"stop\""),
            """{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4}}}""",
        ]);

        events.Select(item => item.Name).ShouldBe(["message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
        ((string)events[0].Data["message"]!["id"]!).ShouldBe("msg_1");
        ((string)events[0].Data["message"]!["model"]!).ShouldBe("route");
        var message = Assemble(events);
        Content(message).ShouldBe("""[{"type":"text","text":"Hello"}]""");
        ((string)message["stop_reason"]!).ShouldBe("end_turn");
        message["usage"]!.ToJsonString().ShouldBe("""{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":2}""");
    }

    [Fact]
    public void Stream_OfOpenAIWithParallelCalls_StreamsEachAsItComes()
    {
        var events = Events([
            Head("""{"role":"assistant","content":null}"""),
            Head("""{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":""}}]}"""),
            Head("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"""),
            Head("""{"tool_calls":[{"index":0,"function":{"arguments":"\"Bern\"}"}}]}"""),
            Head("""{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"time","arguments":""}}]}"""),
            Head("""{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"""),
            Head("{}", "\"tool_calls\""),
        ]);

        events.Select(item => item.Name).ShouldBe([
            "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
            "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
        var message = Assemble(events);
        Content(message).ShouldBe("""[{"type":"tool_use","id":"call_a","name":"weather","input":{"city":"Bern"}},{"type":"tool_use","id":"call_b","name":"time","input":{}}]""");
        ((string)message["stop_reason"]!).ShouldBe("tool_use");
    }

    [Fact]
    public void Stream_CallsThatInterleave_WaitForEachOther()
    {
        var message = Stream([
            Call(0, "a", "f", ""), Call(1, "b", "g", ""), Call(1, null, null, "{\\\"y\\\":"), Call(0, null, null, "{\\\"x\\\":"),
            Head("""{"content":"meanwhile"}"""), Call(1, null, null, "2}"), Call(0, null, null, "1}"), Call(0, null, null, "  "),
        ]);

        Content(message).ShouldBe("""[{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"g","input":{"y":2}},{"type":"text","text":"meanwhile"}]""");
    }

    [Fact]
    public void Stream_OfGroq_HasReasoningAndUsageInItsOwnPlace()
    {
        var message = Stream([
            """{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"x_groq":{"id":"req_1"}}""",
            Head("""{"reasoning":"hm","channel":"analysis"}"""),
            Head("""{"content":"4"}"""),
            """{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.01,"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}}""",
        ]);

        Content(message).ShouldBe("""[{"type":"thinking","thinking":"hm","signature":"weir.unsigned"},{"type":"text","text":"4"}]""");
        ((int)message["usage"]!["input_tokens"]!).ShouldBe(7);
    }

    [Fact]
    public void Stream_OfDeepSeek_HasUsageInTheLastChoice()
    {
        var message = Stream([
            Head("""{"role":"assistant","content":null,"reasoning_content":""}"""),
            Head("""{"content":null,"reasoning_content":"2 and"}"""), Head("""{"content":null,"reasoning_content":" 2"}"""),
            Head("""{"content":"4","reasoning_content":null}"""),
            """{"id":"x","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8}}""",
        ]);

        Content(message).ShouldBe("""[{"type":"thinking","thinking":"2 and 2","signature":"weir.unsigned"},{"type":"text","text":"4"}]""");
        ((int)message["usage"]!["input_tokens"]!).ShouldBe(2);
    }

    [Fact]
    public void Stream_OfVllm_AlternatesBetweenReasoningTextAndCalls()
    {
        var message = Stream([
            Head("""{"role":"assistant","content":""}"""), Head("""{"reasoning_content":"a"}"""), Head("""{"content":"b"}"""), Head("""{"reasoning_content":"c"}"""),
            Call(0, "chatcmpl-tool-1", "f", ""), Call(0, null, null, "{}"), Head("""{"content":"d"}"""),
            """{"id":"x","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"tool_calls","stop_reason":null}]}""",
        ]);

        Content(message).ShouldBe("""
            [{"type":"thinking","thinking":"a","signature":"weir.unsigned"},{"type":"text","text":"b"},{"type":"thinking","thinking":"c","signature":"weir.unsigned"},{"type":"tool_use","id":"chatcmpl-tool-1","name":"f","input":{}},{"type":"text","text":"d"}]
            """.Trim());
    }

    [Fact]
    public void Stream_OfOllama_CallsToolsWholeAndSaysStop()
    {
        var message = Stream([
            """{"id":"chatcmpl-12","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","index":0,"type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":null}]}""",
            """{"id":"chatcmpl-12","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}""",
        ]);

        Content(message).ShouldBe("""[{"type":"tool_use","id":"call_1","name":"f","input":{"a":1}}]""");
        ((string)message["stop_reason"]!).ShouldBe("tool_use");
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("\"id\":\"\",", "\"id\":\"\",")]
    [InlineData("\"id\":\"g1\",", "\"id\":\"g2\",")]
    [InlineData("\"index\":0,", "\"index\":0,")]
    [InlineData("\"index\":0,\"id\":\"g1\",", "\"index\":0,\"id\":\"g2\",")]
    public void Stream_OfGemini_CallsToolsWholeWithoutIndex(string first, string second)
    {
        var message = Stream([
            $$$$"""{"id":"x","choices":[{"delta":{"role":"assistant","tool_calls":[{{{{{first}}}}"function":{"name":"f","arguments":"{\"a\":1}"},"type":"function"}]},"finish_reason":"stop","index":0}]}""",
            $$$$"""{"id":"x","choices":[{"delta":{"role":"assistant","tool_calls":[{{{{{second}}}}"function":{"name":"g","arguments":"{\"b\":2}"},"type":"function"}]},"finish_reason":"stop","index":0}],"usage":{"prompt_tokens":4,"completion_tokens":2}}""",
        ]);

        var content = message["content"]!.AsArray();
        content.Select(block => (string)block!["name"]!).ShouldBe(["f", "g"]);
        content.Select(block => block!["input"]!.ToJsonString()).ShouldBe(["""{"a":1}""", """{"b":2}"""]);
        content.Select(block => (string)block!["id"]!).Distinct().Count().ShouldBe(2);
    }

    [Fact]
    public void Stream_OfAzure_BeginsWithItsFilterAndNotWithTheMessage()
    {
        var events = Events([
            """{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}""",
            Head("""{"content":"x"}"""),
        ]);

        ((string)events[0].Data["message"]!["id"]!).ShouldBe("msg_1");
    }

    [Fact]
    public void Stream_SignedThinkingAfterItsText_IsOneBlockWithTheSignature()
    {
        var message = Stream([
            Head("""{"reasoning_content":"so "}"""), Head("""{"reasoning_content":"it is"}"""),
            Head("""{"thinking_blocks":[{"type":"thinking","thinking":"so it is","signature":"c2ln"}]}"""),
            Head("""{"thinking_blocks":[{"type":"redacted_thinking","data":"zz"}]}"""), Head("""{"content":"4"}"""),
        ]);

        Content(message).ShouldBe("""[{"type":"thinking","thinking":"so it is","signature":"c2ln"},{"type":"redacted_thinking","data":"zz"},{"type":"text","text":"4"}]""");
    }

    [Fact]
    public void Stream_SignedThinkingInPieces_IsOneBlockWithTheSignature()
    {
        var message = Stream([
            Head("""{"reasoning_content":"so ","thinking_blocks":[{"type":"thinking","thinking":"so ","signature":null}]}"""),
            Head("""{"reasoning_content":"it is","thinking_blocks":[{"type":"thinking","thinking":"it is"}]}"""),
            Head("""{"thinking_blocks":[{"type":"thinking","thinking":"","signature":"c2ln"}]}"""), Head("""{"content":"4"}"""),
        ]);

        Content(message).ShouldBe("""[{"type":"thinking","thinking":"so it is","signature":"c2ln"},{"type":"text","text":"4"}]""");
    }

    [Fact]
    public void Stream_Refusal_IsText()
    {
        var message = Stream([Head("""{"role":"assistant","refusal":"I "}"""), Head("""{"refusal":"won't."}"""), Head("{}", "\"stop\"")]);

        Content(message).ShouldBe("""[{"type":"text","text":"I won't."}]""");
        ((string)message["stop_reason"]!).ShouldBe("refusal");
    }

    [Fact]
    public void Stream_WithoutAnyChunk_IsAnEmptyMessage() => Stream([])["content"]!.AsArray().ShouldBeEmpty();

    [Theory]
    [InlineData("hello", """{"INVALID_JSON":"hello"}""")]
    [InlineData("""{"a":1} {"a":2}""", """{"a":1}""")]
    [InlineData("null", "{}")]
    [InlineData("{\"a\":\"x\ty\"}", """{"a":"x\ty"}""")]
    public void Stream_Arguments_AreAnObjectHoweverTheyAreCut(string arguments, string expected)
    {
        for (var cut = 0; cut <= arguments.Length; cut++)
        {
            var message = Stream([Call(0, "a", "f", Escape(arguments[..cut])), Call(0, null, null, Escape(arguments[cut..])), Call(1, "b", "g", "{}")]);
            message["content"]![0]!["input"]!.ToJsonString().ShouldBe(expected);
            message["content"]!.AsArray().Count.ShouldBe(2);
        }

        static string Escape(string text) => System.Text.Json.JsonSerializer.Serialize(text)[1..^1];
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"half \ud83d"}]}}]}""")]
    public void Stream_WhatIsNoChat_IsTheProvidersFault(string chunk) => Should.Throw<InvalidDataException>(() => Events([chunk]));

    [Fact]
    public void Stream_ThatWaitsForever_IsBounded()
    {
        var text = new string('x', 1 << 20);
        var chunks = Enumerable.Repeat(Head($$$$"""{"content":"{{{{text}}}}"}"""), 17).Prepend(Call(0, "a", "f", "{"));

        Should.Throw<InvalidDataException>(() => Events(chunks)).Message.ShouldContain("16 MB");
    }

    private static string Content(JsonObject message) => message["content"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static string Head(string delta, string finish = "null") =>
        $$$$"""{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{{{{delta}}}},"finish_reason":{{{{finish}}}}}],"usage":null}""";

    private static string Call(int index, string? id, string? name, string arguments)
    {
        var named = name is null ? "" : $"\"name\":\"{name}\",";
        var identified = id is null ? "" : $"\"id\":\"{id}\",\"type\":\"function\",";
        return Head($$$$"""{"tool_calls":[{"index":{{{{index}}}},{{{{identified}}}}"function":{{{{{named}}}}"arguments":"{{{{arguments}}}}"}}]}""");
    }
}
