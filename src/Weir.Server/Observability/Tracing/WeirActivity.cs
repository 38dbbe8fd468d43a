using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Weir.Server.Observability.Tracing;

/// <summary>The source of Weir's spans. Without a listener nothing is parsed and nothing allocated.</summary>
internal static class WeirActivity
{
    public const string SourceName = "Weir";

    public static readonly ActivitySource Source = new(SourceName, WeirVersion.Text);

    /// <summary>A server span that continues the client's trace (W3C <c>traceparent</c>). Null when nobody listens or the trace is not sampled.</summary>
    public static Activity? StartRequest(HttpContext context, RouteEndpoint? endpoint)
    {
        if (!Source.HasListeners()) return null;

        var headers = context.Request.Headers;
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var parent);
        var route = endpoint?.RoutePattern.RawText;
        var activity = Source.StartActivity(
            route is null ? context.Request.Method : $"{context.Request.Method} {route}", ActivityKind.Server, parent);
        if (activity is null) return null;

        activity.SetTag("http.request.method", context.Request.Method);
        activity.SetTag("http.route", route);
        activity.SetTag("weir.request_id", context.TraceIdentifier);
        return activity;
    }

    public static void EndRequest(Activity? activity, int status)
    {
        if (activity is null) return;
        activity.SetTag("http.response.status_code", status);
        if (status >= 500 && activity.Status == ActivityStatusCode.Unset) activity.SetStatus(ActivityStatusCode.Error);
    }
}
