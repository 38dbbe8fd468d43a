using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Cli.Run;
using Weir.Cli.Run.Agent;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Server;
using Weir.Tests.Support;

namespace Weir.Tests.Cli.Run.Agent;

public sealed class ChatModelTests
{
    [Fact]
    public async Task Ask_ToldToComeBackAtOnce_WaitsAMomentAllTheSame()
    {
        var time = new ManualTimeProvider();
        using var answers = new Answers();
        using var http = new HttpClient(answers);
        var model = new ChatModel(http, new RunPlan { Url = new Uri("http://weir.test/"), Workers = 1, Agent = new AgentPlan("route", null, 1) }, time, new Random(1));

        var asking = model.AskAsync([], [], default);
        await Eventually.TrueAsync(() => answers.Asked == 1);
        time.Advance(TimeSpan.FromMilliseconds(100));
        await Task.Delay(20);
        answers.Asked.ShouldBe(1);

        for (var i = 0; !asking.IsCompleted; i++)
        {
            i.ShouldBeLessThan(1000);
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        (await asking).Text.ShouldBe("back");
        answers.Asked.ShouldBe(2);
    }

    [Theory]
    [InlineData(200, "{}", null)]
    [InlineData(404, """{"error":{"message":"There is no model 'a/b' here.","code":"model_not_found"}}""", "There is no model 'a/b' here.")]
    [InlineData(403, """{"error":{"message":"This key may not use 'a/b'.","code":"model_not_allowed"}}""", "This key may not use 'a/b'.")]
    [InlineData(401, """{"error":{"message":"It is unknown.","code":"unauthorized"}}""", "It is unknown. Set WEIR_KEY.")]
    [InlineData(404, "no such path", null)]
    [InlineData(404, "{}", null)]
    [InlineData(403, """{"error":{"message":"Not from here.","code":"other"}}""", null)]
    [InlineData(503, """{"error":{"message":"It starts.","code":"starting"}}""", null)]
    public async Task Route_ThatCannotBeAsked_IsToldAsTheServerDoes(int status, string body, string? fault)
    {
        using var server = new OneAnswer(status, body);
        using var http = new HttpClient(server);
        var model = new ChatModel(http, new RunPlan { Url = new Uri("http://weir.test/"), Key = "k", Workers = 1, Agent = new AgentPlan("a/b", null, 1) }, TimeProvider.System, new Random(1));

        (await model.FaultOfRouteAsync(default)).ShouldBe(fault);

        server.Asked.ShouldBe("GET http://weir.test/v1/models/a%2Fb Bearer k");
    }

    [Theory]
    [InlineData("smart", null)]
    [InlineData("listed/anything", null)]
    [InlineData("nope/none", "nope/none")]
    [InlineData("smarter", "smart")]
    public async Task Route_OfAServer_IsAskedForAsARequestIs(string route, string? told)
    {
        // Nobody is there: what a provider lists is not known, and does not matter.
        var provider = new ProviderOptions { BaseUrl = $"http://127.0.0.1:{FreePort.Next()}/v1" };
        await using var server = await RunningServer.StartAsync(new()
        {
            Weir = new()
            {
                Providers = new Dictionary<string, ProviderOptions> { ["listed"] = provider },
                Routes = new Dictionary<string, RouteOptions> { ["smart"] = new() { Deployments = [new() { Provider = "listed", Model = "m" }] } },
            },
        });
        var model = new ChatModel(server.Client, new RunPlan { Url = server.Client.BaseAddress!, Workers = 1, Agent = new AgentPlan(route, null, 1) }, TimeProvider.System, new Random(1));

        var fault = await model.FaultOfRouteAsync(default);

        if (told is null)
            fault.ShouldBeNull();
        else
            fault.ShouldNotBeNull().ShouldContain(told);
    }

    private sealed class OneAnswer(int status, string body) : HttpMessageHandler
    {
        public string? Asked { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked = $"{request.Method} {request.RequestUri!.AbsoluteUri} {request.Headers.Authorization}";
            return Task.FromResult(new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
        }
    }

    /// <summary>First that there is no room, to be asked again after 0 s; then an answer.</summary>
    private sealed class Answers : HttpMessageHandler
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _asked) == 1)
                return Task.FromResult(new HttpResponseMessage(HttpStatusCode.TooManyRequests) { Headers = { RetryAfter = new RetryConditionHeaderValue(TimeSpan.Zero) } });
            var answer = new JsonObject { ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = "back" } }) };
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(answer.ToJsonString(), Encoding.UTF8, "application/json") });
        }
    }
}
