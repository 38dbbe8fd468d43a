using System.Buffers;
using System.Text;
using System.Text.Json;
using Weir.Inference.Capturing;
using Weir.State.Texts;

namespace Weir.Server.Observability.Capturing;

/// <summary>One exchange as one line of JSON. A body that is JSON is embedded as JSON, any other (a stream's events, a body that was cut) as text.</summary>
internal static class CaptureLine
{
    // Of a body that is embedded, as many as readers of the file take by default beside the line's own.
    private const int MostLevels = 63;

    private static readonly JsonWriterOptions Writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(IBufferWriter<byte> output, CapturedExchange exchange, DateTimeOffset at)
    {
        var (request, report) = (exchange.Request, exchange.Report);
        using (var json = new Utf8JsonWriter(output, Writing))
        {
            json.WriteStartObject();
            json.WriteString("at", at);
            json.WriteString("operation", request.Operation.Name);
            json.WriteString("model", request.Head.Model);
            WriteText(json, "route", report.Route);
            WriteText(json, "deployment", report.Deployment);
            json.WriteString("tenant", request.Tenant);
            WriteText(json, "upstream_id", report.UpstreamId);
            json.WriteNumber("status", report.Status);
            json.WriteBoolean("stream", request.Head.Stream);
            json.WriteNumber("attempts", report.Attempts);
            json.WriteNumber("queue_ms", Milliseconds(report.Queued));
            if (report.FirstEvent is { } first) json.WriteNumber("first_ms", Milliseconds(first));
            json.WriteNumber("total_ms", Milliseconds(exchange.Took));
            if (report.Usage is { } usage)
            {
                json.WriteNumber("input_tokens", usage.Input);
                json.WriteNumber("output_tokens", usage.Output);
                json.WriteNumber("cost", report.Cost);
            }

            WriteText(json, "failed_by", report.FailedBy);
            WriteText(json, "error", report.Error?.Message);
            WriteBody(json, "request", exchange.RequestBody, exchange.IsRequestCut);
            WriteBody(json, "answer", exchange.AnswerBody, exchange.IsAnswerCut);
            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    private static double Milliseconds(TimeSpan span) => Math.Round(span.TotalMilliseconds, 1);

    private static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null) json.WriteString(name, value);
    }

    private static void WriteBody(Utf8JsonWriter json, string name, ReadOnlyMemory<byte> body, bool isCut)
    {
        if (isCut) json.WriteBoolean(name + "_cut", true);
        if (body.IsEmpty) return;

        // Written anew and not copied: a body may hold line breaks between its tokens. Events, what is no JSON, and JSON that cannot be written again stay as they are.
        if (!isCut && ForeignJson.Read(body.Span, MostLevels) is { Value: { } value })
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
            return;
        }

        // What is no UTF-8 is replaced, as in any text.
        json.WriteString(name, Encoding.UTF8.GetString(body.Span));
    }
}
