using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Observability.Alerts;
using Weir.Server.Observability.History;
using Weir.Tests.Inference.Support;
using Weir.Tests.Server.Observability.Alerts;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Observability.History;

public sealed class HistoryTests
{
    [Fact]
    public void Ring_PastADay_KeepsTheNewest()
    {
        var ring = new HistoryRing();
        for (var i = 0; i < HistoryRing.Capacity + 10; i++) ring.Add(AlertRulesTests.Point(i, 0));

        ring.Last(HistoryRing.Capacity * 2).Count.ShouldBe(HistoryRing.Capacity);
        ring.Last(2).Select(p => p.Succeeded).ShouldBe([HistoryRing.Capacity + 8, HistoryRing.Capacity + 9]);
    }

    [Fact]
    public async Task History_AfterAMinute_HasItsRequestsAndTheMachine()
    {
        var time = new ManualTimeProvider();
        var process = new FakeProcess();
        await using var upstream = new ScriptedUpstream();
        await using var server = await StartAsync(time, process, upstream.BaseUrl);
        for (var i = 0; i < 3; i++) await ChatAsync(server);
        process.Reading = new ProcessReading(TimeSpan.FromSeconds(60), 2, 500, 1000);

        time.Advance(TimeSpan.FromMinutes(1));
        server.Service<Watchman>().Look();

        var points = (await server.Client.GetFromJsonAsync<JsonElement>("/v1/history")).GetProperty("data");
        points.GetArrayLength().ShouldBe(1);
        points[0].GetProperty("requests").GetInt32().ShouldBe(3);
        points[0].GetProperty("success").GetDouble().ShouldBe(1);
        points[0].GetProperty("cpu").GetDouble().ShouldBe(0.5);
        points[0].GetProperty("memory").GetDouble().ShouldBe(0.5);
        points[0].GetProperty("output_tokens").GetInt32().ShouldBe(15);
        points[0].GetProperty("at").GetDateTimeOffset().ShouldBe(time.GetUtcNow());
    }

    [Fact]
    public async Task Alert_OfABusyMachine_ShowsInTheStatusUntilItIsOver()
    {
        var time = new ManualTimeProvider();
        var process = new FakeProcess();
        await using var server = await StartAsync(time, process, "http://127.0.0.1:1/v1");

        Task<JsonElement> Status() => server.Client.GetFromJsonAsync<JsonElement>("/v1/status");
        void Minute(double memory)
        {
            process.Reading = new ProcessReading(TimeSpan.Zero, 2, (long)(memory * 1000), 1000);
            time.Advance(TimeSpan.FromMinutes(1));
            server.Service<Watchman>().Look();
        }

        Minute(0.9);
        (await Status()).GetProperty("alerts").GetArrayLength().ShouldBe(0);
        Minute(0.9);
        (await Status()).GetProperty("alerts")[0].GetProperty("alert").GetString().ShouldBe("memory_over");
        (await server.Client.GetStringAsync("/metrics")).ShouldContain("weir_alerts_active{alert=\"memory_over\",subject=\"\"} 1");
        Minute(0.1);
        (await Status()).GetProperty("alerts").GetArrayLength().ShouldBe(1);
        Minute(0.1);
        (await Status()).GetProperty("alerts").GetArrayLength().ShouldBe(0);
        (await server.Client.GetStringAsync("/metrics")).ShouldNotContain("weir_alerts_active{");
    }

    [Fact]
    public void Collect_AfterALongSleep_LeavesOutWhatIsForgotten()
    {
        var time = new ManualTimeProvider();
        using var metrics = new Weir.Inference.InferenceMetrics(
            new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(), time);
        var ring = new HistoryRing();
        var collector = new HistoryCollector(new(metrics, time), ring, new FakeProcess(), time);
        var pulse = new Weir.Inference.Status.GatewayPulse(0, 7, new HashSet<string>(), new Dictionary<string, long>());

        collector.Collect(pulse).ShouldBeEmpty();
        time.Advance(TimeSpan.FromHours(3));

        var points = collector.Collect(pulse);
        points.Count.ShouldBe(4);
        points.Select(p => p.At).ShouldBe(Enumerable.Range(0, 4).Select(i => time.GetUtcNow().AddMinutes(i - 3)));
        points[0].Queue.ShouldBe(7);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1441")]
    [InlineData("x")]
    [InlineData("-1")]
    public async Task History_WithImpossibleMinutes_Is400(string minutes)
    {
        await using var server = await RunningServer.StartAsync();

        (await server.Client.GetAsync($"/v1/history?minutes={minutes}")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    private static Task<RunningServer> StartAsync(TimeProvider time, IProcessMeter process, string baseUrl) => RunningServer.StartAsync(new()
    {
        Time = time,
        Customize = builder => builder.Services.AddSingleton(process),
        Weir = new WeirOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = baseUrl } },
            Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
        },
    });

    private static async Task ChatAsync(RunningServer server)
    {
        using var answer = await server.SendAsync(
            HttpMethod.Post, "/v1/chat/completions", body: new StringContent("""{"model":"fast","messages":[]}""", System.Text.Encoding.UTF8, "application/json"));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        await answer.Content.ReadAsStringAsync();
    }

    private sealed class FakeProcess : IProcessMeter
    {
        public ProcessReading Reading { get; set; } = new(TimeSpan.Zero, 2, 1, 1000);

        public ProcessReading Read() => Reading;
    }
}
