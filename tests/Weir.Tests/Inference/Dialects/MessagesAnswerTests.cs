using System.Text.Json;
using System.Text.Json.Nodes;
using static Weir.Tests.Inference.Dialects.MessagesTranslating;

namespace Weir.Tests.Inference.Dialects;

public sealed class MessagesAnswerTests
{
    [Fact]
    public void Body_OfOpenAI_IsAMessage()
    {
        var message = Body("""
            {"id":"chatcmpl-B9MB","object":"chat.completion","created":1741569952,"model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello!","refusal":null,"annotations":[]},
             "logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":16,"audio_tokens":0},
             "completion_tokens_details":{"reasoning_tokens":4}},"service_tier":"default"}
            """);

        ShouldBe(message, """
            {"id":"msg_B9MB","type":"message","role":"assistant","model":"route","content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn",
             "usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":16,"output_tokens":10,"output_tokens_details":{"thinking_tokens":4}}}
            """);
    }

    [Fact]
    public void Body_OfDeepSeek_HasThinkingAndItsCacheHits()
    {
        var message = Body("""
            {"id":"7f","choices":[{"index":0,"message":{"role":"assistant","content":"4","reasoning_content":"2 + 2\nis 4"},"finish_reason":"stop"}],
             "usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"prompt_cache_hit_tokens":12,"prompt_cache_miss_tokens":8}}
            """);

        ShouldBe(message["content"]!, """[{"type":"thinking","thinking":"2 + 2\nis 4","signature":"weir.unsigned"},{"type":"text","text":"4"}]""");
        ((int)message["usage"]!["input_tokens"]!).ShouldBe(8);
        ((int)message["usage"]!["cache_read_input_tokens"]!).ShouldBe(12);
    }

    [Fact]
    public void Body_SignedThinking_ComesBackAsItWasSigned()
    {
        var message = Body("""
            {"id":"x","choices":[{"message":{"role":"assistant","content":"4","reasoning_content":"so","thinking_blocks":[{"type":"thinking","thinking":"so","signature":"c2ln"},{"type":"redacted_thinking","data":"zz"}]},"finish_reason":"stop"}]}
            """);

        ShouldBe(message["content"]!, """[{"type":"thinking","thinking":"so","signature":"c2ln"},{"type":"redacted_thinking","data":"zz"},{"type":"text","text":"4"}]""");
    }

    [Fact]
    public void Body_OfMistral_HasItsPartsAsBlocks()
    {
        var message = Body("""{"id":"x","choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"4"}]},"finish_reason":"model_length"}]}""");

        ShouldBe(message["content"]!, """[{"type":"thinking","thinking":"hm","signature":"weir.unsigned"},{"type":"text","text":"4"}]""");
        ((string)message["stop_reason"]!).ShouldBe("max_tokens");
    }

    [Theory]
    [InlineData("stop", "end_turn")]
    [InlineData("length", "max_tokens")]
    [InlineData("content_filter", "refusal")]
    [InlineData("eos", "end_turn")]
    [InlineData(null, "end_turn")]
    public void Body_FinishReason_HasItsCounterpart(string? finish, string expected) =>
        ((string)Body($$$$"""{"choices":[{"message":{"content":"x"},"finish_reason":{{{{JsonSerializer.Serialize(finish)}}}}}]}""")["stop_reason"]!).ShouldBe(expected);

    [Theory]
    [InlineData("tool_calls")]
    [InlineData("function_call")]
    [InlineData("stop")]
    public void Body_Calls_AreToolUsesWhateverTheReason(string finish)
    {
        var message = Body($$$$"""
            {"id":"chatcmpl-1","choices":[{"message":{"content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},
             {"id":"","type":"function","function":{"name":"g","arguments":""}}]},"finish_reason":"{{{{finish}}}}"}]}
            """);

        ShouldBe(message["content"]!, """[{"type":"tool_use","id":"call_1","name":"f","input":{"a":1}},{"type":"tool_use","id":"toolu_msg_1_1","name":"g","input":{}}]""");
        ((string)message["stop_reason"]!).ShouldBe("tool_use");
    }

