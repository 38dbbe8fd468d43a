using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Tests.Flow;
using static Weir.Tests.Inference.Dialects.ResponsesTranslating;

namespace Weir.Tests.Inference.Dialects;

public sealed class ResponsesAnswerTests
{
    private const string Usage = """{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}""";

    [Fact]
    public void Body_OfOpenAI_IsAWholeResponse()
    {
        var response = Answer(
            """{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"llama","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":"""
                + Usage + ""","service_tier":"default"}""",
            """{"model":"fast","input":"hi","instructions":"i","temperature":0.5,"metadata":{"a":"b"},"tools":[{"type":"function","name":"f"}],"reasoning":{"effort":"low"},"store":null}""");

        JsonNode.DeepEquals(response, JsonNode.Parse("""
            {"id":"resp_stateless_0","object":"response","created_at":1777636800,"status":"completed","background":false,"error":null,"incomplete_details":null,"model":"fast",
             "output":[{"id":"msg_0_0","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[],"logprobs":[]}]}],
             "instructions":"i","max_output_tokens":null,"metadata":{"a":"b"},"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":"low"},
             "safety_identifier":null,"service_tier":"default","store":false,"temperature":0.5,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[{"type":"function","name":"f"}],
             "top_p":null,"truncation":"disabled","user":null,
             "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":17}}
            """)).ShouldBeTrue(response.ToJsonString());
    }

    [Fact]
    public void Body_OfDeepSeek_HasReasoningCallsAndItsCacheHits()
    {
        var response = Answer("""
            {"choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":""}}]},"finish_reason":"tool_calls"}],
             "usage":{"prompt_tokens":10,"completion_tokens":7,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}}
            """);

        response["output"]!.ToJsonString().ShouldBe(JsonNode.Parse("""
            [{"id":"rs_0_0","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"status":"completed"},
             {"id":"fc_0_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"},
             {"id":"fc_0_2","type":"function_call","status":"completed","arguments":"{}","call_id":"call_2","name":"g"}]
            """)!.ToJsonString());
        ((int)response["usage"]!["input_tokens_details"]!["cached_tokens"]!).ShouldBe(8);
    }

    [Fact]
    public void Body_SignedThinking_ComesBackWhenTheClientSendsItsItems()
    {
        const string Blocks = """[{"type":"thinking","thinking":"h\u00e9 \"m\"","signature":"s/+="},{"type":"redacted_thinking","data":"d"}]""";
        var response = Answer($$"""{"choices":[{"message":{"content":"a","reasoning_content":"hé","thinking_blocks":{{Blocks}}},"finish_reason":"stop"}]}""");

        var messages = JsonNode.Parse(Messages(response["output"]!.ToJsonString()))!;

        ((string)response["output"]![0]!["encrypted_content"]!).ShouldStartWith("weir.thinking.1.");
        JsonNode.DeepEquals(messages[0]!["thinking_blocks"], JsonNode.Parse(Blocks)).ShouldBeTrue(messages.ToJsonString());
    }

    [Theory]
    [InlineData("length", "incomplete", "max_output_tokens")]
    [InlineData("content_filter", "incomplete", "content_filter")]
    [InlineData("stop", "completed", null)]
    [InlineData("tool_calls", "completed", null)]
    [InlineData("error", "failed", null)]
    public void Body_FinishReason_IsTheStatus(string finish, string status, string? reason)
    {
        var response = Answer($$"""{"choices":[{"message":{"content":"a"},"finish_reason":"{{finish}}"}]}""");

        ((string)response["status"]!).ShouldBe(status);
        ((string?)response["incomplete_details"]?["reason"]).ShouldBe(reason);
        ((string)response["output"]![0]!["status"]!).ShouldBe(status == "completed" ? "completed" : "incomplete");
        (response["error"] is not null).ShouldBe(status == "failed");
        response["usage"].ShouldBeNull();
    }

    [Fact]
    public void Body_Refusal_IsAPartOfItsOwn() =>
        Answer("""{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}""")["output"]![0]!["content"]!.ToJsonString()
            .ShouldBe("""[{"type":"refusal","refusal":"no"}]""");

    [Fact]
    public void Body_OfMistral_TakesThinkingOutOfTheContent() =>
        Answer("""{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]},"finish_reason":"stop"}]}""")["output"]!
            .AsArray().Select(item => (string)item!["type"]!).ShouldBe(["reasoning", "message"]);

