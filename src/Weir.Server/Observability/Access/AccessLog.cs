using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Server.Keys;

namespace Weir.Server.Observability.Access;

/// <summary>One line for each request, at level Information under the category <c>Weir.Access</c>. Where that is off, nothing is made.</summary>
internal sealed class AccessLog(ILoggerFactory loggers)
{
    public const string Category = "Weir.Access";

    private static readonly EventId Event = new(1, "request");

    private readonly ILogger _logger = loggers.CreateLogger(Category);

    /// <summary>Starts to note what becomes of a request. Null: nobody wants to know.</summary>
    public AccessEntry? Begin(HttpContext context)
    {
        if (!_logger.IsEnabled(LogLevel.Information)) return null;

        var entry = new AccessEntry();
        context.Features.Set(entry);
        return entry;
    }

    public void End(AccessEntry entry, HttpContext context, RouteEndpoint? endpoint, int status, TimeSpan took)
    {
        if (endpoint?.Metadata.GetMetadata<Unlogged>() is not null) return;

        entry.Method = endpoint is null ? "_OTHER" : context.Request.Method;
        entry.Route = endpoint?.RoutePattern.RawText ?? "(none)";
        entry.Status = status;
        entry.Total = took;
        entry.RequestId = context.TraceIdentifier;
        entry.BytesOut ??= context.Response.ContentLength;
        if (context.Features.Get<Caller>() is { } caller)
        {
            entry.KeyId = caller.KeyId;
            entry.Tenant = caller.Tenant;
        }

        // A generated method would box each of twenty values and format them by name; the entry is its own state.
        _logger.Log(LogLevel.Information, Event, entry, null, static (e, _) => e.ToString());
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
        if (context.Features.Get<AccessEntry>() is not { } entry) return;
        entry.Request = request;
        entry.Report = report;
    }
}
