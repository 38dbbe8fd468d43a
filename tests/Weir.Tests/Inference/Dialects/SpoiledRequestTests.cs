using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Requests that were valid once: each translation takes what is left, or says which field is wrong.</summary>
public sealed class SpoiledRequestTests
{
    internal static readonly Dictionary<string, (Operation Operation, string[] Bodies)> Clients = new()
    {
        ["chat"] = (Operation.ChatCompletions,
        [
            """
            {"model":"fast","stream":true,"stream_options":{"include_usage":true},"max_tokens":100,"temperature":0.5,"top_p":0.9,"stop":["a","b"],"user":"u","parallel_tool_calls":false,
             "reasoning_effort":"low","metadata":{"a":"b"},"tool_choice":{"type":"function","function":{"name":"get"}},
             "tools":[{"type":"function","function":{"name":"get","description":"d","strict":true,"parameters":{"type":"object","properties":{"q":{"type":"string"}}}}}],
             "messages":[{"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d","cache_control":{"type":"ephemeral"}}]},
              {"role":"user","name":"n","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]},
              {"role":"assistant","content":null,"reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"}],
               "tool_calls":[{"id":"c1","type":"function","function":{"name":"get","arguments":"{\"q\":1}"}},{"id":"c2","type":"function","function":{"name":"get","arguments":""}}]},
              {"role":"tool","tool_call_id":"c1","content":"r"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"r"}]},{"role":"user","content":"so?"}]}
            """,
            """{"model":"fast","n":1,"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string"}}}}},"functions":[{"name":"f","parameters":{}}],"function_call":"auto","messages":[{"role":"user","content":"hi"},{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"r"}]}""",
            """{"model":"fast","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}},{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}],"modalities":["text"],"logprobs":false,"web_search_options":{}}""",
        ]),
        ["messages"] = (Operation.Messages,
        [
            """
            {"model":"fast","stream":true,"max_tokens":100,"temperature":0.5,"top_p":0.9,"top_k":5,"stop_sequences":["a"],"metadata":{"user_id":"u"},"thinking":{"type":"enabled","budget_tokens":2000},
             "system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"tool_choice":{"type":"tool","name":"get","disable_parallel_tool_use":true},
             "tools":[{"name":"get","description":"d","input_schema":{"type":"object","properties":{"q":{"type":"string"}}}}],
             "messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}},{"type":"image","source":{"type":"url","url":"https://x/y.png"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"I"},{"type":"tool_use","id":"c1","name":"get","input":{"q":1}},{"type":"tool_use","id":"c2","name":"get","input":{}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"},{"type":"tool_result","tool_use_id":"c2","is_error":true,"content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]},{"type":"text","text":"so?"}]}]}
            """,
            """{"model":"fast","max_tokens":9,"system":"s","output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{}}}},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"well"}]}""",
        ]),
        ["responses"] = (Operation.Responses,
        [
            """
            {"model":"fast","stream":true,"instructions":"s","max_output_tokens":100,"temperature":0.5,"store":false,"parallel_tool_calls":true,"reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"}},"verbosity":"low"},
             "metadata":{"a":"b"},"include":["reasoning.encrypted_content"],"tool_choice":{"type":"function","name":"get"},"tools":[{"type":"function","name":"get","description":"d","strict":true,"parameters":{"type":"object","properties":{}}}],
             "input":[{"role":"developer","content":"d"},{"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}]},
              {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"content":[{"type":"reasoning_text","text":"hm"}],"encrypted_content":"weir.thinking.1.W3sidHlwZSI6InRoaW5raW5nIiwidGhpbmtpbmciOiJobSIsInNpZ25hdHVyZSI6InMifV0"},
              {"type":"message","id":"m1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"I","annotations":[]},{"type":"refusal","refusal":"no"}]},
              {"type":"function_call","id":"fc_1","call_id":"c1","name":"get","arguments":"{\"q\":1}"},{"type":"function_call","call_id":"c2","name":"get","arguments":""},
              {"type":"function_call_output","call_id":"c1","output":"r"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"r"}]}]}
            """,
            """{"model":"fast","input":"hi","user":"u","truncation":"disabled","top_p":1,"background":false,"conversation":null,"previous_response_id":null}""",
        ]),
    };

