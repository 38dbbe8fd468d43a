using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Cli.Run;
using Weir.Cli.Run.Agent;
using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;
using Weir.Cli.Run.Workers;
using Weir.Client;

namespace Weir.Tests.Cli.Run.Agent;

public sealed class AgentExecutorTests : IDisposable
{
    private static readonly byte[] Picture = [137, 80, 78, 71];

    private readonly RunFolder _folder = new();
    private readonly Script _script = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Answer_WithoutTools_IsTheOutput()
    {
        _script.Model.Enqueue(Says("done"));

        var outcome = await RunAsync(null, instructions: "be brief");

        (outcome.Status, outcome.Output!.Value.GetString(), outcome.Steps, outcome.Usage).ShouldBe((TaskState.Ok, "done", 1, new TokenUsage(7, 3)));
        var (request, key) = _script.Asked.ShouldHaveSingleItem();
        key.ShouldBe("Bearer k");
        request["messages"]!.ToJsonString().ShouldBe("""[{"role":"system","content":"be brief"},{"role":"user","content":"what?"}]""");
        request["tools"].ShouldBeNull();
        request["model"]!.ToString().ShouldBe("route");
    }

    [Fact]
    public async Task Tools_OfTheLease_AreCalledAtTheirDoors()
    {
        _script.Model.Enqueue(Calls(("1", "query_knowledge_base", """{"query":"pumps","top_k":3}"""), ("2", "screenshot", ""), ("3", "click", """{"x":1,"y":2}""")));
        _script.Model.Enqueue(Says("seen"));

        var outcome = await RunAsync(["rag", "vm"]);

        (outcome.Status, outcome.Steps, outcome.Usage).ShouldBe((TaskState.Ok, 2, new TokenUsage(14, 6)));
        _script.Doors.ShouldBe(
        [
            ("POST /doors/rag.0/query", """{"query":"pumps","top_k":3}""", "Bearer token-rag"),
            ("GET /doors/vm.0/screenshot", "", "Bearer token-vm"),
            ("POST /doors/vm.0/actions", """[{"x":1,"y":2,"type":"click"}]""", "Bearer token-vm"),
        ]);
        var messages = (JsonArray)_script.Asked[1].Body["messages"]!;
        messages.Select(message => (string)message!["role"]!).ShouldBe(["user", "assistant", "tool", "tool", "tool", "user"]);
        messages.Skip(2).Take(3).Select(message => (string)message!["tool_call_id"]!).ShouldBe(["1", "2", "3"]);
        messages[2]!["content"]!.ToString().ShouldBe("""{"results":[]}""");
        messages[5]!["content"]![1]!["image_url"]!["url"]!.ToString().ShouldBe("data:image/png;base64," + Convert.ToBase64String(Picture));
        File.ReadAllLines(Directory.GetFiles(_folder["logs"]).Single()).Length.ShouldBe(5);
    }

    [Fact]
    public async Task Tool_ThatFails_IsToldToTheModel()
    {
        _script.Model.Enqueue(Calls(("1", "query_knowledge_base", "not json"), ("2", "nothing", "{}"), ("3", "query_knowledge_base", """{"query":""}""")));
        _script.Model.Enqueue(Says("sorry"));
        _script.DoorFails = true;

        var outcome = await RunAsync(["rag"]);

        outcome.Status.ShouldBe(TaskState.Ok);
        ((JsonArray)_script.Asked[1].Body["messages"]!).Skip(2).Select(message => message!["content"]!.ToString()).ShouldBe(
            ["error: the arguments are not a JSON object", "error: there is no tool 'nothing'; there are: query_knowledge_base", "error: 422 The query is empty."]);
    }