    [Fact]
    public void Body_FunctionCallOfOld_IsAToolUse() =>
        ShouldBe(Body("""{"id":"1","choices":[{"message":{"content":null,"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}]}""")["content"]!, """
            [{"type":"tool_use","id":"toolu_msg_1_0","name":"f","input":{}}]
            """);

    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""")]
    [InlineData("", "{}")]
    [InlineData("  ", "{}")]
    [InlineData("null", "{}")]
    [InlineData("""{"a":1}{"a":1}""", """{"a":1}""")]
    [InlineData("""{"a":"}"} and more""", """{"a":"}"}""")]
    [InlineData("{\"a\":\"x\ny\"}", """{"a":"x\ny"}""")]
    [InlineData("""
        "{\"a\":1}"
        """, """{"a":1}""")]
    [InlineData("""{'a':1}""", """{"INVALID_JSON":"{'a':1}"}""")]
    [InlineData("""{"a":""", """{"INVALID_JSON":"{\"a\":"}""")]
    [InlineData("[1]", """{"INVALID_JSON":"[1]"}""")]
    [InlineData("hello", """{"INVALID_JSON":"hello"}""")]
    public void Body_Arguments_AreAnObjectWhateverTheModelWrote(string arguments, string expected) =>
        ShouldBe(Body($$$$"""{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{{{{JsonSerializer.Serialize(arguments)}}}}}}]}}]}""")["content"]![0]!["input"]!, expected);

    [Fact]
    public void Body_Refusal_IsTextAndSaysSo()
    {
        var message = Body("""{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}""");

        ShouldBe(message["content"]!, """[{"type":"text","text":"No."}]""");
        ((string)message["stop_reason"]!).ShouldBe("refusal");
    }

    [Fact]
    public void Body_WithoutIdAndUsage_HasAnIdAndZeros()
    {
        var message = Body("""{"choices":[{"message":{"content":"x"}}]}""");

        ((string)message["id"]!).Length.ShouldBeGreaterThan(8);
        ((int)message["usage"]!["input_tokens"]!).ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":5}}""", 1, 4, 5)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":1,"cache_read_input_tokens":4,"cache_creation_input_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}""", 1, 4, 5)]
    [InlineData("""{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}""", 0, 3, 0)]
    [InlineData("""{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":null}""", 3, 0, 0)]
    public void Body_Usage_CountsNothingTwice(string usage, int input, int read, int written)
    {
        var counted = Body($$$$"""{"choices":[{"message":{"content":"x"}}],"usage":{{{{usage}}}}}""")["usage"]!;

        ((int)counted["input_tokens"]!).ShouldBe(input);
        ((int)counted["cache_read_input_tokens"]!).ShouldBe(read);
        ((int)counted["cache_creation_input_tokens"]!).ShouldBe(written);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("""{"choices":[]}""")]
    [InlineData("""{"choices":[{"index":0}]}""")]
    [InlineData("""{"choices":[{"message":{"tool_calls":[7]}}]}""")]
    [InlineData("""{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"arguments":"{}"}}]}}]}""")]
    [InlineData("""{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"half \ud83d"}}]}}]}""")]
    public void Body_NoAnswer_IsTheProvidersFault(string answer) => Should.Throw<InvalidDataException>(() => Body(answer));

    [Fact]
    public void Body_NoJson_IsTheProvidersFault() => Should.Throw<JsonException>(() => Body("<html>"));

    private static void ShouldBe(JsonNode actual, string expected)
    {
        var wanted = JsonNode.Parse(expected)!;
        JsonNode.DeepEquals(actual, wanted).ShouldBeTrue($"{actual.ToJsonString()}\n is not\n{wanted.ToJsonString()}");
    }

    [Theory]
    [InlineData("\"stop_reason\":\"END\"", "stop_sequence", "END")]
    [InlineData("\"matched_stop\":\"END\"", "stop_sequence", "END")]
    [InlineData("\"stop_reason\":\"<eos>\"", "end_turn", null)]
    [InlineData("\"matched_stop\":128009", "end_turn", null)]
    public void Body_StopSequenceThatTheServerTells_IsTold(string field, string reason, string? sequence)
    {
        var message = Body($$$"""{"id":"x","choices":[{"message":{"content":"a"},"finish_reason":"stop",{{{field}}}}]}""", """{"stop_sequences":["END"]}""");

        ((string)message["stop_reason"]!).ShouldBe(reason);
        ((string?)message["stop_sequence"]).ShouldBe(sequence);
    }
}
