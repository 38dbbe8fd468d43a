using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Hosting;

namespace Weir.Server.Observability.Metrics;

/// <summary>How the web server fares, by endpoint; names after the OpenTelemetry conventions for HTTP servers.</summary>
internal sealed class HttpMetrics
{
    // Statuses as strings, made once: a boxed number per request would be garbage on the hot path.
    private static readonly string[] Statuses = [.. Enumerable.Range(0, 600).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    private readonly Histogram<double> _duration;

    public HttpMetrics(IMeterFactory meters, Drain drain)
    {
        var meter = meters.Create("Weir.Server");
        _duration = meter.CreateHistogram<double>(
            "http.server.request.duration", "s", "Time from a request's head to the end of its answer.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] });
        meter.CreateObservableUpDownCounter("http.server.active_requests", () => drain.InFlight, "{request}", "Requests in flight, health and metrics aside.");
    }

    public void Record(string method, RouteEndpoint? endpoint, int status, TimeSpan elapsed)
    {
        if (!_duration.Enabled) return;

        // The route's pattern, never the path: what clients make up must not make series.
        _duration.Record(
            elapsed.TotalSeconds,
            new("http.request.method", endpoint is null ? "_OTHER" : method),
            new("http.route", endpoint?.RoutePattern.RawText ?? "(none)"),
            new("http.response.status_code", (uint)status < 600u ? Statuses[status] : "_OTHER"));
    }
}
