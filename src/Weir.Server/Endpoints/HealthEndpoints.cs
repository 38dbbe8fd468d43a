using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Observability.Access;
using Weir.Server.Observability.Health;
using Weir.Server.Observability.Metrics;

namespace Weir.Server.Endpoints;

internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/health/live", Live).OpenToAnyone().NotLogged().Describe("Whether the process answers at all.", typeof(LiveReport));
        app.MapGet("/health/ready", Ready).OpenToAnyone().NotLogged().Describe("503 while starting or draining; each dependency by name.", typeof(ReadinessReport));
    }

    public static void MapMetrics(this IEndpointRouteBuilder app) =>
        app.MapGet("/metrics", Metrics).Requires(Role.Any).NotLogged().Describe("All metrics in Prometheus' text format.");

    private static Task Live(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteJsonAsync(new LiveReport("live"));
    }

    private static Task Ready(HttpContext context)
    {
        var report = context.Service<Readiness>().Read();
        context.Response.Headers.CacheControl = "no-store";
        if (!report.IsReady) context.Response.Headers.RetryAfter = "1";
        return context.Response.WriteJsonAsync(report, report.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static Task Metrics(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        return context.Response.WriteAsync(context.Service<MetricsReader>().Read(), context.RequestAborted);
    }
}

/// <param name="Status">Always <c>live</c>.</param>
internal sealed record LiveReport(string Status);
