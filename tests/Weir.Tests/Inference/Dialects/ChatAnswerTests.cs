using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Dialects;
using Weir.Inference.Relay;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Answers of Anthropic's as clients of the chat API see them.</summary>
public sealed class ChatAnswerTests
{
    private static readonly DateTimeOffset Created = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private static ChatAnswer Translator(bool usage = false) => new(new AnswerContext(default, "fast", Created, true, usage));

    private static JsonNode Body(string body)
    {
        var output = new ArrayBufferWriter<byte>();
        Translator().Body(Encoding.UTF8.GetBytes(body), output);
        return JsonNode.Parse(output.WrittenSpan)!;
    }

    /// <summary>The client's bytes, however the provider's are cut.</summary>
    internal static string Stream(byte[] bytes, Func<int, int> next, bool usage = false)
    {
        using var reader = new EventReader(1024 * 1024);
        var output = new ArrayBufferWriter<byte>();
        var sink = new EventSink(output);
        var translator = Translator(usage);
        for (var at = 0; at < bytes.Length;)
        {
            var size = Math.Clamp(next(at), 1, bytes.Length - at);
            bytes.AsSpan(at, size).CopyTo(reader.GetMemory(size).Span);
            reader.Advance(size);
            at += size;
            while (reader.TryRead())
            {
                if (reader.Name.SequenceEqual("message_stop"u8))
                {
                    translator.End(sink);
                }
                else if (!reader.Name.SequenceEqual("ping"u8))
                {
                    translator.Event(reader.Name, reader.Data, sink);
                }
            }
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    internal static List<JsonNode> Chunks(string stream) =>
        [.. stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(text => text != "data: [DONE]").Select(text => JsonNode.Parse(text["data: ".Length..])!)];

    private static IEnumerable<string> Deltas(string stream) =>
        Chunks(stream).Where(chunk => chunk["choices"]!.AsArray().Count > 0).Select(chunk => chunk["choices"]![0]!["delta"]!.ToJsonString());

    [Fact]
    public void Body_TextThinkingAndCalls_AreOneMessage()
    {
        var chat = Body("""
            {"id":"msg_1","type":"message","role":"assistant","model":"real","content":[
              {"type":"thinking","thinking":"hm \u00e4","signature":"s=="},
              {"type":"redacted_thinking","data":"enc"},
              {"type":"text","text":"I will ","citations":[{"type":"x"}]},
              {"type":"server_tool_use","id":"srv","name":"web_search","input":{"query":"q"}},
              {"type":"text","text":"look."},
              {"type":"tool_use","id":"t1","name":"get","input":{"a":[1,2]}},
              {"type":"tool_use","id":"t2","name":"now","input":{}}],
             "stop_reason":"tool_use","stop_sequence":null,
             "usage":{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,"output_tokens":5}}
            """);

        ((string)chat["id"]!, (string)chat["object"]!, (long)chat["created"]!, (string)chat["model"]!).ShouldBe(("chatcmpl-msg_1", "chat.completion", 1_700_000_000, "fast"));
        var message = chat["choices"]![0]!["message"]!;
        ((string)message["content"]!, (string)message["reasoning_content"]!).ShouldBe(("I will look.", "hm ä"));
        message["thinking_blocks"]!.ToJsonString().ShouldBe("""[{"type":"thinking","thinking":"hm \u00E4","signature":"s=="},{"type":"redacted_thinking","data":"enc"}]""");
        message["tool_calls"]!.ToJsonString().Replace("\\u0022", "\\\"", StringComparison.Ordinal).ShouldBe(
            """[{"id":"t1","type":"function","function":{"name":"get","arguments":"{\"a\":[1,2]}"}},{"id":"t2","type":"function","function":{"name":"now","arguments":"{}"}}]""");
        ((string)chat["choices"]![0]!["finish_reason"]!).ShouldBe("tool_calls");
        chat["usage"]!.ToJsonString().ShouldBe("""{"prompt_tokens":123,"completion_tokens":5,"total_tokens":128,"prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":20}}""");
    }

    [Theory]
    [InlineData("end_turn", "stop")]
    [InlineData("stop_sequence", "stop")]
    [InlineData("pause_turn", "stop")]
    [InlineData("max_tokens", "length")]
    [InlineData("model_context_window_exceeded", "length")]
    [InlineData("refusal", "content_filter")]
    [InlineData("tool_use", "tool_calls")]
    public void Body_StopReason_IsTheChatsOwnWord(string stop, string finish)
    {
        var chat = Body($$$"""{"id":"m","content":[],"stop_reason":"{{{stop}}}","usage":{"input_tokens":1,"output_tokens":0}}""");
        ((string)chat["choices"]![0]!["finish_reason"]!).ShouldBe(finish);
        ((string)chat["choices"]![0]!["message"]!["content"]!).ShouldBe("");
    }

    [Fact]
    public void Body_OfACallAlone_HasNoContent() =>
        Body("""{"id":"m","content":[{"type":"tool_use","id":"t","name":"f","input":{}}],"stop_reason":"tool_use"}""")["choices"]![0]!["message"]!["content"].ShouldBeNull();

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"content\":\"text\"}")]
    [InlineData("{\"content\":[{\"type\":\"tool_use\"}]}")]
    public void Body_OfAnotherShape_IsRefused(string body) => Should.Throw<InvalidDataException>(() => Body(body));

