using System.Collections;
using System.Globalization;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Requests;

namespace Weir.Server.Observability.Access;

/// <summary>
/// One request as the access log tells it: a line for people, fields for machines. What does not apply is left out. No bodies, no headers, no
/// secrets; what a client made up is quoted and cut, so that it can neither forge a line nor fill a disk.
/// </summary>
internal sealed class AccessEntry : IReadOnlyList<KeyValuePair<string, object?>>
{
    private const int LongestName = 128;

    public string Method { get; set; } = "";

    /// <summary>The pattern of the endpoint, never the path.</summary>
    public string Route { get; set; } = "";

    public int Status { get; set; }

    public TimeSpan Total { get; set; }

    public string RequestId { get; set; } = "";

    /// <summary>Null where nobody was authenticated.</summary>
    public string? KeyId { get; set; }

    public string? Tenant { get; set; }

    /// <summary>Null where its length is not known.</summary>
    public long? BytesOut { get; set; }

    /// <summary>Null where the gateway was not asked.</summary>
    public InferenceRequest? Request { get; set; }

    public InferenceReport? Report { get; set; }

    public int Count => Fields().Count;

    public KeyValuePair<string, object?> this[int index] => Fields()[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => Fields().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString()
    {
        var line = new System.Runtime.CompilerServices.DefaultInterpolatedStringHandler(32, 8, CultureInfo.InvariantCulture, stackalloc char[512]);
        line.AppendFormatted(Method);
        line.AppendLiteral(" ");
        line.AppendFormatted(Route);
        line.AppendLiteral(" ");
        line.AppendFormatted(Status);
        line.AppendLiteral(" total_ms=");
        line.AppendFormatted(Total.TotalMilliseconds, "0.0");
        if (BytesOut is { } bytes)
        {
            line.AppendLiteral(" bytes=");
            line.AppendFormatted(bytes);
        }

        if (Report is { } report && Request is { } request)
        {
            Append(ref line, " model=", Plain(request.Head.Model));
            Append(ref line, " deployment=", Plain(report.Deployment));
            line.AppendLiteral(" attempts=");
            line.AppendFormatted(report.Attempts);
            line.AppendLiteral(" queue_ms=");
            line.AppendFormatted(report.Queued.TotalMilliseconds, "0.0");
            if (report.FirstEvent is { } first)
            {
                line.AppendLiteral(" first_ms=");
                line.AppendFormatted(first.TotalMilliseconds, "0.0");
            }

            if (report.Usage is { } usage)
            {
                line.AppendLiteral(" in=");
                line.AppendFormatted(usage.Input);
                line.AppendLiteral(" out=");
                line.AppendFormatted(usage.Output);
                line.AppendLiteral(" cost=");
                line.AppendFormatted(report.Cost, "0.########");
            }

            line.AppendLiteral(" priority=");
            line.AppendFormatted(request.Priority);
            Append(ref line, " failed_by=", report.FailedBy);
            Append(ref line, " upstream=", Plain(report.UpstreamId));
        }

        Append(ref line, " key=", KeyId);
        Append(ref line, " tenant=", Plain(Tenant));
        Append(ref line, " request=", RequestId);
        return line.ToStringAndClear();
    }

    private static void Append(ref System.Runtime.CompilerServices.DefaultInterpolatedStringHandler line, string name, string? value)
    {
        if (value is null) return;
        line.AppendLiteral(name);
        line.AppendLiteral(value);
    }

    private static string? Plain(string? text) =>
        text is null || (text.Length is > 0 and <= LongestName && !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.Contains('"', StringComparison.Ordinal))
            ? text
            : JsonSerializer.Serialize(text.Length <= LongestName ? text : text[..LongestName] + "…");

    private List<KeyValuePair<string, object?>> Fields()
    {
        var fields = new List<KeyValuePair<string, object?>>(20);
        void Add(string name, object? value)
        {
            if (value is not null) fields.Add(new(name, value));
        }

        Add("method", Method);
        Add("route", Route);
        Add("status", Status);
        Add("total_ms", Round(Total));
        Add("bytes", BytesOut);
        if (Report is { } report && Request is { } request)
        {
            Add("model", Plain(request.Head.Model));
            Add("deployment", Plain(report.Deployment));
            Add("attempts", report.Attempts);
            Add("queue_ms", Round(report.Queued));
            Add("first_ms", report.FirstEvent is { } first ? Round(first) : null);
            Add("input_tokens", report.Usage?.Input);
            Add("output_tokens", report.Usage?.Output);
            Add("cost", report.Usage is null ? null : report.Cost);
            Add("priority", request.Priority);
            Add("failed_by", report.FailedBy);
            Add("upstream", Plain(report.UpstreamId));
        }

        Add("key", KeyId);
        Add("tenant", Plain(Tenant));
        Add("request", RequestId);
        return fields;
    }

    private static double Round(TimeSpan span) => Math.Round(span.TotalMilliseconds, 1);
}
