using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Cli.Run;
using Weir.Cli.Run.Agent;
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
