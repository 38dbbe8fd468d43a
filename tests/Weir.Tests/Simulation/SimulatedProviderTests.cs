using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Simulation;
using Weir.Tests.Support;
using static Weir.Tests.Simulation.SimulatedProviderFixture;

namespace Weir.Tests.Simulation;

public sealed class SimulatedProviderTests
{
    private const string ChatPath = "/v1/chat/completions";

    [Fact]
    public async Task Chat_Whole_SaysThatItIsSimulatedAndWhatItWasAsked()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, Chat("Where does the Aare go?"));

        ((string)answer["object"]!).ShouldBe("chat.completion");
        ((string)answer["model"]!).ShouldBe("sim-small");
        var choice = answer["choices"]!.AsArray().Single()!;
        var text = (string)choice["message"]!["content"]!;
        text.ShouldStartWith($"Simulated answer {Fingerprint("Where does the Aare go?")} to: Where does the Aare go?");
        ((string)choice["finish_reason"]!).ShouldBe("stop");
        ((int)answer["usage"]!["completion_tokens"]!).ShouldBe(32);
        ((int)answer["usage"]!["total_tokens"]!).ShouldBe(32 + (int)answer["usage"]!["prompt_tokens"]!);
    }

    [Fact]
    public async Task Chat_Streamed_JoinsToTheSameTextAndEndsWithDone()
    {
        await using var sim = await StartAsync();
        var whole = await sim.AskAsync(ChatPath, Chat("Ünïcödé 🐟 and \\\"quotes\\\"", ""","n":2"""));

        var events = await sim.EventsAsync(ChatPath, Chat("Ünïcödé 🐟 and \\\"quotes\\\"", ""","n":2,"stream":true,"stream_options":{"include_usage":true}"""));

        events[^1].ShouldBe("data: [DONE]");
        var chunks = events[..^1].Select(line => JsonNode.Parse(line["data: ".Length..])!).ToArray();
        chunks[..^1].ShouldAllBe(chunk => chunk["choices"]!.AsArray().Count == 1 && chunk["usage"] == null);
        chunks[^1]["choices"]!.AsArray().ShouldBeEmpty();
        ((int)chunks[^1]["usage"]!["completion_tokens"]!).ShouldBe(64);
        for (var choice = 0; choice < 2; choice++)
        {
            var own = chunks[..^1].Select(chunk => chunk["choices"]![0]!).Where(part => (int)part["index"]! == choice).ToArray();
            string.Concat(own.Select(part => (string?)part["delta"]!["content"])).ShouldBe((string)whole["choices"]![choice]!["message"]!["content"]!);
            ((string)own[0]["delta"]!["role"]!).ShouldBe("assistant");
            ((string)own[^1]["finish_reason"]!).ShouldBe("stop");
        }
    }

    [Fact]
    public async Task Chat_StreamedWithoutAskingForUsage_HasNone()
    {
        await using var sim = await StartAsync();

        var events = await sim.EventsAsync(ChatPath, Chat("hi", ""","stream":true"""));

        events.ShouldAllBe(line => !line.Contains("usage"));
    }

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("max_completion_tokens")]
    public async Task Chat_TokenLimit_CutsTheAnswerShort(string name)
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, Chat("hi", $$""","{{name}}":3"""));

        ((string)answer["choices"]![0]!["finish_reason"]!).ShouldBe("length");
        ((int)answer["usage"]!["completion_tokens"]!).ShouldBe(3);
        ((string)answer["choices"]![0]!["message"]!["content"]!).ShouldBe($"Simulated answer {Fingerprint("hi")}");
    }

    [Fact]
    public async Task Chat_ToolsPartsAndUnknownFields_PassWithoutFailing()
    {
        await using var sim = await StartAsync();
        const string Body = """
            {"model":"sim-small","messages":[{"role":"user","content":[{"type":"text","text":"look "},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"text","text":"here"}]},
             {"role":"assistant","content":null,"tool_calls":[]}],
             "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto","something_new":{"a":[1]},"temperature":0.1}
            """;

        var answer = await sim.AskAsync(ChatPath, Body);

        ((string)answer["choices"]![0]!["message"]!["content"]!).ShouldStartWith($"Simulated answer {Fingerprint("look here")} to: look here.");
    }

    [Theory]
    [InlineData("{", null)]
    [InlineData("[]", null)]
    [InlineData("", null)]
    [InlineData("""{"messages":[]}""", "model")]
    [InlineData("""{"model":"sim-small"}""", "messages")]
    [InlineData("""{"model":"sim-small","messages":[]}""", "messages")]
    [InlineData("""{"model":"sim-small","messages":[3]}""", "messages")]
    [InlineData("""{"model":7,"messages":[{"role":"user","content":"x"}]}""", "model")]
    [InlineData("""{"model":"sim-small","messages":[{"role":"user","content":"x"}],"stream":"yes"}""", "stream")]
    [InlineData("""{"model":"sim-small","messages":[{"role":"user","content":"x"}],"max_tokens":0}""", "max_tokens")]
    [InlineData("""{"model":"sim-small","messages":[{"role":"user","content":"x"}],"n":1000}""", "n")]
    [InlineData("""{"model":"sim-small","messages":[{"role":"user","content":"half \ud83d"}]}""", null)]
    public async Task Chat_BadBody_Is400InOpenAIsShape(string body, string? param)
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, body, HttpStatusCode.BadRequest);

        var error = answer["error"]!.AsObject();
        error.Select(field => field.Key).ShouldBe(["message", "type", "param", "code"]);
        ((string)error["type"]!).ShouldBe("invalid_request_error");
        ((string?)error["param"]).ShouldBe(param);
        ((int)(await sim.StatsAsync())["outcomes"]!["rejected"]!).ShouldBe(1);
    }

    [Fact]
    public async Task Chat_UnknownModel_Is404WithItsCode()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync(ChatPath, """{"model":"gpt-x","messages":[{"role":"user","content":"x"}]}""", HttpStatusCode.NotFound);

        ((string)answer["error"]!["code"]!).ShouldBe("model_not_found");
    }

    [Fact]
    public async Task Chat_AnyModelServed_TakesEveryName()
    {
        await using var sim = await StartAsync(new SimulationOptions { Models = ["*"] });

        await sim.AskAsync(ChatPath, """{"model":"gpt-x","messages":[{"role":"user","content":"x"}]}""");
    }

    [Fact]
    public async Task Completions_SeveralPrompts_HaveTheirOwnChoices()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync("/v1/completions", """{"model":"sim-large","prompt":["one","two"],"n":2,"max_tokens":4}""");

        answer["choices"]!.AsArray().Select(choice => (string)choice!["text"]!).ShouldBe(
            new[] { "one", "one", "two", "two" }.Select(prompt => $"Simulated answer {Fingerprint(prompt)} to:"));
        (await sim.EventsAsync("/v1/completions", """{"model":"sim-large","prompt":"one","stream":true}"""))[^1].ShouldBe("data: [DONE]");
    }

    [Fact]
    public async Task Responses_Streamed_NumbersItsEventsAndEndsWithCompleted()
    {
        await using var sim = await StartAsync();

        var events = await sim.EventsAsync("/v1/responses", """{"model":"sim-small","input":"hello","stream":true}""");

        var parsed = events.Select(text => text.Split('\n')).ToArray();
        parsed.ShouldAllBe(lines => lines.Length == 2 && lines[0].StartsWith("event: response.") && lines[1].StartsWith("data: {"));
        var data = parsed.Select(lines => JsonNode.Parse(lines[1]["data: ".Length..])!).ToArray();
        data.Select(item => (int)item["sequence_number"]!).ShouldBe(Enumerable.Range(0, data.Length));
        data.Zip(parsed).ShouldAllBe(pair => "event: " + (string)pair.First["type"]! == pair.Second[0]);
        ((string)data[^1]["type"]!).ShouldBe("response.completed");
        var text = (string)data[^1]["response"]!["output"]![0]!["content"]![0]!["text"]!;
        string.Concat(data.Where(item => (string)item["type"]! == "response.output_text.delta").Select(item => (string)item["delta"]!)).ShouldBe(text);
        text.ShouldStartWith($"Simulated answer {Fingerprint("hello")}");
    }

    [Fact]
    public async Task Responses_Stored_CanBeReadContinuedAndDeleted()
    {
        await using var sim = await StartAsync();
        var first = await sim.AskAsync("/v1/responses", """{"model":"sim-small","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}""");
        var id = (string)first["id"]!;

        JsonNode.DeepEquals(JsonNode.Parse(await sim.Client.GetStringAsync($"/v1/responses/{id}")), first).ShouldBeTrue();
        await sim.AskAsync("/v1/responses", $$"""{"model":"sim-small","input":"and?","previous_response_id":"{{id}}"}""");
        (await sim.Client.DeleteAsync($"/v1/responses/{id}")).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await sim.Client.GetAsync($"/v1/responses/{id}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var refused = await sim.AskAsync("/v1/responses", $$"""{"model":"sim-small","input":"and?","previous_response_id":"{{id}}"}""", HttpStatusCode.BadRequest);
        ((string)refused["error"]!["code"]!).ShouldBe("previous_response_not_found");
    }

    [Fact]
    public async Task Responses_TokenLimit_IsIncomplete()
    {
        await using var sim = await StartAsync();

        var answer = await sim.AskAsync("/v1/responses", """{"model":"sim-small","input":"hello","max_output_tokens":3}""");

        ((string)answer["status"]!).ShouldBe("incomplete");
        ((string)answer["incomplete_details"]!["reason"]!).ShouldBe("max_output_tokens");
    }

    [Fact]
    public async Task Embeddings_FloatAndBase64_AreTheSameUnitVectorsInOrder()
    {
        await using var sim = await StartAsync();

        var floats = await sim.AskAsync("/v1/embeddings", """{"model":"sim-embedding","input":["a","b","a"],"dimensions":64}""");
        var base64 = await sim.AskAsync("/v1/embeddings", """{"model":"sim-embedding","input":["a","b","a"],"dimensions":64,"encoding_format":"base64"}""");

        var vectors = floats["data"]!.AsArray().Select(item => item!["embedding"]!.AsArray().Select(value => (float)value!).ToArray()).ToArray();
        var decoded = base64["data"]!.AsArray().Select(item => MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)item!["embedding"]!)).ToArray()).ToArray();
        decoded.ShouldBe(vectors);
        vectors[0].ShouldBe(vectors[2]);
        vectors[0].ShouldNotBe(vectors[1]);
        vectors.ShouldAllBe(vector => vector.Length == 64 && Math.Abs(vector.Sum(value => value * value) - 1) < 1e-5);
        ((await sim.AskAsync("/v1/embeddings", """{"model":"sim-embedding","input":[1,2,3]}"""))["data"]![0]!["embedding"]!.AsArray().Count).ShouldBe(384);
    }

    [Fact]
    public async Task Models_ListsWhatItServes()
    {
        await using var sim = await StartAsync(new SimulationOptions { Models = ["a", "org/b"] });

        var list = JsonNode.Parse(await sim.Client.GetStringAsync("/v1/models"))!;

        list["data"]!.AsArray().Select(model => (string)model!["id"]!).ShouldBe(["a", "org/b"]);
        (await sim.Client.GetAsync("/v1/models/org/b")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await sim.Client.GetAsync("/v1/models/c")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task ApiKey_Required_RefusesOthersAndIsNotShown()
    {
        await using var sim = await StartAsync(new SimulationOptions { ApiKey = "secret-7" });

        ((string)(await sim.AskAsync(ChatPath, Chat("x"), HttpStatusCode.Unauthorized))["error"]!["code"]!).ShouldBe("invalid_api_key");
        (await sim.Client.GetStringAsync("/sim/settings")).ShouldNotContain("secret-7");
        sim.Client.DefaultRequestHeaders.Authorization = new("Bearer", "secret-7");

        await sim.AskAsync(ChatPath, Chat("x"));
    }

    [Fact]
    public async Task RequestsPerMinute_Exceeded_Is429WithWhenToComeBack()
    {
        var time = new ManualTimeProvider();
        await using var sim = await StartAsync(new SimulationOptions { RequestsPerMinute = 2 }, time);
        await sim.AskAsync(ChatPath, Chat("x"));
        await sim.AskAsync(ChatPath, Chat("x"));

        using var refused = await sim.PostAsync(ChatPath, Chat("x"));

        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(30));
        refused.Headers.GetValues("x-ratelimit-limit-requests").ShouldBe(["2"]);
        refused.Headers.GetValues("x-ratelimit-remaining-requests").ShouldBe(["0"]);
        refused.Headers.GetValues("x-ratelimit-reset-requests").ShouldBe(["60s"]);
        (await refused.Content.ReadAsStringAsync()).ShouldContain("rate_limit_exceeded");
        time.Advance(TimeSpan.FromSeconds(30));
        await sim.AskAsync(ChatPath, Chat("x"));
    }

    [Fact]
    public async Task Latency_IsWaitedForBeforeTheFirstByte()
    {
        var time = new ManualTimeProvider();
        await using var sim = await StartAsync(new SimulationOptions { Latency = TimeSpan.FromSeconds(3) }, time);
        var answer = sim.PostAsync(ChatPath, Chat("x", ""","stream":true"""));
        await time.WhenArmedAsync().WaitAsync(TimeSpan.FromSeconds(30));

        time.Advance(TimeSpan.FromSeconds(2.999));
        answer.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromMilliseconds(1));

        (await answer).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task TokensPerSecond_PacesAWholeAnswerToItsLength()
    {
        var time = new ManualTimeProvider();
        await using var sim = await StartAsync(new SimulationOptions { TokensPerSecond = 8, AnswerTokens = 16 }, time);
        var answer = sim.AskAsync(ChatPath, Chat("x"));
        await time.WhenArmedAsync().WaitAsync(TimeSpan.FromSeconds(30));

        time.NextTimer.ShouldBe(TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(2));

        ((int)(await answer)["usage"]!["completion_tokens"]!).ShouldBe(16);
    }

    [Fact]
    public async Task TokensPerSecond_SendsEachTokenWhenItIsDue()
    {
        var time = new ManualTimeProvider();
        await using var sim = await StartAsync(new SimulationOptions { TokensPerSecond = 10, AnswerTokens = 4 }, time);
        using var response = await sim.PostAsync(ChatPath, Chat("x", ""","stream":true"""));
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        var contents = new List<string>();

        for (var token = 0; token < 4; token++)
        {
            while (contents.Count(content => content.Length > 0) < token + 1)
                await NextAsync();
            if (token < 3)
            {
                await time.WhenArmedAsync().WaitAsync(TimeSpan.FromSeconds(30));
                time.NextTimer.ShouldBe(TimeSpan.FromMilliseconds(100));
                time.Advance(TimeSpan.FromMilliseconds(100));
            }
        }

        string.Concat(contents).ShouldBe($"Simulated answer {Fingerprint("x")} to:");

        async Task NextAsync()
        {
            var line = await lines.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));
            if (line is ['d', ..] && JsonNode.Parse(line["data: ".Length..])!["choices"]![0]!["delta"]!["content"] is { } content)
                contents.Add((string)content!);
        }
    }

    [Fact]
    public async Task Stats_CountWhatWasSeenAndForgetWhenTold()
    {
        await using var sim = await StartAsync();
        await sim.AskAsync(ChatPath, Chat("x"));
        await sim.AskAsync("/v1/embeddings", """{"model":"sim-embedding","input":"x"}""");

        var stats = await sim.StatsAsync();

        ((int)stats["requests"]!).ShouldBe(2);
        ((int)stats["paths"]![ChatPath]!).ShouldBe(1);
        ((int)stats["models"]!["sim-embedding"]!).ShouldBe(1);
        ((int)stats["prompts"]!["seen"]![Fingerprint("x")]!["answered"]!).ShouldBe(2);
        await sim.Client.DeleteAsync("/sim/stats");
        ((int)(await sim.StatsAsync())["requests"]!).ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"error_rat":1}""")]
    [InlineData("""{"error_rate":"high"}""")]
    [InlineData("""{"error_rate":1.5}""")]
    [InlineData("""{"models":null}""")]
    [InlineData("""{"latency":5}""")]
    [InlineData("""[1]""")]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""nonsense""")]
    public async Task PutSettings_ThatCannotBeUsed_AreRefusedAndChangeNothing(string settings)
    {
        await using var sim = await StartAsync();
        var before = await sim.Client.GetStringAsync("/sim/settings");

        using var refused = await sim.Client.PutAsync("/sim/settings", new StringContent(settings));

        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await sim.Client.GetStringAsync("/sim/settings")).ShouldBe(before);
    }

    [Fact]
    public async Task PutSettings_Some_KeepsTheOthersAndHoldsFromTheNextRequest()
    {
        await using var sim = await StartAsync(new SimulationOptions { AnswerTokens = 5 });

        using var changed = await sim.Client.PutAsync("/sim/settings", new StringContent("""{"error_rate":1,"error_statuses":[418],"latency":"1ms"}"""));

        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        var settings = JsonNode.Parse(await changed.Content.ReadAsStringAsync())!;
        ((int)settings["answer_tokens"]!).ShouldBe(5);
        ((string)settings["latency"]!).ShouldBe("1ms");
        await sim.AskAsync(ChatPath, Chat("x"), (HttpStatusCode)418);
    }

    internal static string Fingerprint(string prompt) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)))[..16];
}
