using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Weir.Server.Keys;
using Weir.Server.Observability.Tracing;

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
}