    [Fact]
    public void Stream_OfEveryEvent_IsTheChunksOfOneAnswer()
    {
        var stream = Stream(Encoding.UTF8.GetBytes(AnthropicEvents.Everything), _ => int.MaxValue, usage: true);

        Deltas(stream).ShouldBe(
        [
            """{"role":"assistant","content":""}""",
            """{"reasoning_content":"Let me "}""",
            """{"reasoning_content":"see\n\u00E4"}""",
            """{"content":"Hello"}""",
            """{"content":" \u0022world\u0022"}""",
            """{"tool_calls":[{"index":0,"id":"toolu_1","type":"function","function":{"name":"get_weather","arguments":""}}]}""",
            """{"tool_calls":[{"index":0,"function":{"arguments":"{\u0022city\u0022:"}}]}""",
            """{"tool_calls":[{"index":0,"function":{"arguments":"\u0022Bonn\u0022}"}}]}""",
            """{"tool_calls":[{"index":1,"id":"toolu_2","type":"function","function":{"name":"now","arguments":""}}]}""",
            """{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}""",
            """{"thinking_blocks":[{"type":"thinking","thinking":"Let me see\n\u00E4","signature":"EqQB=="},{"type":"redacted_thinking","data":"Enc"}]}""",
            "{}",
        ]);
        var chunks = Chunks(stream);
        chunks.ShouldAllBe(chunk => (string)chunk["id"]! == "chatcmpl-msg_01" && (string)chunk["model"]! == "fast");
        ((string)chunks[^2]["choices"]![0]!["finish_reason"]!).ShouldBe("tool_calls");
        chunks[^1]["choices"]!.AsArray().ShouldBeEmpty();
        chunks[^1]["usage"]!.ToJsonString().ShouldBe("""{"prompt_tokens":152,"completion_tokens":89,"total_tokens":241,"prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":40}}""");
        stream.ShouldEndWith("data: [DONE]\n\n");
    }

    [Fact]
    public void Stream_WhoseUsageIsNotAskedFor_HasNone() =>
        Stream(Encoding.UTF8.GetBytes(AnthropicEvents.Everything), _ => int.MaxValue).ShouldNotContain("usage");

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public void Stream_CutAtAnyByte_IsTheSame(string newline)
    {
        var bytes = Encoding.UTF8.GetBytes(AnthropicEvents.Everything.Replace("\n", newline, StringComparison.Ordinal));
        var whole = Stream(bytes, _ => int.MaxValue);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            Stream(bytes, at => at < cut ? cut - at : int.MaxValue).ShouldBe(whole, $"cut at {cut}");
        }

        Stream(bytes, _ => 1).ShouldBe(whole);
    }

    [Fact]
    public void Stream_WithACallGivenWhole_HasItsArguments()
    {
        var stream = Stream(
            """
            data: {"type":"message_start","message":{"id":"m"}}

            data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}

            data: {"type":"content_block_stop","index":0}

            event: message_stop
            data: {"type":"message_stop"}


            """u8.ToArray(),
            _ => int.MaxValue);

        Deltas(stream).ShouldContain("""{"tool_calls":[{"index":0,"function":{"arguments":"{\u0022a\u0022:1}"}}]}""");
    }

    [Fact]
    public void Stream_SignedThinking_ComesBackAsItWas()
    {
        var blocks = Chunks(Stream(Encoding.UTF8.GetBytes(AnthropicEvents.Everything), _ => int.MaxValue))
            .SelectMany(chunk => chunk["choices"]![0]!["delta"]!["thinking_blocks"]?.AsArray().Select(block => block!.ToJsonString()) ?? []);
        var output = new ArrayBufferWriter<byte>();
        var request = Encoding.UTF8.GetBytes($$"""{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y","thinking_blocks":[{{string.Join(',', blocks)}}]}]}""");

        new ChatOverMessages().TranslateRequest(request, new TranslationTarget("a/m", "m", 1, false), output).ShouldBeNull();

        JsonNode.Parse(output.WrittenSpan)!["messages"]![1]!["content"]!.ToJsonString().ShouldBe(
            """[{"type":"thinking","thinking":"Let me see\n\u00E4","signature":"EqQB=="},{"type":"redacted_thinking","data":"Enc"},{"type":"text","text":"y"}]""");
    }
}

/// <summary>A stream with every type of event and of block that Anthropic documents, as its API sends them.</summary>
internal static class AnthropicEvents
{
    public const string Everything =
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":40,"cache_read_input_tokens":100,"output_tokens":1}}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

        event: ping
        data: {"type": "ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"see\nä"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB=="}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}

        event: content_block_start
        data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Enc"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":1}

        event: content_block_start
        data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hello"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://a"}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":" \"world\""}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":2}

        event: content_block_start
        data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"\"Bonn\"}"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":3}

        event: content_block_start
        data: {"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"query\":\"x\"}"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":4}

        event: content_block_start
        data: {"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"now","input":{}}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":5}

        event: a_type_of_tomorrow
        data: {"type":"a_type_of_tomorrow","x":1}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

        event: message_stop
        data: {"type":"message_stop"}


        """;
}