    [Theory]
    [InlineData("""{"query":"\ud83d"}""", "error: the arguments hold half of a surrogate pair, such as \\ud83d, which is no text: write whole characters")]
    [InlineData("""{"\ud83d":1}""", "error: the arguments hold half of a surrogate pair, such as \\ud83d, which is no text: write whole characters")]
    [InlineData("""{"query":"a","query":"b"}""", "error: the arguments are not a JSON object")]
    [InlineData("[]", "error: the arguments are not a JSON object")]
    public async Task Tool_CalledWithWhatIsNoJsonOfTexts_IsToldToTheModel(string arguments, string told)
    {
        _script.Model.Enqueue(Calls(("1", "query_knowledge_base", arguments), ("2", "click", arguments)));
        _script.Model.Enqueue(Says("sorry"));

        (await RunAsync(["rag", "vm"])).Status.ShouldBe(TaskState.Ok);

        ((JsonArray)_script.Asked[1].Body["messages"]!).Skip(2).Select(message => message!["content"]!.ToString()).ShouldBe([told, told]);
        _script.Doors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Tool_CalledWithAnObject_IsCalledAsWithItsText()
    {
        _script.Model.Enqueue(() => Json(HttpStatusCode.OK,
            """{"choices":[{"message":{"role":"assistant","tool_calls":[{"id":1,"function":{"name":"query_knowledge_base","arguments":{"query":"pumps"}}},"odd",{"function":"odd"}]}}],"usage":{"prompt_tokens":1.5}}"""));
        _script.Model.Enqueue(Says("seen"));

        (await RunAsync(["rag"])).Status.ShouldBe(TaskState.Ok);

        _script.Doors.ShouldHaveSingleItem().Body.ShouldBe("""{"query":"pumps"}""");
    }

    [Fact]
    public async Task Answer_CutWithinACharacter_IsTheOutput()
    {
        _script.Model.Enqueue(() => Json(HttpStatusCode.OK, """{"choices":[{"message":{"role":"assistant","content":"hi \ud83d"}}]}"""));

        var outcome = await RunAsync(null);

        (outcome.Status, outcome.Output!.Value.GetString()).ShouldBe((TaskState.Ok, "hi �"));
    }

    [Fact]
    public async Task Answer_OfBytesThatAreNoText_HoldsReplacements()
    {
        _script.Model.Enqueue(() => new(HttpStatusCode.OK) { Content = new ByteArrayContent([.. """{"choices":[{"message":{"content":"hi """u8, 0xFF, .. "\"}}]}"u8]) });

        (await RunAsync(null)).Output!.Value.GetString().ShouldBe("hi �");
    }

    [Theory]
    [InlineData("""{"content":null}""", "It ended without a text and without a call (finish_reason length).")]
    [InlineData("""{"content":" \n"}""", "It ended without a text and without a call (finish_reason length).")]
    [InlineData("""{"tool_calls":[]}""", "It ended without a text and without a call (finish_reason length).")]
    [InlineData("""{"content":null,"refusal":"I will not."}""", "It refused: I will not.")]
    public async Task Answer_ThatSaysNothing_IsAFailure(string message, string error)
    {
        _script.Model.Enqueue(() => Json(HttpStatusCode.OK, $$"""{"choices":[{"message":{{message}},"finish_reason":"length"}]}"""));

        var outcome = await RunAsync(null);

        (outcome.Status, outcome.IsFinal, outcome.Error, outcome.Output, outcome.Steps).ShouldBe((TaskState.Failed, false, error, null, 1));
    }

    [Fact]
    public async Task Answer_InParts_IsTheirText()
    {
        _script.Model.Enqueue(() => Json(HttpStatusCode.OK, """{"choices":[{"message":{"content":[{"type":"text","text":"one "},{"type":"text","text":"two"}]}}]}"""));

        (await RunAsync(null)).Output!.Value.GetString().ShouldBe("one two");
    }

    [Fact]
    public async Task Log_ThatCannotBeWritten_IsTheTasksFailure()
    {
        _folder.Write("logs", "a file where the folder should be");
        _script.Model.Enqueue(Says("done"));

        var outcome = await RunAsync(null);

        (outcome.Status, outcome.Output!.Value.GetString()).ShouldBe((TaskState.Failed, "done"));
        outcome.Error!.ShouldContain("cannot be written");
    }

    [Fact]
    public async Task Refusal_ThatIsNoText_IsTold()
    {
        _script.Model.Enqueue(() => Json(HttpStatusCode.NotFound, """{"error":{"message":"no \ud83d"}}"""));

        (await RunAsync(null)).Error.ShouldBe("route answered 404: no �");
    }

    [Fact]
    public async Task Model_ThatNeverAnswers_IsEndedAfterItsSteps()
    {
        for (var step = 0; step < 3; step++)
            _script.Model.Enqueue(Calls(("1", "screenshot", "{}")));

        var outcome = await RunAsync(["vm"], steps: 3);

        (outcome.Status, outcome.IsFinal, outcome.Steps, outcome.Error).ShouldBe((TaskState.Failed, true, 3, "It gave no answer within 3 steps."));
    }

    [Fact]
    public async Task Pictures_OfManySteps_AreSentThreeAtTheMost()
    {
        for (var step = 0; step < 6; step++)
            _script.Model.Enqueue(Calls(($"{step}", "screenshot", "{}")));
        _script.Model.Enqueue(Says("seen"));

        await RunAsync(["vm"]);

        ((JsonArray)_script.Asked[^1].Body["messages"]!).Count(message => message!["content"] is JsonArray).ShouldBe(3);
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, true)]
    [InlineData(HttpStatusCode.BadGateway, false)]
    public async Task Model_ThatRefuses_FailsTheAttempt(HttpStatusCode status, bool isFinal)
    {
        _script.Model.Enqueue(() => Json(status, """{"error":{"message":"no such route"}}"""));

        var outcome = await RunAsync(null);

        (outcome.Status, outcome.IsFinal, outcome.Error).ShouldBe((TaskState.Failed, isFinal, $"route answered {(int)status}: no such route"));
    }

