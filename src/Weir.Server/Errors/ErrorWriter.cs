using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Weir.Server.Errors;

/// <summary>The one place where an <see cref="ApiError"/> becomes HTTP.</summary>
internal static class ErrorWriter
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the error in the shape of the request's path. The response must not have started.</summary>
    public static Task WriteErrorAsync(this HttpContext context, ApiError error)
    {
        var shape = ErrorShapes.Of(context.Request.Path);
        var response = context.Response;
        response.StatusCode = error.Status;
        response.ContentType = shape == ErrorShape.Problem ? "application/problem+json" : "application/json";
        if (error.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        if (error.ShouldRetry is { } retry)
            response.Headers["x-should-retry"] = retry ? "true" : "false";
        if (error.Status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";

        if (HttpMethods.IsHead(context.Request.Method)) return Task.CompletedTask;

        var body = Body(error, shape);
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>The body alone: also what an error event inside a stream carries.</summary>
    public static byte[] Body(ApiError error, ErrorShape shape)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            switch (shape)
            {
                case ErrorShape.OpenAI:
                    json.WriteStartObject("error");
                    json.WriteString("message", error.Message);
                    json.WriteString("type", error.Type ?? ErrorShapes.OpenAIType(error.Status));
                    json.WriteString("param", error.Param);
                    json.WriteString("code", error.Code);
                    json.WriteEndObject();
                    break;

                case ErrorShape.Anthropic:
                    json.WriteString("type", "error");
                    json.WriteStartObject("error");
                    json.WriteString("type", error.Type ?? ErrorShapes.AnthropicType(error.Status));
                    json.WriteString("message", error.Message);
                    json.WriteEndObject();
                    break;

                default:
                    json.WriteString("type", "about:blank");
                    json.WriteString("title", ReasonPhrases.GetReasonPhrase(error.Status));
                    json.WriteNumber("status", error.Status);
                    json.WriteString("detail", error.Message);
                    json.WriteString("code", error.Code);
                    if (error.Param is not null) json.WriteString("param", error.Param);
                    break;
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
