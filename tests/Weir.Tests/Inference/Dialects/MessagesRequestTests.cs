using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using static Weir.Tests.Inference.Dialects.MessagesTranslating;
using Weir.Inference.Dialects;

namespace Weir.Tests.Inference.Dialects;

public sealed class MessagesRequestTests
{
    private const string Hello = """ "messages":[{"role":"user","content":"hello"}] """;

    [Fact]
    public void Request_Plain_HasTheModelOfTheDeploymentAndTheBound()
    {
        var chat = Request($$$$"""{"model":"route","max_tokens":64,{{{{Hello}}}},"temperature":0.5,"top_p":0.9,"top_k":40,"stop_sequences":["END"],"metadata":{"user_id":"u1"}}""");

        ShouldBe(chat, """
            {"model":"llama","messages":[{"role":"user","content":"hello"}],"max_tokens":64,"temperature":0.5,"top_p":0.9,"top_k":40,"stop":["END"],"user":"u1"}
            """);
    }

    [Fact]
    public void Request_ToOpenAI_UsesItsNewerBoundAndNoFieldItDoesNotKnow()
    {
        const string Body = """
            {"model":"route","max_tokens":64,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
             "messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"b"}]},
              {"role":"user","content":[{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}]}],"cache_control":{"type":"ephemeral"},
             "tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"service_tier":"standard_only"}
            """;

        ShouldBe(Request(Body, "openai"), """
            {"model":"llama","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],
             "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"max_completion_tokens":64,"service_tier":"default"}
            """);
    }

    [Fact]
    public void Request_MarksForTheCache_StayOnPartsAndTools()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"system":[{"type":"text","text":"one"},{"type":"text","text":"two","cache_control":{"type":"ephemeral","ttl":"1h"}}],
             "messages":[{"role":"user","content":[{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}]}],
             "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}]}
            """;

        ShouldBe(Request(Body), """
            {"model":"llama","messages":[
              {"role":"system","content":[{"type":"text","text":"one"},{"type":"text","text":"two","cache_control":{"type":"ephemeral","ttl":"1h"}}]},
              {"role":"user","content":[{"type":"text","text":"c","cache_control":{"type":"ephemeral"}}]}],
             "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}},"cache_control":{"type":"ephemeral"}}],"max_tokens":1}
            """);
    }

    [Fact]
    public void Request_SystemBlocksAndSystemTurns_AreSystemMessages()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"system":[{"type":"text","text":"one"},{"type":"text","text":"two"}],
             "messages":[{"role":"user","content":"a"},{"role":"system","content":"mind this"},{"role":"assistant","content":"The answer is ("}]}
            """;

        ShouldBe(Request(Body)["messages"]!, """
            [{"role":"system","content":"one\n\ntwo"},{"role":"user","content":"a"},{"role":"system","content":"mind this"},{"role":"assistant","content":"The answer is ("}]
            """);
    }

