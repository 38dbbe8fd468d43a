using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Dialects;
using static Weir.Tests.Inference.Dialects.ResponsesTranslating;

namespace Weir.Tests.Inference.Dialects;

public sealed class ResponsesRequestTests
{
    [Fact]
    public void TranslateRequest_Everything_IsTheChatRequest()
    {
        var (chat, error, dropped) = Request("""
            {"model":"fast","input":"hi","instructions":"Be \"brief\".","stream":true,"max_output_tokens":100,"temperature":0.5,"top_p":0.9,
             "user":"u","metadata":{"a":"b"},"prompt_cache_key":"k","store":false,"background":false,"truncation":"disabled","include":["reasoning.encrypted_content"],
             "reasoning":{"effort":"high","summary":"auto"},"service_tier":"flex","parallel_tool_calls":false,"tool_choice":{"type":"function","name":"f"},
             "text":{"verbosity":"low","format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}},"top_k":5,"previous_response_id":null,
             "tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object"}},{"type":"function","name":"g","parameters":null,"strict":null}]}
            """);

        error.ShouldBeNull();
        dropped.ShouldBeEmpty();
        JsonNode.DeepEquals(chat, JsonNode.Parse("""
            {"model":"llama","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"hi"}],
             "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"g"}}],
             "parallel_tool_calls":false,"tool_choice":{"type":"function","function":{"name":"f"}},
             "stream":true,"stream_options":{"include_usage":true},"max_tokens":100,"temperature":0.5,"top_p":0.9,"user":"u","reasoning_effort":"high","service_tier":"flex",
             "verbosity":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"top_k":5}
            """)).ShouldBeTrue(chat!.ToJsonString());
    }

    [Theory]
    [InlineData("""[{"role":"user","content":[{"type":"input_text","text":"a"}]}]""", """[{"role":"user","content":"a"}]""")]
    [InlineData("""[{"type":"message","role":"developer","content":"a"}]""", """[{"role":"system","content":"a"}]""")]
    [InlineData(
        """[{"role":"user","content":[{"type":"input_text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"low"},{"type":"input_file","filename":"x.pdf","file_data":"data:application/pdf;base64,AA=="}]}]""",
        """[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},{"type":"file","file":{"filename":"x.pdf","file_data":"data:application/pdf;base64,AA=="}}]}]""")]
    [InlineData(
        """[{"role":"user","content":"q"},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]},{"role":"user","content":"r"}]""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]""")]
    [InlineData(
        """[{"role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]}]""",
        """[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"refusal","refusal":"no"}]}]""")]
    public void TranslateRequest_Messages_AreThoseOfChat(string input, string messages) => ShouldBeMessages(input, messages);

    [Fact]
    public void TranslateRequest_AgentLoop_IsOneMessageForEachTurnAndResultsBehindTheirCalls() => ShouldBeMessages(
        """
        [{"role":"user","content":"q"},
         {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
         {"type":"message","role":"assistant","content":"Let me look."},
         {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}","status":"completed"},
         {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
         {"role":"user","content":"quick!"},
         {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},
         {"type":"function_call_output","call_id":"c1","output":"one"},
         {"type":"function_call","call_id":"c3","name":"f","arguments":"{}"},
         {"type":"function_call_output","call_id":"c3","output":""}]
        """,
        """
        [{"role":"user","content":"q"},
         {"role":"assistant","reasoning_content":"hm","content":"Let me look.","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
         {"role":"tool","tool_call_id":"c1","content":"one"},
         {"role":"tool","tool_call_id":"c2","content":"two"},
         {"role":"user","content":"quick!"},
         {"role":"assistant","content":null,"tool_calls":[{"id":"c3","type":"function","function":{"name":"f","arguments":"{}"}}]},
         {"role":"tool","tool_call_id":"c3","content":""}]
        """);

