using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Dialects;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Chat requests as Anthropic is asked them.</summary>
public sealed class ChatRequestTests
{
    private const string User = """{"role":"user","content":"hi"}""";

    private static (InferenceError? Error, JsonNode? Body, IReadOnlyList<string> Dropped) Translate(string body, bool drop = false, string model = "real-model")
    {
        var target = new TranslationTarget("claude/" + model, model, 8192, drop);
        var output = new ArrayBufferWriter<byte>();
        var error = new ChatOverMessages().TranslateRequest(Encoding.UTF8.GetBytes(body), target, output);
        return (error, error is null ? JsonNode.Parse(output.WrittenSpan) : null, target.Dropped);
    }

    private static string Chat(string messages, string more = "") => $$"""{"model":"fast","messages":[{{messages}}]{{more}}}""";

    private static void ShouldBecome(string body, string expected)
    {
        var (error, translated, _) = Translate(body);
        error.ShouldBeNull(error?.Message);
        JsonNode.DeepEquals(translated, JsonNode.Parse(expected)).ShouldBeTrue($"is {translated!.ToJsonString()}\nnot {expected}");
    }

    private static void MessagesShouldBecome(string messages, string expected, string system = "") =>
        ShouldBecome(Chat(messages), $$"""{"model":"real-model","max_tokens":8192,{{(system.Length == 0 ? "" : $"\"system\":{system},")}}"messages":{{expected}}}""");

    private static void FieldShouldBecome(string more, string expected) => ShouldBecome(
        Chat(User, "," + more), $$"""{"model":"real-model","max_tokens":8192,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]{{(expected.Length == 0 ? "" : "," + expected)}}}""");

    [Fact]
    public void Messages_Instructions_GoOnTopInTheirOrder() => MessagesShouldBecome(
        """{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"developer","content":[{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"d"}""",
        """[{"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"d"}]}]""",
        """[{"type":"text","text":"a"},{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}]""");

    [Fact]
    public void Messages_CallsAndTheirResults_AreBlocksOfTheirTurns() => MessagesShouldBecome(
        """
        {"role":"user","content":"weather?"},
        {"role":"assistant","content":null,"reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s1"},{"type":"thinking","thinking":"unsigned"},{"type":"redacted_thinking","data":"x"}],
         "tool_calls":[{"id":"t1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Bonn\"}"}},{"id":"t2","type":"function","function":{"name":"now","arguments":""}}]},
        {"role":"tool","tool_call_id":"t1","content":"sunny"},
        {"role":"tool","tool_call_id":"t2","content":[{"type":"text","text":"noon"},{"type":"image_url","image_url":{"url":"https://a/b.png"}}]},
        {"role":"user","content":"so?"}
        """,
        """
        [{"role":"user","content":[{"type":"text","text":"weather?"}]},
         {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s1"},{"type":"redacted_thinking","data":"x"},
           {"type":"tool_use","id":"t1","name":"get","input":{"city":"Bonn"}},{"type":"tool_use","id":"t2","name":"now","input":{}}]},
         {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"sunny"},
           {"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"noon"},{"type":"image","source":{"type":"url","url":"https://a/b.png"}}]},
           {"type":"text","text":"so?"}]}]
        """);

    [Fact]
    public void Messages_PartsOfEverySort_AreBlocks() => MessagesShouldBecome(
        """
        {"role":"user","content":[{"type":"text","text":"look \u00e4 \\ \n"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA\/B=","detail":"low"}},
         {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,QQ=="}}],"cache_control":{"type":"ephemeral"}}
        """,
        """
        [{"role":"user","content":[{"type":"text","text":"look ä \\ \n"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA/B="}},
         {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QQ=="},"title":"a.pdf","cache_control":{"type":"ephemeral"}}]}]
        """);

    [Fact]
    public void Messages_TextOfBlanks_IsLeftOut() => MessagesShouldBecome(
        """{"role":"system","content":""},{"role":"user","content":" "},{"role":"user","content":[{"type":"text","text":"\n\t"},{"type":"text","text":"x"}]},{"role":"assistant","content":""},{"role":"user","content":"y"}""",
        """[{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}]""");

