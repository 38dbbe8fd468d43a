using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Weir.Leases.Doors;

/// <summary>Where an error of what stands behind a door becomes HTTP (RFC 9457).</summary>
internal static class DoorErrors
{
    public const string ContentType = "application/problem+json";

    /// <summary>The response must not have started.</summary>
    public static async Task WriteErrorAsync(this HttpContext context, LeaseError error)
    {
        var response = context.Response;
        (response.StatusCode, response.ContentType) = (error.Status, ContentType);
        if (error.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        if (error.Status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        var body = Body(error);
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Reads what <see cref="WriteErrorAsync"/> wrote on another replica.</summary>
    /// <returns>Null: the body is no such error.</returns>
    public static LeaseError? Read(int status, ReadOnlyMemory<byte> body, TimeSpan? retryAfter)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("code", out var code) && code.ValueKind == JsonValueKind.String
                && root.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.String
                ? new LeaseError(status, code.GetString()!, detail.GetString()!)
                {
                    Param = root.TryGetProperty("param", out var param) && param.ValueKind == JsonValueKind.String ? param.GetString() : null,
                    RetryAfter = retryAfter,
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ReadOnlyMemory<byte> Body(LeaseError error)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("type", "about:blank");
            json.WriteString("title", ReasonPhrases.GetReasonPhrase(error.Status));
            json.WriteNumber("status", error.Status);
            json.WriteString("detail", error.Message);
            json.WriteString("code", error.Code);
            if (error.Param is not null)
                json.WriteString("param", error.Param);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