    [Fact]
    public void Request_ToolsRoundTrip_PutsResultsDirectlyAfterTheCallsAndOtherContentAfterThem()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":"weather?"},
             {"role":"assistant","content":[{"type":"text","text":"Let me "},{"type":"text","text":"see."},
               {"type":"tool_use","id":"t1","name":"weather","input":{"city":"Züri\n\"x\""}},{"type":"tool_use","id":"t2","name":"time","input":{}}]},
             {"role":"user","content":"wait"},
             {"role":"user","content":[{"type":"text","text":"here:"},
               {"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"rain"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"text","text":"wind"}]},
               {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":"no clock"}]}]}
            """;

        var messages = Request(Body)["messages"]!;

        JsonNode.Parse((string)messages[1]!["tool_calls"]![0]!["function"]!["arguments"]!)!["city"]!.GetValue<string>().ShouldBe("Züri\n\"x\"");
        messages[1]!["tool_calls"]![0]!["function"]!["arguments"] = "…";
        ShouldBe(messages, """
            [{"role":"user","content":"weather?"},
             {"role":"assistant","content":"Let me see.","tool_calls":[{"id":"t1","type":"function","function":{"name":"weather","arguments":"…"}},{"id":"t2","type":"function","function":{"name":"time","arguments":"{}"}}]},
             {"role":"tool","tool_call_id":"t1","content":"rain\n\nwind"},
             {"role":"tool","tool_call_id":"t2","content":"Error: no clock"},
             {"role":"user","content":"wait"},
             {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"text","text":"here:"}]}]
            """);
    }

    [Theory]
    [InlineData(""" "content":"" """, "")]
    [InlineData(""" "content":[] """, "")]
    [InlineData(""" "is_error":false """, "")]
    [InlineData(""" "is_error":true """, "Error: ")]
    [InlineData(""" "content":[{"type":"image","source":{"type":"url","url":"https://x/y.png"}}] """, "(The result of this tool is in the next message.)")]
    [InlineData(""" "content":[{"type":"document","title":"T","source":{"type":"text","media_type":"text/plain","data":"D"}}] """, "T\nD")]
    [InlineData(""" "content":[{"type":"search_result","title":"T","source":"S","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}] """, "T\nS\na\n\nb")]
    public void Request_ToolResult_IsAText(string fields, string text)
    {
        var messages = Request($$$$"""
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"t",{{{{fields}}}}}]}]}
            """)["messages"]!.AsArray();

        messages[1]!["content"].ShouldBeNull();
        ((string)messages[2]!["role"]!).ShouldBe("tool");
        ((string)messages[2]!["content"]!).ShouldBe(text);
        messages.Count.ShouldBe(fields.Contains("image", StringComparison.Ordinal) ? 4 : 3);
    }

    [Fact]
    public void Request_ImagesAndDocuments_AreParts()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":[
              {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"QUJD"}},{"type":"image","source":{"type":"url","url":"https://x/y.png?a=1&b=\"2\""}},
              {"type":"document","title":"report.pdf","source":{"type":"base64","media_type":"application/pdf","data":"UERG"}},
              {"type":"document","title":"Notes","context":"from 1999","source":{"type":"text","media_type":"text/plain","data":"line 1\nline 2"}},
              {"type":"document","source":{"type":"content","content":[{"type":"text","text":"p1"},{"type":"text","text":"p2"}]}},
              {"type":"text","text":"compare \ud83d\ude00"}]}]}
            """;

        ShouldBe(Request(Body)["messages"]![0]!["content"]!, """
            [{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,QUJD"}},{"type":"image_url","image_url":{"url":"https://x/y.png?a=1&b=\"2\""}},
             {"type":"file","file":{"filename":"report.pdf","file_data":"data:application/pdf;base64,UERG"}},
             {"type":"text","text":"Notes\nfrom 1999\nline 1\nline 2"},{"type":"text","text":"p1\n\np2"},{"type":"text","text":"compare 😀"}]
            """);
    }

    [Fact]
    public void Request_ThinkingOfEarlierTurns_GoesAsReasoningWithItsSignedBlocks()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[
              {"type":"thinking","thinking":"first","signature":"s1"},{"type":"redacted_thinking","data":"zzz"},{"type":"tool_use","id":"t","name":"f","input":{}}]}]}
            """;

        ShouldBe(Request(Body)["messages"]![1]!, """
            {"role":"assistant","content":null,"reasoning_content":"first","thinking_blocks":[{"type":"thinking","thinking":"first","signature":"s1"},{"type":"redacted_thinking","data":"zzz"}],
             "tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]}
            """);
    }

    [Theory]
    [InlineData("""{"type":"auto"}""", "\"auto\"")]
    [InlineData("""{"type":"any"}""", "\"required\"")]
    [InlineData("""{"type":"none"}""", "\"none\"")]
    [InlineData("""{"type":"tool","name":"f"}""", """{"type":"function","function":{"name":"f"}}""")]
    public void Request_ToolChoice_HasItsCounterpart(string choice, string expected)
    {
        var chat = Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"tools":[{"type":"custom","name":"f","input_schema":{"type":"object"},"strict":true}],"tool_choice":{{{{choice[..^1]}}}},"disable_parallel_tool_use":true}}""");

        ShouldBe(chat["tool_choice"]!, expected);
        ((bool)chat["parallel_tool_calls"]!).ShouldBeFalse();
        ((bool)chat["tools"]![0]!["function"]!["strict"]!).ShouldBeTrue();
    }

    [Fact]
    public void Request_Stream_AsksForUsage() =>
        ShouldBe(Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"stream":true}""")["stream_options"]!, """{"include_usage":true}""");

    [Theory]
    [InlineData("""{"type":"enabled","budget_tokens":1024}""", null, "low")]
    [InlineData("""{"type":"enabled","budget_tokens":4095}""", null, "low")]
    [InlineData("""{"type":"enabled","budget_tokens":4096}""", null, "medium")]
    [InlineData("""{"type":"enabled","budget_tokens":16383}""", null, "medium")]
    [InlineData("""{"type":"enabled","budget_tokens":16384}""", null, "high")]
    [InlineData("""{"type":"disabled"}""", "high", null)]
    [InlineData("""{"type":"adaptive"}""", null, null)]
    [InlineData("""{"type":"adaptive"}""", "medium", "medium")]
    [InlineData("""{"type":"enabled","budget_tokens":1024}""", "max", "high")]
    [InlineData("null", "low", "low")]
    public void Request_Thinking_IsAnEffort(string thinking, string? effort, string? expected)
    {
        var config = effort is null ? "null" : $$$$"""{"effort":"{{{{effort}}}}"}""";

        ((string?)Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"thinking":{{{{thinking}}}},"output_config":{{{{config}}}}}""")["reasoning_effort"]).ShouldBe(expected);
    }

    [Fact]
    public void Request_HighestEffortAtOpenAI_StaysWhatItIs() =>
        ((string)Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"output_config":{"effort":"max"}}""", "openai")["reasoning_effort"]!).ShouldBe("max");

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}""", true)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}""", false)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}""", false)]
    [InlineData("""{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"}}}}""", false)]
    public void Request_OutputFormat_IsAResponseFormatAsStrictAsItCanBe(string schema, bool strict)
    {
        var format = $$$$"""{"type":"json_schema","schema":{{{{schema}}}}}""";
        var expected = $$$$"""{"type":"json_schema","json_schema":{"name":"answer","strict":{{{{(strict ? "true" : "false")}}}},"schema":{{{{schema}}}}}}""";

        ShouldBe(Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"output_config":{"format":{{{{format}}}}}}""")["response_format"]!, expected);
        ShouldBe(Request($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"output_format":{{{{format}}}}}""")["response_format"]!, expected);
    }

    [Fact]
    public void Request_LongToolName_IsShortenedEverywhereAndComesBack()
    {
        var name = "mcp__" + new string('n', 90) + "__tool";
        var body = $$$$"""
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"{{{{name}}}}","input":{}}]}],
             "tools":[{"name":"{{{{name}}}}","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"{{{{name}}}}"}}
            """;

        var chat = Request(body);

        var sent = (string)chat["tools"]![0]!["function"]!["name"]!;
        sent.Length.ShouldBe(64);
        ((string)chat["tool_choice"]!["function"]!["name"]!).ShouldBe(sent);
        ((string)chat["messages"]![1]!["tool_calls"]![0]!["function"]!["name"]!).ShouldBe(sent);
        var call = $$$$"""{"index":0,"id":"c","function":{"name":"{{{{sent}}}}","arguments":"{}"}}""";
        ((string)Body($$$$"""{"choices":[{"message":{"tool_calls":[{{{{call}}}}]},"finish_reason":"tool_calls"}]}""", body)["content"]![0]!["name"]!).ShouldBe(name);
        ((string)Stream([$$$$"""{"choices":[{"delta":{"tool_calls":[{{{{call}}}}]}}]}"""], body)["content"]![0]!["name"]!).ShouldBe(name);
    }

    [Theory]
    [InlineData(""" "container":"c" """, "container")]
    [InlineData(""" "mcp_servers":[{"type":"url"}] """, "mcp_servers")]
    [InlineData(""" "something_new":1 """, "something_new")]
    [InlineData(""" "speed":"fast" """, "speed")]
    [InlineData(""" "output_config":{"task_budget":{}} """, "output_config.task_budget")]
    [InlineData(""" "tools":[{"name":"f","input_schema":{}},{"type":"web_search_20250305","name":"web_search"}] """, "tools[1]")]
    [InlineData(""" "tools":[{"name":"f","input_schema":{},"input_examples":[{}]}] """, "tools[0].input_examples")]
    public void Request_WhatAChatCannotExpress_Is422NamingItOrLeftOut(string field, string named)
    {
        var body = $$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},{{{{field}}}}}""";

        var error = Refusal(body);

        error.Status.ShouldBe(422);
        error.Param.ShouldBe(named);
        error.Message.ShouldContain("box/llama");
        Dropping(body).Dropped.ShouldBe([named]);
    }

    [Theory]
    [InlineData("""{"type":"image","source":{"type":"file","file_id":"f"}}""", "messages[0].content[0].source.file_id")]
    [InlineData("""{"type":"document","source":{"type":"url","url":"https://x/y.pdf"}}""", "messages[0].content[0].source")]
    [InlineData("""{"type":"document","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"D"}}""", "messages[0].content[0].citations")]
    [InlineData("""{"type":"container_upload","file_id":"f"}""", "messages[0].content[0]")]
    public void Request_ContentThatAChatCannotExpress_Is422NamingItOrLeftOut(string block, string named)
    {
        var body = $$$$"""{"model":"r","max_tokens":1,"messages":[{"role":"user","content":[{{{{block}}}}]}]}""";

        Refusal(body).Param.ShouldBe(named);
        var (chat, dropped) = Dropping(body);
        dropped.ShouldBe([named]);
        chat["messages"]![0]!["content"]!.AsArray().Count.ShouldBe(1, "a message must not become empty");
    }

    [Fact]
    public void Request_TopK_IsRefusedWhereFieldsAreChecked() =>
        Refusal($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"top_k":5}""", "openai").Param.ShouldBe("top_k");

    [Fact]
    public void Request_OnlyServerToolsDropped_LeavesNeitherToolsNorChoice()
    {
        var (chat, dropped) = Dropping($$$$"""{"model":"r","max_tokens":1,{{{{Hello}}}},"tools":[{"type":"bash_20250124","name":"bash"}],"tool_choice":{"type":"any"}}""");

        dropped.ShouldBe(["tools[0]"]);
        chat.ContainsKey("tools").ShouldBeFalse();
        chat.ContainsKey("tool_choice").ShouldBeFalse();
    }

    [Theory]
    [InlineData("""{}""", "messages")]
    [InlineData("""{"messages":[]}""", "messages")]
    [InlineData("""{"messages":"hello"}""", "messages")]
    [InlineData("""{"messages":["hello"]}""", "messages[0]")]
    [InlineData("""{"messages":[{"role":"tool","content":"x"}]}""", "messages[0]")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "messages[0].content")]
    [InlineData("""{"messages":[{"role":"user","content":7}]}""", "messages[0].content")]
    [InlineData("""{"messages":[{"role":"user","content":["x"]}]}""", "messages[0].content[0]")]
    [InlineData("""{"messages":[{"role":"user","content":[{"text":"x"}]}]}""", "messages[0].content[0]")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}""", "messages[0].content[0].text")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]}]}""", "messages[0].content[0].source")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64"}}]}]}""", "messages[0].content[0].source")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}""", "messages[0].content[0].tool_use_id")]
    [InlineData("""{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"x"}]}]}""", "messages[0].content[0].input")]
    [InlineData("""{"messages":[{"role":"assistant","content":[{"type":"tool_use"}]}]}""", "messages[0].content[0]")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"max_tokens":"many"}""", "max_tokens")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"system":7}""", "system")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":{}}""", "tools")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"}]}""", "tools[0].input_schema")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":[7]}""", "tools[0]")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{}}],"tool_choice":"any"}""", "tool_choice")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"thinking":true}""", "thinking")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"thinking":{"type":"enabled"}}""", "thinking.budget_tokens")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"output_config":{"format":{"type":"xml"}}}""", "output_config.format")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"half \ud83d","input_schema":{}}]}""", null)]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"half \ud83d"}]}]}""", null)]
    public void Request_Nonsense_Is400NamingIt(string body, string? named)
    {
        var error = Refusal(body);

        error.Status.ShouldBe(400);
        error.Param.ShouldBe(named);
    }

    [Fact]
    public void Request_HalfACharacterInAText_PassesAsItCame() =>
        Should.NotThrow(() => Request("""{"model":"r","max_tokens":1,"messages":[{"role":"user","content":"half \ud83d"}]}"""));

    private static void ShouldBe(JsonNode actual, string expected)
    {
        var wanted = JsonNode.Parse(expected)!;
        JsonNode.DeepEquals(actual, wanted).ShouldBeTrue($"{actual.ToJsonString()}\n is not\n{wanted.ToJsonString()}");
    }

    [Fact]
    public void Request_HintsThatAStrictServerTakesNot_AreToldOnce()
    {
        var target = new TranslationTarget("openai/m", "m", 1000, DropParams: false) { Preset = "openai" };
        const string Body = """
            {"model":"r","max_tokens":1,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[
              {"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}
            """;

        new MessagesOverChat().TranslateRequest(Encoding.UTF8.GetBytes(Body), target, new ArrayBufferWriter<byte>()).ShouldBeNull();

        target.Dropped.ShouldBe(["cache_control", "messages[].content[].thinking"]);
    }

    [Fact]
    public void Request_ThinkingThatNobodySigned_GoesAsReasoningAlone() =>
        ShouldBe(
            Request("""{"model":"r","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"weir.unsigned"},{"type":"text","text":"b"}]}]}""")["messages"]![1]!,
            """{"role":"assistant","content":"b","reasoning_content":"t"}""");
}