    [Theory]
    [InlineData("""{"object":"list","data":[]}""")]
    [InlineData("""{"choices":[]}""")]
    [InlineData("""{"choices":[{"text":"legacy"}]}""")]
    [InlineData("[]")]
    public void Body_ThatIsNoChat_Throws(string body) => Should.Throw<InvalidDataException>(() => Answer(body));

    [Fact]
    public void Stream_OfOpenAI_IsEveryEventInOrder()
    {
        var events = Stream([
            """{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}""",
            """{"id":"c","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}""",
            """{"id":"c","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}""",
            """{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""",
            $$"""{"id":"c","choices":[],"usage":{{Usage}}}""",
        ]);

        TypesOf(events).ShouldBe([
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
            "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
        ]);
        var response = Accumulate(events);
        ((string)response["output"]![0]!["content"]![0]!["text"]!).ShouldBe("Hello");
        ((int)response["usage"]!["total_tokens"]!).ShouldBe(17);
    }

    [Fact]
    public void Stream_ReasoningThenParallelCalls_HasEachItemAtItsIndex()
    {
        var events = Stream([
            """{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"h"}}]}""",
            """{"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"m"}}]}""",
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}}]}""",
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{\"b\""}}]}}]}""",
            """{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":":2}"}}]}}]}""",
            """{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
        ]);

        TypesOf(events).ShouldBe([
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.delta",
            "response.reasoning_text.done", "response.content_part.done", "response.output_item.done",
            "response.output_item.added", "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.delta", "response.function_call_arguments.delta",
            "response.function_call_arguments.done", "response.output_item.done", "response.function_call_arguments.done", "response.output_item.done", "response.completed",
        ]);
        var output = Accumulate(events)["output"]!;
        ((string)output[1]!["arguments"]!, (string)output[2]!["arguments"]!, (string)output[2]!["call_id"]!).ShouldBe(("{}", "{\"b\":2}", "c2"));
    }

    [Theory]
    [InlineData("""{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}""", """{"index":0,"id":"y","function":{"name":"f","arguments":"{}"}}""")]
    [InlineData("""{"id":"","function":{"name":"f","arguments":"{}"}}""", """{"id":"","function":{"name":"f","arguments":"{}"}}""")]
    [InlineData("""{"function":{"name":"f","arguments":"{}"}}""", """{"function":{"name":"f","arguments":"{}"}}""")]
    public void Stream_WholeCallsWithoutTheirNumbers_StayApart(string first, string second)
    {
        var output = Accumulate(Stream([
            $$$"""{"choices":[{"delta":{"tool_calls":[{{{first}}}]}}]}""", $$$"""{"choices":[{"delta":{"tool_calls":[{{{second}}}]},"finish_reason":"tool_calls"}]}""",
        ]))["output"]!.AsArray();

        output.Count.ShouldBe(2);
        output.Select(item => (string)item!["arguments"]!).ShouldAllBe(arguments => arguments == "{}");
        ((string)output[0]!["call_id"]!).ShouldNotBe((string)output[1]!["call_id"]!);
    }

    [Fact]
    public void Stream_SummaryAskedFor_HasTheReasoningThere()
    {
        var events = Stream(
            ["""{"choices":[{"delta":{"reasoning":"hm"}}]}""", """{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"""],
            """{"input":"hi","stream":true,"reasoning":{"summary":"auto"}}""");

        TypesOf(events)[2..8].ShouldBe([
            "response.output_item.added", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "response.output_item.done",
        ]);
        Accumulate(events)["output"]![0]!["summary"]!.ToJsonString().ShouldBe("""[{"type":"summary_text","text":"hm"}]""");
    }

    [Theory]
    [InlineData("length", "response.incomplete")]
    [InlineData("error", "response.failed")]
    public void Stream_CutShort_EndsSo(string finish, string type)
    {
        var events = Stream([$$$"""{"choices":[{"delta":{"content":"a"},"finish_reason":"{{{finish}}}"}]}"""]);

        TypesOf(events)[^1].ShouldBe(type);
        ((string)Accumulate(events)["output"]![0]!["status"]!).ShouldBe("incomplete");
    }

    [Fact]
    public void Stream_ThatSaysNothing_IsAnEmptyMessage() =>
        Accumulate(Stream(["""{"choices":[{"delta":{"role":"assistant"},"finish_reason":"stop"}]}"""]))["output"]![0]!["content"]![0]!["text"]!.ToString().ShouldBe("");

    [Fact]
    public void Stream_LongerThanItsBound_Throws()
    {
        var chunk = $$$"""{"choices":[{"delta":{"content":"{{{new string('x', 1024 * 1024)}}}"}}]}""";

        Should.Throw<InvalidDataException>(() => Stream(Enumerable.Repeat(chunk, 33)));
    }

    [Fact]
    public void Stream_RandomPieces_GiveTheClientWhatTheBodyWouldHaveGiven() => RandomSchedule.Run(300, random =>
    {
        var message = Whole(random);
        var request = random.Next(2) == 0 ? """{"model":"fast","input":"hi"}""" : """{"model":"fast","input":"hi","reasoning":{"summary":"auto"}}""";
        var body = new JsonObject { ["choices"] = new JsonArray(new JsonObject { ["message"] = message.DeepClone(), ["finish_reason"] = "stop" }), ["usage"] = JsonNode.Parse(Usage) };

        var streamed = Accumulate(Stream(Pieces(message, random), request));

        var whole = Answer(body.ToJsonString(), request);
        JsonNode.DeepEquals(streamed, whole).ShouldBeTrue($"{streamed.ToJsonString()} is not {whole.ToJsonString()}");
    });

    private static JsonObject Whole(Random random)
    {
        var message = new JsonObject();
        if (random.Next(2) == 0)
        {
            message["reasoning_content"] = Words(random);
            if (random.Next(2) == 0)
            {
                message["thinking_blocks"] = new JsonArray(new JsonObject { ["type"] = "thinking", ["thinking"] = "t", ["signature"] = "s" });
            }
        }

        message["content"] = random.Next(4) == 0 ? null : Words(random);
        if (random.Next(4) == 0)
        {
            message["refusal"] = Words(random);
        }

        var calls = random.Next(4);
        if (calls > 0)
        {
            message["tool_calls"] = new JsonArray([.. Enumerable.Range(0, calls).Select(i => new JsonObject
            {
                ["index"] = i,
                ["id"] = $"c{i}",
                ["function"] = new JsonObject { ["name"] = $"f{i}", ["arguments"] = JsonSerializer.Serialize(new { text = Words(random) }) },
            })]);
        }

        return message;
    }

    // Every text in pieces; those of the calls in any order among each other.
    private static IEnumerable<string> Pieces(JsonObject message, Random random)
    {
        foreach (var field in (string[])["reasoning_content", "thinking_blocks", "content", "refusal"])
        {
            if (message[field] is JsonArray blocks)
            {
                yield return Chunk(new JsonObject { [field] = blocks.DeepClone() });
            }
            else if (message[field] is { } text)
            {
                foreach (var piece in Cut((string)text!, random))
                {
                    yield return Chunk(new JsonObject { [field] = piece });
                }
            }
        }

        var calls = message["tool_calls"]?.AsArray() ?? [];
        foreach (var call in calls)
        {
            var begun = call!.DeepClone();
            begun["function"]!["arguments"] = "";
            yield return Chunk(new JsonObject { ["tool_calls"] = new JsonArray(begun) });
        }

        var rest = calls.Select(call => ((int)call!["index"]!, Pieces: new Queue<string>(Cut((string)call["function"]!["arguments"]!, random)))).ToList();
        while (rest.Count > 0)
        {
            var at = random.Next(rest.Count);
            var (index, pieces) = rest[at];
            yield return Chunk(new JsonObject { ["tool_calls"] = new JsonArray(new JsonObject { ["index"] = index, ["function"] = new JsonObject { ["arguments"] = pieces.Dequeue() } }) });
            if (pieces.Count == 0)
            {
                rest.RemoveAt(at);
            }
        }

        yield return """{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""";
        yield return $$"""{"choices":[],"usage":{{Usage}}}""";
    }

    private static string Chunk(JsonObject delta) =>
        new JsonObject { ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta }), ["usage"] = null }.ToJsonString();

    private static IEnumerable<string> Cut(string text, Random random)
    {
        var runes = text.EnumerateRunes().Select(rune => rune.ToString()).ToArray();
        for (var at = 0; at < runes.Length;)
        {
            var count = Math.Min(random.Next(1, 6), runes.Length - at);
            yield return string.Concat(runes[at..(at + count)]);
            at += count;
        }
    }

    private static string Words(Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(1, 30); i > 0; i--)
        {
            text.Append("aé \"\\\n😀}{:,data".EnumerateRunes().ElementAt(random.Next(15)));
        }

        return text.ToString();
    }

    private static string[] TypesOf(List<JsonNode> events) => [.. events.Select(e => (string)e["type"]!)];
}
