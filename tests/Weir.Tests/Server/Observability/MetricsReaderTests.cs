using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Observability.Metrics;

namespace Weir.Tests.Server.Observability;

public sealed class MetricsReaderTests : IAsyncLifetime
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private Meter _meter = null!;
    private MetricsReader _reader = null!;

    public async ValueTask InitializeAsync()
    {
        var factory = _services.GetRequiredService<IMeterFactory>();
        _meter = factory.Create("Weir.Test");
        _reader = new MetricsReader(factory);
        await _reader.StartAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        _reader.Dispose();
        await _services.DisposeAsync();
    }

    [Fact]
    public void Read_Counter_HasHelpTypeAndTotal()
    {
        var counter = _meter.CreateCounter<long>("weir.test.sent", "{request}", "Requests \\ sent\nso far.");
        counter.Add(2, new KeyValuePair<string, object?>("to.whom", "a \"b\"\\\n"));
        counter.Add(3, new KeyValuePair<string, object?>("to.whom", "a \"b\"\\\n"));

        var text = _reader.Read();

        text.ShouldContain("# HELP weir_test_sent_total Requests \\\\ sent\\nso far.\n# TYPE weir_test_sent_total counter\nweir_test_sent_total{to_whom=\"a \\\"b\\\"\\\\\\n\"} 5\n");
    }

    [Fact]
    public void Read_SameTagsInAnotherOrder_AreOneSeries()
    {
        var counter = _meter.CreateCounter<long>("weir.test.sent");
        counter.Add(1, new("a", 1), new("b", "x"));
        counter.Add(1, new("b", "x"), new("a", 1));

        Lines("weir_test_sent_total").ShouldBe(["weir_test_sent_total{a=\"1\",b=\"x\"} 2"]);
    }

    [Fact]
    public void Read_Histogram_IsCumulative()
    {
        var histogram = _meter.CreateHistogram(
            "weir.test.took", "s", "", null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var value in (double[])[0.05, 0.1, 0.5, 7, double.NaN]) histogram.Record(value);

        Lines("weir_test_took_seconds").ShouldBe(
        [
            "weir_test_took_seconds_bucket{le=\"0.1\"} 2",
            "weir_test_took_seconds_bucket{le=\"1\"} 3",
            "weir_test_took_seconds_bucket{le=\"+Inf\"} 4",
            "weir_test_took_seconds_sum 7.65",
            "weir_test_took_seconds_count 4",
        ]);
    }

    [Fact]
    public void Read_ObservedSeriesThatIsGone_IsNotReported()
    {
        var present = new List<string> { "a", "b" };
        _meter.CreateObservableGauge("weir.test.level", () => present.Select(p => new Measurement<int>(7, new KeyValuePair<string, object?>("of", p))), "By");

        Lines("weir_test_level_bytes").Count.ShouldBe(2);
        present.Remove("a");

        Lines("weir_test_level_bytes").ShouldBe(["weir_test_level_bytes{of=\"b\"} 7"]);
    }

    [Fact]
    public void Read_UpDown_GoesBothWays()
    {
        var level = _meter.CreateUpDownCounter<int>("weir.test.level");
        level.Add(5);
        level.Add(-7);

        Lines("weir_test_level").ShouldBe(["weir_test_level -2"]);
    }

    [Fact]
    public void Record_TooManySeries_DropsAndSaysSo()
    {
        var counter = _meter.CreateCounter<long>("weir.test.sent");
        for (var i = 0; i < MetricsReader.MaxSeries + 10; i++) counter.Add(1, new KeyValuePair<string, object?>("user", i));

        Lines("weir_test_sent_total").Count.ShouldBe(MetricsReader.MaxSeries);
        Lines("weir_metrics_dropped").ShouldContain("weir_metrics_dropped_measurements_total{instrument=\"weir_test_sent_total\"} 10");
    }

    [Fact]
    public async Task Record_FromManyThreadsWhileRead_LosesNothing()
    {
        var counter = _meter.CreateCounter<long>("weir.test.sent");
        var histogram = _meter.CreateHistogram<double>("weir.test.took", "s");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(() =>
        {
            for (var i = 0; i < 5000; i++)
            {
                counter.Add(1, new("route", "r" + (i % 7)), new("status", "200"));
                histogram.Record(0.5, new KeyValuePair<string, object?>("route", "r" + (i % 7)));
                if (i % 1000 == n) _reader.Read();
            }
        })));

        Lines("weir_test_sent_total").Sum(l => long.Parse(l.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture)).ShouldBe(40_000);
        Lines("weir_test_took_seconds_count").Sum(l => long.Parse(l.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture)).ShouldBe(40_000);
    }

    [Fact]
    public void Record_OnAKnownSeries_AllocatesNothing()
    {
        var histogram = _meter.CreateHistogram<double>("weir.test.took", "s");
        void Record() => histogram.Record(0.5, new("method", "POST"), new("route", "/v1/chat/completions"), new("status", "200"));
        for (var i = 0; i < 1000; i++) Record();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++) Record();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1000);
    }

    [Fact]
    public void Read_OtherFactorysMeters_AreNotAmongThem()
    {
        using var others = new ServiceCollection().AddMetrics().BuildServiceProvider();
        others.GetRequiredService<IMeterFactory>().Create("Weir.Test").CreateCounter<long>("weir.test.foreign").Add(1);

        Lines("weir_test_foreign").ShouldBeEmpty();
    }

    [Fact]
    public async Task Metrics_OfAServer_HoldItsOwnAndTheRuntimes()
    {
        await using var server = await RunningServer.StartAsync();
        (await server.Client.GetAsync("/nowhere")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await server.Client.GetAsync("/v1/status")).StatusCode.ShouldBe(HttpStatusCode.OK);

        using var answer = await server.Client.GetAsync("/metrics");
        var text = await answer.Content.ReadAsStringAsync();

        answer.Content.Headers.ContentType!.ToString().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        text.ShouldContain("http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/v1/status\"} 1");
        text.ShouldContain("http_route=\"(none)\"} 1");
        text.ShouldNotContain("nowhere");
        text.ShouldContain("http_server_active_requests 1");
        text.ShouldContain("dotnet_gc_heap_total_allocated_bytes_total ");
        text.ShouldContain("dotnet_process_cpu_time_seconds_total{");
        text.ShouldContain("dotnet_process_memory_working_set_bytes ");
        text.ShouldContain("weir_metrics_dropped_measurements_total 0");
    }

    private List<string> Lines(string name) =>
        [.. _reader.Read().Split('\n').Where(l => l.StartsWith(name, StringComparison.Ordinal))];
}