    public static TheoryData<string, Dialect> Pairs { get; } = new()
    {
        { "chat", Dialect.Anthropic }, { "messages", Dialect.OpenAI }, { "responses", Dialect.OpenAI }, { "responses", Dialect.Anthropic },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Make_SpoiledInTree_IsWellFormedOrNamed(string client, Dialect dialect)
    {
        await using var gateway = Harness(dialect);
        RandomSchedule.Run(3000, random =>
        {
            var bodies = Clients[client].Bodies;
            Translate(gateway, Clients[client].Operation, Encoding.UTF8.GetBytes(Mutations.Json(bodies[random.Next(bodies.Length)], random)));
        });
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Make_SpoiledInBytes_IsWellFormedOrNamed(string client, Dialect dialect)
    {
        await using var gateway = Harness(dialect);
        RandomSchedule.Run(3000, random =>
        {
            var bodies = Clients[client].Bodies;
            Translate(gateway, Clients[client].Operation, Mutations.Bytes(Encoding.UTF8.GetBytes(bodies[random.Next(bodies.Length)]), random));
        });
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Make_Unspoiled_IsTaken(string client, Dialect dialect)
    {
        await using var gateway = Harness(dialect);
        foreach (var body in Clients[client].Bodies)
            Translate(gateway, Clients[client].Operation, Encoding.UTF8.GetBytes(body)).ShouldNotBe(400);
    }

    // As deep, as many and as large as a request may be.
    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Make_AtTheBounds_IsTaken(string client, Dialect dialect)
    {
        await using var gateway = Harness(dialect);
        var operation = Clients[client].Operation;
        var image = new string('A', 30 * 1024 * 1024);
        var deep = string.Concat(Enumerable.Repeat("{\"type\":\"array\",\"items\":", 110)) + "{}" + new string('}', 110);
        var tool = client switch
        {
            "chat" => $$$"""{"type":"function","function":{"name":"f","parameters":{{{deep}}}}}""",
            "messages" => $$$"""{"name":"f","input_schema":{{{deep}}}}""",
            _ => $$$"""{"type":"function","name":"f","parameters":{{{deep}}}}""",
        };
        var picture = client switch
        {
            "chat" => $$$"""{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{image}}}"}}""",
            "messages" => $$$"""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{image}}}"}}""",
            _ => $$$"""{"type":"input_image","image_url":"data:image/png;base64,{{{image}}}"}""",
        };
        var turns = string.Join(',', Enumerable.Range(0, 10_000).Select(i => $$"""{"role":"{{(i % 2 == 0 ? "user" : "assistant")}}","content":"n{{i}}"}"""));
        var name = client == "responses" ? "input" : "messages";
        var most = client == "messages" ? ",\"max_tokens\":9" : "";

        Translate(gateway, operation, Encoding.UTF8.GetBytes($$"""{"model":"fast"{{most}},"{{name}}":[{{turns}}]}""")).ShouldBe(0);
        Translate(gateway, operation, Encoding.UTF8.GetBytes($$"""{"model":"fast"{{most}},"{{name}}":[{"role":"user","content":[{{picture}}]}]}""")).ShouldBe(0);
        Translate(gateway, operation, Encoding.UTF8.GetBytes($$"""{"model":"fast"{{most}},"tools":[{{tool}}],"{{name}}":[{"role":"user","content":"hi"}]}""")).ShouldBe(0);
    }

    private static GatewayHarness Harness(Dialect dialect)
    {
        var options = new InferenceOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["a"] = new() { BaseUrl = "http://127.0.0.1:1/v1", Dialect = dialect } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { Deployments = [new() { Provider = "a", Model = "m" }] },
                ["loose"] = new() { Deployments = [new() { Provider = "a", Model = "m" }], DropParams = true },
            },
        };
        return new GatewayHarness(options);
    }

    // 0: taken.
    private static int Translate(GatewayHarness gateway, Operation operation, byte[] body)
    {
        if (RequestHeadScanner.Scan(body, out var head) is { } malformed)
        {
            Named(malformed);
            return malformed.Status;
        }

        var last = 0;
        foreach (var name in new[] { "fast", "loose" })
        {
            var route = gateway.Tables.Current.Find(name)!;
            var deployment = route.Deployments[0];
            if (operation == Operation.Responses)
                deployment.State.Provider.Responses.Set();
            var request = new InferenceRequest { Operation = operation, Head = head, Body = body, Tenant = "t" };
            Translations.Of(request, deployment, out var translation).ShouldBe(Rendition.Translated);
            var (made, error) = TranslatedRequest.Make(translation!, request, route, deployment);
            using (made)
            {
                if (error is not null)
                {
                    Named(error);
                    if (error.Param is null)
                        (error.Message.Contains("character", StringComparison.Ordinal) || error.Message.Contains("surrogate", StringComparison.Ordinal) || error.Message.Contains("Unicode", StringComparison.Ordinal)).ShouldBeTrue(error.Message);
                    last = error.Status;
                    continue;
                }

                var sent = made!.Body.Memory.Span;
                Utf8.IsValid(sent).ShouldBeTrue();
                using var document = JsonDocument.Parse(made.Body.Memory, new() { MaxDepth = 200 });
                document.RootElement.GetProperty("model").GetString().ShouldBe("m");
                document.RootElement.GetProperty("messages").GetArrayLength().ShouldBeGreaterThanOrEqualTo(0);
                made.BeginAnswer(DateTimeOffset.UnixEpoch).ShouldNotBeNull();
            }
        }

        return last;
    }

    private static void Named(InferenceError error)
    {
        error.Status.ShouldBeOneOf(400, 413, 422);
        error.Message.ShouldNotBeNullOrWhiteSpace();
        Encoding.UTF8.GetByteCount(error.Message).ShouldBeLessThan(4096);
    }
}
