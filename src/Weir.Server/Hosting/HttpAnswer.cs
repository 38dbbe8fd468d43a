using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Relay;

namespace Weir.Server.Hosting;

/// <summary>A client's connection as the gateway's answer sees it.</summary>
internal sealed class HttpAnswer(HttpContext context) : IAnswer
{
    private const int MostListed = 50;
    private const int LongestListed = 80;

    public PipeWriter Body => context.Response.BodyWriter;

    public void Begin(in AnswerHead head)
    {
        var response = context.Response;
        response.StatusCode = head.Status;
        response.ContentType = head.ContentType;
        response.ContentLength = head.ContentLength;
        if (head.ContentLength is null)
        {
            // Proxies in front of us must not hold a stream back.
            response.Headers.CacheControl = "no-cache";
            response.Headers["x-accel-buffering"] = "no";
        }

        foreach (var (name, value) in head.Passed ?? [])
        {
            response.Headers[name] = value;
        }

        Describe(response, head.Report);
    }

    public void Abort() => context.Abort();

    /// <summary>The headers that say what Weir did; also on answers that are errors of ours.</summary>
    public static void Describe(HttpResponse response, InferenceReport report)
    {
        var headers = response.Headers;
        if (report.Deployment is { } deployment)
        {
            headers["x-weir-deployment"] = Plain(deployment);
            // A model of our own has no attempts to tell of: those behind it are of other requests.
            if (report.Provider != InferenceReport.OwnProvider)
            {
                headers["x-weir-attempts"] = report.Attempts.ToString(CultureInfo.InvariantCulture);
            }

            headers["x-weir-queue-ms"] = ((long)report.Queued.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        if (report.Cache is { } outcome)
        {
            headers["x-weir-cache"] = outcome switch { CacheOutcome.Hit => "hit", CacheOutcome.Miss => "miss", _ => "coalesced" };
        }

        if (report.UpstreamId is { } id)
        {
            headers["x-weir-upstream-id"] = id;
        }

        if (report.Dropped is { Count: > 0 } dropped)
        {
            headers["x-weir-dropped"] = Listed(dropped);
        }

        if (report.ClientAtFault)
        {
            headers["x-should-retry"] = "false";
        }
    }

    // Paths in the body hold the client's own names, as many as it likes.
    private static string Listed(IReadOnlyList<string> dropped)
    {
        var text = string.Join(',', dropped.Distinct(StringComparer.Ordinal).Take(MostListed).Select(field => Plain(field.Length <= LongestListed ? field : field[..LongestListed])));
        return dropped.Count > MostListed ? text + ",..." : text;
    }

    // A model's name comes from a client and may hold what a header may not.
    private static string Plain(string text) =>
        text.AsSpan().ContainsAnyExceptInRange(' ', '~') ? Uri.EscapeDataString(text) : text;
}
