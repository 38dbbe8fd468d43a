using System.Collections.Concurrent;
using System.Diagnostics;
using Weir.Inference;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference;

[Collection("TracingTests")]
public sealed class InferenceTracingTests : IDisposable
{
    private readonly ConcurrentQueue<Activity> _ended = new();
    private readonly ActivityListener _listener;
    private readonly ActivitySource _host = new("Weir.Tests.Host");

    public InferenceTracingTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == InferenceTracing.SourceName || source == _host,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ended.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _host.Dispose();
    }

    [Fact]
    public async Task Request_WithAFallback_HasOneChildForEachAttempt()
    {
        await using var broken = new ScriptedUpstream(exchange => exchange.RespondAsync(401, "{}"));
        await using var good = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(broken, good));
        using (var request = _host.StartActivity("POST /v1/chat/completions"))
        {
            request.ShouldNotBeNull();
            (await gateway.ChatAsync()).Status.ShouldBe(200);
            Activity.Current.ShouldBe(request);
        }

        var server = _ended.Single(activity => activity.Source == _host);
        var attempts = _ended.Where(activity => activity.TraceId == server.TraceId && activity != server).ToList();
        attempts.Count.ShouldBe(2);
        attempts.ShouldAllBe(attempt => attempt.ParentSpanId == server.SpanId && attempt.Kind == ActivityKind.Client && attempt.DisplayName == "chat real-model");
        attempts[0].GetTagItem("error.type").ShouldBe("key_refused");
        attempts[0].Status.ShouldBe(ActivityStatusCode.Error);
        attempts[0].GetTagItem("weir.attempt").ShouldBe(1);
        attempts[1].GetTagItem("gen_ai.usage.output_tokens").ShouldBe(5L);
        attempts[1].GetTagItem("gen_ai.provider.name").ShouldBe("b");
        attempts[1].GetTagItem("server.address").ShouldBe("127.0.0.1");
        attempts[1].GetTagItem("error.type").ShouldBeNull();
        server.GetTagItem("weir.attempts").ShouldBe(2);
        server.GetTagItem("gen_ai.request.model").ShouldBe("fast");
        // The provider is told of the attempt, not of the request.
        good.Requests.Single().Headers["traceparent"].ShouldContain(attempts[1].SpanId.ToHexString());
    }

    [Fact]
    public async Task Stream_Whole_ItsSpanLastsToItsEnd()
    {
        var end = new TaskCompletionSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"usage":{"prompt_tokens":1,"completion_tokens":9}}""");
            await end.Task;
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));
        using var request = _host.StartActivity("POST /v1/chat/completions").ShouldNotBeNull();
        var streaming = gateway.StreamAsync();
        await gateway.Begun;
        // Spans of other tests end here too: those of this trace count.
        Mine().ShouldBeEmpty();
        end.SetResult();
        (await streaming).Status.ShouldBe(200);

        var attempt = Mine().Single();
        IEnumerable<Activity> Mine() => _ended.Where(activity => activity.TraceId == request.TraceId);
        attempt.GetTagItem("gen_ai.usage.output_tokens").ShouldBe(9L);
        attempt.GetTagItem("gen_ai.response.time_to_first_chunk").ShouldNotBeNull();
    }
}