    [Fact]
    public async Task Gateway_ThatIsAwayForAWhile_IsWaitedFor()
    {
        _script.Model.Enqueue(() => throw new HttpRequestException("refused"));
        _script.Model.Enqueue(() => Json(HttpStatusCode.ServiceUnavailable, "{}"));
        _script.Model.Enqueue(Says("back"));

        (await RunAsync(null)).Status.ShouldBe(TaskState.Ok);
    }

    [Fact]
    public async Task Timeout_WhileTheModelThinks_IsOne()
    {
        _script.Hangs = true;

        (await RunAsync(null)).Status.ShouldBe(TaskState.Timeout);
    }

    private async Task<TaskOutcome> RunAsync(string[]? kinds, string? instructions = null, int steps = 10)
    {
        using var http = new HttpClient(_script, disposeHandler: false);
        var plan = new RunPlan { Url = new Uri("http://weir.test/"), Key = "k", Workers = 1, Agent = new AgentPlan("route", instructions, steps) };
        var lease = kinds is null ? null : new Lease
        {
            Resources = [.. kinds.Select(kind => new LeasedResource { Id = kind + ".0", Kind = kind, BaseUrl = $"http://weir.test/doors/{kind}.0", Token = "token-" + kind })],
        };
        return await new AgentExecutor(plan, http, new HurriedTime(100), new Random(1)).RunAsync(
            new TaskAttempt(new RunTask("a", "{}") { Prompt = "what?" }, 1, 1, lease, TimeSpan.FromSeconds(_script.Hangs ? 9 : 3000), new TaskLog(_folder["logs"], "a")), new AttemptEnds());
    }

    private static Func<HttpResponseMessage> Says(string text) => () => Completion(new JsonObject { ["role"] = "assistant", ["content"] = text });

    private static Func<HttpResponseMessage> Calls(params (string Id, string Name, string Arguments)[] calls) => () => Completion(new JsonObject
    {
        ["role"] = "assistant",
        ["content"] = null,
        ["tool_calls"] = new JsonArray([.. calls.Select(call => (JsonNode)new JsonObject
        {
            ["id"] = call.Id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments },
        })]),
    });

    private static HttpResponseMessage Completion(JsonObject message) => Json(HttpStatusCode.OK, new JsonObject
    {
        ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["message"] = message }), ["usage"] = new JsonObject { ["prompt_tokens"] = 7, ["completion_tokens"] = 3, ["total_tokens"] = 10 },
    }.ToJsonString());

    private static HttpResponseMessage Json(HttpStatusCode status, string body) => new(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private sealed class Script : HttpMessageHandler
    {
        public Queue<Func<HttpResponseMessage>> Model { get; } = new();

        public List<(JsonObject Body, string? Key)> Asked { get; } = [];

        public List<(string Line, string Body, string? Token)> Doors { get; } = [];

        public bool DoorFails { get; set; }

        public bool Hangs { get; set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Hangs)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
            if (request.RequestUri!.AbsolutePath == "/v1/chat/completions")
            {
                Asked.Add(((JsonObject)JsonNode.Parse(body)!, request.Headers.Authorization?.ToString()));
                return Model.Dequeue()();
            }

            Doors.Add(($"{request.Method} {request.RequestUri.AbsolutePath}", body, request.Headers.Authorization?.ToString()));
            if (DoorFails)
                return Json(HttpStatusCode.UnprocessableEntity, """{"detail":"The query is empty."}""");
            if (request.RequestUri.AbsolutePath.EndsWith("/screenshot", StringComparison.Ordinal))
                return new(HttpStatusCode.OK) { Content = new ByteArrayContent(Picture) { Headers = { ContentType = new("image/png") } } };
            return Json(HttpStatusCode.OK, """{"results":[]}""");
        }
    }
}