    [Fact]
    public void TranslateRequest_SealedThinking_ComesBackBlockForBlock()
    {
        var sealedText = ThinkingEnvelope.Seal(["""{"type":"thinking","thinking":"hm","signature":"s+/="}""", """{"type":"redacted_thinking","data":"x"}"""]);
        var input = $$"""[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"{{sealedText}}"},{"role":"assistant","content":"a"}]""";

        ShouldBeMessages(input, """[{"role":"assistant","reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s+/="},{"type":"redacted_thinking","data":"x"}],"content":"a"}]""");
        Messages(input, preset: "groq").ShouldBe("""[{"role":"assistant","content":"a"}]""");
    }

    [Theory]
    [InlineData("weir.thinking.1.%%%")]
    [InlineData("weir.thinking.1.e30")]
    [InlineData("weir.thinking.2.W10")]
    [InlineData("weir.thinking.1.W3sidHlwZSI6InRvb2xfdXNlIn1d")]
    public void TranslateRequest_SealedThinkingChanged_Is400(string text) =>
        Request($$"""{"input":[{"type":"reasoning","summary":[],"encrypted_content":"{{text}}"}]}""").Error!.ShouldSatisfyAllConditions(
            error => error.Status.ShouldBe(400),
            error => error.Param.ShouldBe("input[0].encrypted_content"));

    [Theory]
    [InlineData("previous_response_id", "\"resp_1\"")]
    [InlineData("conversation", "\"conv_1\"")]
    [InlineData("prompt", """{"id":"pmpt_1"}""")]
    [InlineData("background", "true")]
    public void TranslateRequest_WhatNeedsState_Is422WhateverTheRouteSays(string field, string value)
    {
        foreach (var drop in (bool[])[false, true])
        {
            var error = Request($$"""{"model":"fast","input":"hi","{{field}}":{{value}}}""", drop).Error!;
            (error.Status, error.Param, error.ShouldRetry).ShouldBe((422, field, false));
            error.Message.ShouldContain("box/llama");
        }
    }

    [Theory]
    [InlineData("""[{"type":"item_reference","id":"x"}]""", "input[0]")]
    [InlineData("""[{"role":"user","content":[{"type":"input_image","file_id":"file_1"}]}]""", "input[0].content[0].file_id")]
    [InlineData("""[{"role":"user","content":[{"type":"input_file","file_id":"file_1"}]}]""", "input[0].content[0].file_id")]
    public void TranslateRequest_ItemsThatNeedState_Are422WhateverTheRouteSays(string input, string param)
    {
        var error = Request($$"""{"input":{{input}}}""", dropParams: true).Error!;
        (error.Status, error.Param).ShouldBe((422, param));
    }

