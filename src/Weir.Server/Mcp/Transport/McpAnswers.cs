using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ModelContextProtocol.Protocol;
using Weir.State.Texts;

namespace Weir.Server.Mcp.Transport;

internal static class McpAnswers
{
    /// <param name="context">The request; its answer has not begun.</param>
    /// <param name="fault">What is wrong.</param>
    /// <param name="id">The id of the message, where it could be read.</param>
    public static Task WriteFaultAsync(this HttpContext context, McpFault fault, RequestId id = default)
    {
        var response = context.Response;
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new JsonRpcError { Id = id, Error = new JsonRpcErrorDetail { Code = fault.Code, Message = fault.Message, Data = fault.Data } }, McpJson.Error);
        (response.StatusCode, response.ContentType, response.ContentLength) = (fault.Status, "application/json", body.Length);
        if (fault.RetryAfter is { } wait) response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>What follows is server-sent events, each sent as soon as it is written.</summary>
    public static void BeginEvents(this HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.ContentType = "text/event-stream";
        headers.CacheControl = "no-cache, no-store";
        headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }

    /// <summary>There is nothing to answer: the message was no request.</summary>
    public static void Accepted(this HttpContext context)
    {
        var response = context.Response;
        response.Headers.ContentType = default;
        response.StatusCode = StatusCodes.Status202Accepted;
        response.ContentLength = 0;
    }

    /// <summary>Reads one message.</summary>
    /// <returns>The message, or what is wrong with it; both where it is a message that may not be handed on.</returns>
    public static async ValueTask<(JsonRpcMessage? Message, McpFault? Fault)> ReadMessageAsync(this HttpRequest request, int most)
    {
        if (!request.HasJsonContentType())
            return (null, new McpFault(415, McpFault.Transport, "The body must be JSON: send 'Content-Type: application/json'."));
        if (request.ContentLength > most) return (null, TooLarge(most));

        using var held = new MemoryStream((int)(request.ContentLength ?? 0));
        var piece = new byte[8192];
        while (await request.Body.ReadAsync(piece, request.HttpContext.RequestAborted) is var read and > 0)
        {
            if (held.Length + read > most) return (null, TooLarge(most));
            held.Write(piece, 0, read);
        }

        try
        {
            var json = held.GetBuffer().AsMemory(0, (int)held.Length);
            if (JsonSerializer.Deserialize(json.Span, McpJson.Message) is not { } message) return (null, NoMessage);
            var fault = ForeignJson.MayBeNoText(json.Span) ? McpStrangeText.FaultOf(message, JsonElement.Parse(json.Span)) : null;
            return (message, fault ?? McpCallShape.FaultOf(message));
        }
        catch (JsonException fault)
        {
            return (null, ForeignJson.IsTooDeep(fault) ? TooDeep : NoMessage);
        }
    }

    private static readonly McpFault NoMessage = new(400, (int)ModelContextProtocol.McpErrorCode.InvalidRequest, "The body is not one JSON-RPC 2.0 message: an object with 'jsonrpc', and 'method', 'result' or 'error'.");

    private static readonly McpFault TooDeep = new(400, (int)ModelContextProtocol.McpErrorCode.InvalidRequest, ForeignJson.TooDeep(McpJson.Message.Options.MaxDepth is > 0 and var most ? most : 64).SentenceOf("The message"));

    private static McpFault TooLarge(int most) => new(413, McpFault.Transport, $"The message is larger than {most >> 20} MB, the most that is read.");
}