    [Fact]
    public void Messages_ARefusal_IsText() => MessagesShouldBecome(
        """{"role":"user","content":"a"},{"role":"assistant","content":null,"refusal":"no"},{"role":"user","content":"b"},{"role":"assistant","content":[{"type":"refusal","refusal":"never"}],"annotations":[]}""",
        """[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"no"}]},{"role":"user","content":[{"type":"text","text":"b"}]},{"role":"assistant","content":[{"type":"text","text":"never"}]}]""");

    [Theory]
    [InlineData("\"max_tokens\":5,\"max_completion_tokens\":null", "\"max_tokens\":5")]
    [InlineData("\"max_tokens\":5,\"max_completion_tokens\":7", "\"max_tokens\":7")]
    public void MaxTokens_EitherName_IsTheBound(string more, string expected) => ShouldBecome(
        Chat(User, "," + more), $$"""{"model":"real-model",{{expected}},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}""");

    [Theory]
    [InlineData("\"stream\":true,\"stream_options\":{\"include_usage\":true}", "\"stream\":true")]
    [InlineData("\"stream\":false", "")]
    [InlineData("\"temperature\":0.5,\"top_p\":0.9,\"top_k\":4", "\"temperature\":0.5,\"top_p\":0.9,\"top_k\":4")]
    [InlineData("\"stop\":\"x\"", "\"stop_sequences\":[\"x\"]")]
    [InlineData("\"stop\":[\"x\",\"y\"]", "\"stop_sequences\":[\"x\",\"y\"]")]
    [InlineData("\"user\":\"u\"", "\"metadata\":{\"user_id\":\"u\"}")]
    [InlineData("\"metadata\":{\"user_id\":\"u\"}", "\"metadata\":{\"user_id\":\"u\"}")]
    [InlineData("\"n\":1,\"seed\":null,\"logprobs\":false,\"top_logprobs\":0,\"logit_bias\":{},\"frequency_penalty\":0,\"presence_penalty\":0.0,\"modalities\":[\"text\"],\"store\":false,\"prompt_cache_key\":\"k\",\"verbosity\":\"medium\"", "")]
    [InlineData("\"service_tier\":\"auto\"", "")]
    [InlineData("\"service_tier\":\"default\"", "\"service_tier\":\"standard_only\"")]
    [InlineData("\"response_format\":{\"type\":\"text\"}", "")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}}},\"output_config\":{\"effort\":\"low\"}", "\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}")]
    [InlineData("\"reasoning_effort\":\"none\"", "")]
    [InlineData("\"reasoning_effort\":\"low\"", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}")]
    [InlineData("\"reasoning_effort\":\"high\"", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}")]
    [InlineData("\"thinking\":{\"type\":\"adaptive\"},\"reasoning_effort\":\"high\"", "\"thinking\":{\"type\":\"adaptive\"}")]
    [InlineData("\"tools\":[],\"parallel_tool_calls\":false,\"tool_choice\":\"auto\"", "")]
    public void Fields_WithACounterpart_BecomeIt(string more, string expected) => FieldShouldBecome(more, expected);

    [Theory]
    [InlineData("", "")]
    [InlineData(",\"tool_choice\":\"auto\"", "{\"type\":\"auto\"}")]
    [InlineData(",\"tool_choice\":\"none\",\"parallel_tool_calls\":false", "{\"type\":\"none\"}")]
    [InlineData(",\"tool_choice\":\"required\"", "{\"type\":\"any\"}")]
    [InlineData(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "{\"type\":\"tool\",\"name\":\"f\"}")]
    [InlineData(",\"parallel_tool_calls\":false", "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}")]
    [InlineData(",\"parallel_tool_calls\":true", "")]
    public void Tools_AndTheirChoice_AreAnthropics(string more, string choice) => FieldShouldBecome(
        """
        "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true},"cache_control":{"type":"ephemeral"}},{"type":"function","function":{"name":"g"}},{"type":"web_search_20250305","name":"web_search"}]
        """ + more,
        """
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral"}},{"name":"g","input_schema":{"type":"object","properties":{}}},{"type":"web_search_20250305","name":"web_search"}]
        """ + (choice.Length == 0 ? "" : ",\"tool_choice\":" + choice));

    [Theory]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"seed\":1", "seed")]
    [InlineData("\"logprobs\":true", "logprobs")]
    [InlineData("\"logit_bias\":{\"5\":1}", "logit_bias")]
    [InlineData("\"frequency_penalty\":0.1", "frequency_penalty")]
    [InlineData("\"temperature\":1.1", "temperature")]
    [InlineData("\"temperature\":0,\"reasoning_effort\":\"low\"", "temperature")]
    [InlineData("\"reasoning_effort\":\"low\",\"max_tokens\":1000", "reasoning_effort")]
    [InlineData("\"stop\":\" \"", "stop")]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"metadata\":{\"a\":\"b\"}", "metadata")]
    [InlineData("\"service_tier\":\"flex\"", "service_tier")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "response_format")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"x\"}}]", "tools[0]")]
    [InlineData("\"some_field\":1", "some_field")]
    public void Fields_WithoutACounterpart_Are422OrDropped(string more, string field)
    {
        var (error, _, _) = Translate(Chat(User, "," + more));
        error.ShouldNotBeNull();
        (error.Status, error.Param).ShouldBe((422, field));
        error.Message.ShouldContain("claude/real-model");

        var (none, body, dropped) = Translate(Chat(User, "," + more), drop: true);
        none.ShouldBeNull();
        dropped.ShouldBe([field]);
        body![field.Split('[')[0]]?.ToJsonString().ShouldBe("[]");
    }

    [Theory]
    [InlineData("""{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}""", "messages[0].content[0]")]
    [InlineData("""{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}""", "messages[0].content[0].file.file_id")]
    [InlineData("""{"role":"user","content":"x","name":"bob"}""", "messages[0].name")]
    [InlineData("""{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a"}}]}""", "messages[0].content[0]")]
    [InlineData("""{"role":"function","name":"f","content":"x"}""", "messages[0]")]
    public void Messages_WithoutACounterpart_Are422(string message, string field)
    {
        var error = Translate(Chat(message)).Error.ShouldNotBeNull();
        (error.Status, error.Param).ShouldBe((422, field));
    }

    [Theory]
    [InlineData("{\"model\":\"m\"}", "messages")]
    [InlineData("{\"model\":\"m\",\"messages\":[1]}", "messages[0].role")]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":5}]}", "messages[0].content")]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,xx\"}}]}]}", "messages[0].content[0].image_url.url")]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"file:///etc/passwd\"}}]}]}", "messages[0].content[0].image_url.url")]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].tool_call_id")]
    [InlineData("{\"model\":\"m\",\"messages\":[],\"max_tokens\":0}", "max_tokens")]
    [InlineData("{\"model\":\"m\",\"messages\":[],\"tools\":{}}", "tools")]
    [InlineData("{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\"}]}", "tools[0].function")]
    [InlineData("{\"model\":\"m\",\"messages\":[],\"stop\":5}", "stop")]
    [InlineData("{\"model\":\"m\",\"messages\":[],\"reasoning_effort\":\"huge\"}", "reasoning_effort")]
    public void Nonsense_Anywhere_Is400WithItsPlace(string body, string field)
    {
        var error = Translate(body, drop: true).Error.ShouldNotBeNull();
        (error.Status, error.Param).ShouldBe((400, field));
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("{\"city\":\"Bo")]
    [InlineData("hello")]
    public void ToolCall_WhoseArgumentsAreNoObject_GoesAlongAsText(string arguments)
    {
        var call = new JsonObject { ["id"] = "a", ["type"] = "function", ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments } };
        var (error, body, _) = Translate(Chat(new JsonObject { ["role"] = "assistant", ["tool_calls"] = new JsonArray(call) }.ToJsonString()));

        error.ShouldBeNull();
        JsonNode.DeepEquals(body!["messages"]![0]!["content"]![0]!["input"], new JsonObject { ["INVALID_JSON"] = arguments }).ShouldBeTrue(body.ToJsonString());
    }

    [Fact]
    public void Text_WithHalfACharacter_DoesNotBreakTheTranslation()
    {
        var output = new ArrayBufferWriter<byte>();
        var target = new TranslationTarget("claude/m", "m", 10, false);
        new ChatOverMessages().TranslateRequest(Encoding.UTF8.GetBytes(Chat("""{"role":"user","content":"x\ud800"}""")), target, output).ShouldBeNull();
        Encoding.UTF8.GetString(output.WrittenSpan).ShouldContain("""x\ud800""");

        new ChatOverMessages().TranslateRequest(Encoding.UTF8.GetBytes(Chat("""{"role":"user\ud800","content":"x"}""")), target, output)!.Status.ShouldBe(400);
    }

    [Theory]
    [InlineData("claude-sonnet-4-5-20250929", "low", """{"type":"enabled","budget_tokens":2048}""", null)]
    [InlineData("claude-3-7-sonnet-20250219", "max", """{"type":"enabled","budget_tokens":4096}""", null)]
    [InlineData("claude-opus-4-20250514", "none", null, null)]
    [InlineData("claude-sonnet-4-6", "medium", """{"type":"adaptive","display":"summarized"}""", "medium")]
    [InlineData("anthropic.claude-opus-4-6-v1:0", "xhigh", """{"type":"adaptive","display":"summarized"}""", "high")]
    [InlineData("claude-opus-4-7", "xhigh", """{"type":"adaptive","display":"summarized"}""", "xhigh")]
    [InlineData("claude-opus-4-8", "minimal", """{"type":"adaptive","display":"summarized"}""", "low")]
    [InlineData("claude-opus-4-8", "none", null, null)]
    [InlineData("claude-sonnet-5", "none", """{"type":"disabled"}""", null)]
    [InlineData("claude-mythos-preview", "max", """{"type":"adaptive","display":"summarized"}""", "max")]
    public void Effort_ByModel_IsABudgetOrAnEffort(string model, string effort, string? thinking, string? config)
    {
        var (error, body, _) = Translate(Chat(User, $",\"reasoning_effort\":\"{effort}\""), model: model);

        error.ShouldBeNull();
        body!["thinking"]?.ToJsonString().ShouldBe(thinking);
        ((string?)body["output_config"]?["effort"]).ShouldBe(config);
    }

    [Theory]
    [InlineData("claude-fable-5", "\"reasoning_effort\":\"none\"", "reasoning_effort")]
    [InlineData("claude-opus-4-7", "\"temperature\":0.5", "temperature")]
    [InlineData("claude-opus-4-7", "\"top_p\":0.97", "top_p")]
    [InlineData("claude-opus-4-7", "\"temperature\":1", null)]
    [InlineData("claude-opus-4-6", "\"temperature\":0.5", null)]
    public void Fields_OfNewerModels_AreRefusedWhereTheyAreNotTaken(string model, string field, string? refused) =>
        (Translate(Chat(User, "," + field), model: model).Error?.Param).ShouldBe(refused);

    [Fact]
    public void MaxTokens_NoneGivenBesideALargeBudget_LeavesRoomForTheAnswer() =>
        ((int)Translate(Chat(User, ""","thinking":{"type":"enabled","budget_tokens":10000}""")).Body!["max_tokens"]!).ShouldBe(18_192);

    [Fact]
    public void Tools_AllDropped_LeaveNeitherToolsNorChoice()
    {
        var (_, body, dropped) = Translate(Chat(User, ""","tools":[{"type":"custom","custom":{"name":"c"}}],"tool_choice":"required","parallel_tool_calls":false"""), drop: true);

        dropped.ShouldBe(["tools[0]"]);
        body!.AsObject().Select(field => field.Key).ShouldBe(["model", "max_tokens", "messages"]);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":"So: \n "}""")]
    [InlineData("""{"role":"assistant","content":[{"type":"text","text":"So: "}]},{"role":"system","content":"x"}""")]
    public void Messages_BeginningOfTheAnswer_EndsWithNoBlank(string last) =>
        ((string)Translate(Chat(User + "," + last)).Body!["messages"]![1]!["content"]![0]!["text"]!).ShouldBe("So:");

    [Fact]
    public void Messages_DetailOfAnImage_IsDroppedAndTold() =>
        Translate(Chat("""{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b.png","detail":"high"}}]}""")).Dropped.ShouldBe(["messages[].content[].image_url.detail"]);

    [Fact]
    public void Messages_ThinkingThatNobodySigned_StaysOut() =>
        Translate(Chat(User + """,{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"weir.unsigned"}]}""")).Body!["messages"]![1]!["content"]!.AsArray().Count.ShouldBe(1);
}
