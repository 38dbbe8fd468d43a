using System.Diagnostics;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Server.Observability.Tracing;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Observability;

[Collection(nameof(TracingTests))]
public sealed class TracingTests
{
    private const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Parent = $"00-{TraceId}-00f067aa0ba902b7-01";

    [Fact]
    public async Task Request_WhenSomebodyListens_ContinuesTheClientsTrace()
    {
        var ended = new TaskCompletionSource<Activity>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == WeirActivity.SourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if (activity.TraceId.ToHexString() == TraceId) ended.TrySetResult(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        string? seen = null;
        await using var server = await RunningServer.StartAsync(new()
        {
            Map = app => app.MapGet("/traced/{id}", context =>
            {
                seen = Activity.Current?.Id;
                return context.Response.WriteAsync("x");
            }).Requires(Role.Any),
        });

        using var answer = await server.SendAsync(HttpMethod.Get, "/traced/7", headers: ("traceparent", Parent));

        var activity = await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        activity.DisplayName.ShouldBe("GET /traced/{id}");
        activity.Kind.ShouldBe(ActivityKind.Server);
        activity.ParentSpanId.ToHexString().ShouldBe("00f067aa0ba902b7");
        activity.Id.ShouldBe(seen);
        activity.GetTagItem("http.response.status_code").ShouldBe(200);
        activity.GetTagItem("weir.request_id").ShouldBe(answer.Headers.GetValues("x-request-id").Single());
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("00-00000000000000000000000000000000-0000000000000000-00")]
    public async Task Request_WithABrokenTraceparent_IsServed(string value)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/status", headers: ("traceparent", value));

        answer.IsSuccessStatusCode.ShouldBeTrue();
    }

    [Fact]
    public async Task Otlp_WithACollector_GetsTheSpanOfAnAttemptAfterTheConventions()
    {
        await using var collector = new ScriptedUpstream(exchange => exchange.RespondAsync(200, ""));
        await using var upstream = new ScriptedUpstream(exchange =>
            exchange.RespondAsync(200, """{"model":"m-2026","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"""));
        await using (var server = await RunningServer.StartAsync(new()
        {
            Weir = new WeirOptions
            {
                Telemetry = new TelemetryOptions { Otlp = collector.BaseUrl },
                Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
            },
        }))
        {
            using var answer = await server.SendAsync(HttpMethod.Post, "/v1/messages", body: new StringContent(
                """{"model":"fast","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", Encoding.UTF8, "application/json"));
            answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
            // What waits is sent when the server stops.
        }

        // Names are text within the binary message.
        var spans = collector.Requests.Where(request => request.Path.EndsWith("/v1/traces", StringComparison.Ordinal)).Select(request => request.Body).ToList();
        foreach (var part in (string[])["chat m", "gen_ai.operation.name", "gen_ai.response.model", "m-2026", "gen_ai.response.finish_reasons", "gen_ai.usage.output_tokens"])
            spans.ShouldContain(body => body.Contains(part, StringComparison.Ordinal), part);
        collector.Requests.ShouldContain(request => request.Path.EndsWith("/v1/metrics", StringComparison.Ordinal));
    }
}
