using Microsoft.AspNetCore.Http;

namespace Weir.Server.Errors;

/// <summary>Errors for what the web server itself refused: it knows a status, and a client needs a sentence.</summary>
internal static class StatusErrors
{
    public static readonly ApiError BodyTooSlow =
        new(408, "body_too_slow", "The body came slower than 240 bytes a second; the server stopped waiting for it.");

    public static readonly ApiError NoRoomForBody = ApiError.Unavailable(
        "The bodies of other requests hold all the memory that this server has for them. Send this again in a moment.", TimeSpan.FromSeconds(1), "overloaded");

    public static ApiError BodyTooLarge(long maxBody) =>
        new(413, "body_too_large", $"The body is larger than {maxBody} bytes, which is this server's server.max_body.");

    public static ApiError Of(int status, HttpContext context) => status switch
    {
        404 => ApiError.NotFound($"There is nothing at {Path(context)}. GET /openapi/v1.json lists what there is."),
        405 => new(405, "method_not_allowed", $"{Path(context)} does not take {context.Request.Method}; it takes {Allowed(context)}."),
        415 => new(415, "content_type", "The content type of the body is not one that this endpoint reads; send application/json."),
        _ => new(status, "refused", "The request was refused."),
    };

    /// <summary>Faults of the connection or of the framing, found while the request was being read.</summary>
    public static ApiError Of(BadHttpRequestException fault, long maxBody) => fault.StatusCode switch
    {
        413 => BodyTooLarge(maxBody),
        408 => BodyTooSlow,
        415 => new(415, "content_type", "The content type of the body is not one that this endpoint reads; send application/json."),
        _ => new(fault.StatusCode, "malformed", "The request could not be read: " + fault.Message),
    };

    private static string Path(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        return path.Length <= 200 ? path : string.Concat(path.AsSpan(0, 200), "…");
    }

    private static string Allowed(HttpContext context) =>
        context.Response.Headers.Allow.Count > 0 ? context.Response.Headers.Allow.ToString() : "another method";
}