    [Theory]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"truncation\":\"auto\"", "truncation")]
    [InlineData("\"top_logprobs\":3", "top_logprobs")]
    [InlineData("\"include\":[\"message.output_text.logprobs\"]", "include")]
    [InlineData("\"text\":{\"format\":{\"type\":\"grammar\"}}", "text.format")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"}]", "tools[0]")]
    [InlineData("\"tools\":[{\"type\":\"custom\",\"name\":\"c\"}]", "tools[0]")]
    public void TranslateRequest_WhatChatCannotSay_Is422OrListed(string field, string param)
    {
        var body = $$"""{"input":"hi",{{field}}}""";

        var error = Request(body).Error!;
        (error.Status, error.Code, error.Param).ShouldBe((422, "unsupported_field", param));
        var (chat, none, dropped) = Request(body, dropParams: true);
        none.ShouldBeNull();
        dropped.ShouldBe([param]);
        chat!.ToJsonString().ShouldBe("""{"model":"llama","messages":[{"role":"user","content":"hi"}]}""");
    }

    [Theory]
    [InlineData("""[{"type":"web_search_call","id":"ws_1"}]""", "input[0]")]
    [InlineData("""[{"type":"custom_tool_call_output","call_id":"c","output":"o"}]""", "input[0]")]
    [InlineData("""[{"role":"user","content":[{"type":"input_file","file_url":"https://x"}]}]""", "input[0].content[0].file_url")]
    [InlineData("""[{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"}]""", "input[0].encrypted_content")]
    public void TranslateRequest_ItemsThatChatDoesNotHave_Are422OrListed(string input, string param)
    {
        Request($$"""{"input":{{input}}}""").Error!.Param.ShouldBe(param);
        var (_, error, dropped) = Request($$"""{"input":{{input}}}""", dropParams: true);
        error.ShouldBeNull();
        dropped.ShouldBe([param]);
    }

    [Theory]
    [InlineData("{}", "input")]
    [InlineData("""{"input":7}""", "input")]
    [InlineData("""{"input":[7]}""", "input[0]")]
    [InlineData("""{"input":[{"role":"tool","content":"x"}]}""", "input[0].role")]
    [InlineData("""{"input":[{"role":"user"}]}""", "input[0].content")]
    [InlineData("""{"input":[{"role":"user","content":[{"text":"x"}]}]}""", "input[0].content[0]")]
    [InlineData("""{"input":[{"role":"assistant","content":[7]}]}""", "input[0].content[0]")]
    [InlineData("""{"input":[{"type":"function_call","name":"f"}]}""", "input[0]")]
    [InlineData("""{"input":[{"type":"function_call_output","output":"x"}]}""", "input[0].call_id")]
    [InlineData("""{"input":"hi","instructions":[]}""", "instructions")]
    [InlineData("""{"input":"hi","tools":{}}""", "tools")]
    [InlineData("""{"input":"hi","tools":[{"type":"function","function":{"name":"f"}}]}""", "tools[0].name")]
    [InlineData("""{"input":"hi","tool_choice":{"type":"allowed_tools","tools":[]}}""", "tool_choice")]
    [InlineData("""{"input":"hi","messages":[]}""", "messages")]
    [InlineData("""{"input":"hi","max_tokens":5}""", "max_tokens")]
    public void TranslateRequest_Nonsense_Is400SayingWhere(string body, string param)
    {
        foreach (var drop in (bool[])[false, true])
        {
            var error = Request(body, drop).Error!;
            (error.Status, error.Param).ShouldBe((400, param));
        }
    }

    [Fact]
    public void TranslateRequest_HalfACharacterInAName_Is400() =>
        Request("""{"input":"hi","tools":[{"type":"function","name":"\ud83d"}]}""").Error!.Status.ShouldBe(400);

    [Fact]
    public void TranslateRequest_HalfACharacterInAText_IsTheProvidersToJudge()
    {
        var output = new ArrayBufferWriter<byte>();

        new ResponsesOverChat().TranslateRequest("""{"input":"\ud83d"}"""u8.ToArray(), new TranslationTarget("box/llama", "llama", 100, DropParams: false), output).ShouldBeNull();

        Encoding.UTF8.GetString(output.WrittenSpan).ShouldContain("""{"role":"user","content":"\ud83d"}""");
    }

    [Theory]
    [InlineData("\"required\"", "\"required\"")]
    [InlineData("\"none\"", "\"none\"")]
    public void TranslateRequest_ToolChoice_IsThatOfChat(string choice, string expected) =>
        Request($$"""{"input":"hi","tools":[{"type":"function","name":"f"}],"tool_choice":{{choice}}}""").Chat!["tool_choice"]!.ToJsonString().ShouldBe(expected);

    [Fact]
    public void TranslateRequest_AllowedTools_AreTheOnlyOnesOffered()
    {
        var chat = Request("""
            {"input":"hi","tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],
             "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]}}
            """).Chat!;

        chat["tools"]!.ToJsonString().ShouldBe("""[{"type":"function","function":{"name":"g"}}]""");
        ((string)chat["tool_choice"]!).ShouldBe("required");
    }

    [Fact]
    public void TranslateRequest_SafetyIdentifier_IsTheUser() =>
        Request("""{"input":"hi","user":"cache","safety_identifier":"s"}""").Chat!.ToJsonString()
            .ShouldBe("""{"model":"llama","messages":[{"role":"user","content":"hi"}],"user":"s"}""");

    private static void ShouldBeMessages(string input, string messages)
    {
        var written = Messages(input);
        written.ShouldBe(JsonNode.Parse(messages)!.ToJsonString());
    }
}
