using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Server.Keys;
using Weir.Server.Observability.Logging;

namespace Weir.Server.Observability.Access;

/// <summary>
/// One line for each request, at level Information under the category <c>Weir.Access</c>. Where that is off, nothing is made. No bodies, no
/// headers, no secrets. The line is written as UTF-8 where it will lie until <see cref="AccessWriter"/> takes it: it allocates nothing.
/// </summary>
internal sealed class AccessLog(ILoggerFactory loggers, LogFormat format, LineQueue lines, TimeProvider time)
{
    public const string Category = "Weir.Access";

    private readonly ILogger _logger = loggers.CreateLogger(Category);

    public void Write(HttpContext context, RouteEndpoint? endpoint, int status, TimeSpan took)
    {
        if (!_logger.IsEnabled(LogLevel.Information) || endpoint?.Metadata.GetMetadata<Unlogged>() is not null) return;

        var line = new AccessLine(stackalloc byte[AccessLine.Longest], format);
        line.Begin(time.GetUtcNow(), endpoint is null ? "_OTHER" : context.Request.Method, endpoint?.RoutePattern.RawText ?? "(none)", status);
        Describe(ref line, context, took);
        lines.Append(line.End());
    }

    private static void Describe(ref AccessLine line, HttpContext context, TimeSpan took)
    {
        line.Milliseconds("total_ms"u8, took);
        line.Number("bytes"u8, context.Response.ContentLength);
        if (context.Features.Get<InferenceReport>() is { } report && context.Features.Get<InferenceRequest>() is { } request)
        {
            Describe(ref line, request, report);
        }

        if (context.Features.Get<Caller>() is { } caller)
        {
            line.Text("key"u8, caller.KeyId);
            line.Text("tenant"u8, caller.Tenant);
        }

        line.Text("request"u8, context.TraceIdentifier);
    }

    internal static void Describe(ref AccessLine line, InferenceRequest request, InferenceReport report)
    {
        line.Text("model"u8, request.Head.Model);
        line.Text("deployment"u8, report.Deployment);
        line.Number("attempts"u8, report.Attempts);
        line.Milliseconds("queue_ms"u8, report.Queued);
        line.Milliseconds("first_ms"u8, report.FirstEvent);
        if (report.Usage is { } usage)
        {
            line.Number(line.IsJson ? "input_tokens"u8 : "in"u8, usage.Input);
            line.Number(line.IsJson ? "output_tokens"u8 : "out"u8, usage.Output);
            line.Dollars("cost"u8, report.Cost);
        }

        line.Number("priority"u8, request.Priority);
        line.Text("cache"u8, report.Cache switch
        {
            null => null,
            Inference.Caching.CacheOutcome.Hit => "hit",
            Inference.Caching.CacheOutcome.Miss => "miss",
            _ => "coalesced",
        });
        line.Text("failed_by"u8, report.FailedBy);
        line.Text("upstream"u8, report.UpstreamId);
    }
}

/// <summary>Marks an endpoint that probes ask every few seconds.</summary>
internal sealed class Unlogged
{
    public static readonly Unlogged Mark = new();
}

internal static class AccessLogExtensions
{
    public static TBuilder NotLogged<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(Unlogged.Mark);

    /// <summary>Gives the access log what the gateway knows of a request.</summary>
    public static void Note(this HttpContext context, InferenceRequest request, InferenceReport report)
    {
        context.Features.Set(request);
        context.Features.Set(report);
    }
}
