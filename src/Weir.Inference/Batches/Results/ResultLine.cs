using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Providers;
using Weir.Inference.Relay;

namespace Weir.Inference.Batches.Results;

/// <summary>Writes the lines of output and error files as OpenAI does.</summary>
internal static class ResultLine
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The same for a line however often it is sent.</summary>
    public static string RequestId(string batch, int line) =>
        "batch_req_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{batch}/{line}")).AsSpan(0, 12));

    /// <summary>What the provider answered: with a status below 400 a line of the output file, else one of the error file.</summary>
    public static LineRecord Answered(string batch, int line, string customId, int status, string? requestId, ReadOnlyMemory<byte> answer, TokenUsage usage)
    {
        var text = AnswerText.Of(answer);
        var id = RequestId(batch, line);
        var counted = new BatchUsage(usage.Input, Math.Min(text.Cached, usage.Input), usage.Output, Math.Min(text.Reasoning, usage.Output));
        return new LineRecord(line, status < 400 ? LineKind.Output : LineKind.Error, counted, Write(id, customId, json =>
        {
            json.WriteStartObject("response");
            json.WriteNumber("status_code", status);
            json.WriteString("request_id", requestId ?? id);
            json.WritePropertyName("body");
            json.WriteRawValue(text.Json.Span, skipInputValidation: true);
            json.WriteEndObject();
            json.WriteNull("error");
        }));
    }

    /// <summary>An answer that is the gateway's own, in the shape of the endpoint's dialect.</summary>
    public static LineRecord Refused(string batch, int line, string customId, InferenceError error, Dialect dialect) =>
        Answered(batch, line, customId, error.Status, null, Body(error, dialect), default);

    /// <summary>A line that was never answered.</summary>
    public static LineRecord Unanswered(string batch, int line, string customId, string code, string message) =>
        new(line, LineKind.Error, default, Write(RequestId(batch, line), customId, json =>
        {
            json.WriteNull("response");
            json.WriteStartObject("error");
            json.WriteString("code", code);
            json.WriteString("message", message);
            json.WriteEndObject();
        }));

    private static ReadOnlyMemory<byte> Write(string id, string customId, Action<Utf8JsonWriter> rest)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("custom_id", customId);
            rest(json);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> Body(InferenceError error, Dialect dialect)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            if (dialect == Dialect.Anthropic)
            {
                json.WriteString("type", "error");
            }

            json.WriteStartObject("error");
            json.WriteString("type", TypeOf(error.Status, dialect));
            json.WriteString("message", error.Message);
            if (dialect == Dialect.OpenAI)
            {
                json.WriteString("param", error.Param);
                json.WriteString("code", error.Code);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static string TypeOf(int status, Dialect dialect) => (status, dialect) switch
    {
        (401, _) => "authentication_error",
        (402, Dialect.Anthropic) => "billing_error",
        (402, _) => "insufficient_quota",
        (403, _) => "permission_error",
        (404, Dialect.Anthropic) => "not_found_error",
        (429, _) => "rate_limit_error",
        ( >= 500, Dialect.Anthropic) => "api_error",
        ( >= 500, _) => "server_error",
        _ => "invalid_request_error",
    };
}

