using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weir.Server.Errors;

namespace Weir.Server.Endpoints;

/// <summary>What became of one request of a batch: an answer of status 2xx, or an error.</summary>
/// <param name="CustomId">The item's.</param>
/// <param name="Status">Of the answer or the error.</param>
/// <param name="Body">What a provider answered, as JSON; empty where none did.</param>
/// <param name="Error">Null: it succeeded.</param>
internal sealed record BatchResult(string? CustomId, int Status, ReadOnlyMemory<byte> Body, ApiError? Error)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static BatchResult Failed(string? customId, ApiError error) => new(customId, error.Status, default, error);

    public void WriteTo(IBufferWriter<byte> output)
    {
        using var json = new Utf8JsonWriter(output, Relaxed);
        json.WriteStartObject();
        json.WriteString("custom_id", CustomId);
        json.WriteStartObject(Error is null ? "response" : "error");
        json.WriteNumber("status_code", Status);
        if (Error is { } error)
        {
            json.WriteString("code", error.Code);
            json.WriteString("message", error.Message);
            if (error.Param is not null)
            {
                json.WriteString("param", error.Param);
            }

            if (error.RetryAfter is { } wait)
            {
                json.WriteNumber("retry_after", Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)));
            }
        }

        if (!Body.IsEmpty)
        {
            json.WritePropertyName("body");
            json.WriteRawValue(Body.Span, skipInputValidation: true);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
