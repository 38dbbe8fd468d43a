using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Doors;
using Weir.State.Texts;

namespace Weir.Leases.Kinds;

/// <summary>Serves requests of a door as uses of the resource behind it: the path is the verb, the body its JSON.</summary>
internal static class KindServing
{
    /// <summary>The largest body of a use, in bytes.</summary>
    public const int LargestBody = 4 << 20;

    /// <summary>The most levels of one.</summary>
    public const int MostLevels = 64;

    public static async Task ServeAsync(ResourceKind kind, HttpContext context, LeasedResource resource)
    {
        var request = context.Request;
        JsonElement? body = null;
        if (!HttpMethods.IsGet(request.Method) && request.ContentLength is not 0)
        {
            var (read, fault) = await ReadAsync(request, context.RequestAborted).ConfigureAwait(false);
            if (fault is not null)
            {
                await AnswerAsync(context, KindReply.Failed(fault)).ConfigureAwait(false);
                return;
            }

            body = read;
        }

        var call = new KindCall(request.Path.Value!.Trim('/'), body) { Method = request.Method };
        await AnswerAsync(context, await kind.UseAsync(resource, call, context.RequestAborted).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private static async Task<(JsonElement? Body, LeaseError? Fault)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > LargestBody)
            return (null, TooLarge());
        using var held = new MemoryStream();
        var piece = new byte[8192];
        while (await request.Body.ReadAsync(piece, cancellationToken).ConfigureAwait(false) is var read and > 0)
        {
            if (held.Length + read > LargestBody)
                return (null, TooLarge());
            held.Write(piece, 0, read);
        }

        if (held.Length == 0)
            return (null, null);
        // No kind meets what it could neither read as text nor hand on.
        var (json, fault) = ForeignJson.Read(held.GetBuffer().AsSpan(0, (int)held.Length), MostLevels);
        return (json, fault is null ? null : new LeaseError(400, "malformed", fault.SentenceOf("The body")) { Param = fault.Path.Length == 0 ? null : fault.Path });
    }

    private static LeaseError TooLarge() => new(413, "too_large", $"The body is larger than {LargestBody >> 20} MB.");

    private static async Task AnswerAsync(HttpContext context, KindReply reply)
    {
        if (reply.Error is { } error)
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        var response = context.Response;
        (response.ContentType, response.ContentLength) = (reply.ContentType, reply.Body.Length);
        await response.Body.WriteAsync(reply.Body, context.RequestAborted).ConfigureAwait(false);
    }
}
