using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Weir.Leases.Doors;

/// <summary>A request as it came to a door: a feature of its context.</summary>
/// <param name="Prefix">The door's own path: <c>/doors/rag.3</c>.</param>
/// <param name="Path">What follows it, exactly as it was sent: empty, or beginning with a slash.</param>
/// <param name="Query">Empty, or beginning with a question mark.</param>
internal sealed record DoorRequest(string Prefix, string Path, string Query)
{
    /// <summary>Carries the token where Authorization cannot.</summary>
    public const string TokenHeader = "x-weir-token";

    /// <summary>A browser names the token as a protocol, since it cannot set headers of a WebSocket.</summary>
    public const string TokenProtocol = "weir.token.";

    /// <summary>What the browser names beside it, so that there is one that can be chosen.</summary>
    public const string PlainProtocol = "weir";

    /// <returns>Null: the path is not one that may be handed on.</returns>
    public static DoorRequest? Read(HttpContext context, string resourceId)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        if (string.IsNullOrEmpty(raw))
            raw = context.Request.Path.ToUriComponent() + context.Request.QueryString.ToUriComponent();
        // Not the absolute form, which names a host; no fragment; nothing that would have to be escaped.
        if (raw[0] != '/' || raw.AsSpan().ContainsAnyExceptInRange('!', '~') || raw.Contains('#', StringComparison.Ordinal))
            return null;
        var queryAt = raw.IndexOf('?', StringComparison.Ordinal);
        var (path, query) = queryAt < 0 ? (raw, "") : (raw[..queryAt], raw[queryAt..]);
        if (!path.StartsWith(ResourceDoors.Root, StringComparison.OrdinalIgnoreCase))
            return null;
        var idEnd = path.IndexOf('/', ResourceDoors.Root.Length);
        if (idEnd < 0)
            idEnd = path.Length;
        return Uri.UnescapeDataString(path[ResourceDoors.Root.Length..idEnd]) == resourceId && !Climbs(path)
            ? new DoorRequest(path[..idEnd], path[idEnd..], query)
            : null;
    }

    /// <summary>The token that the request carries, which is taken out of it. Never one of the query: those are logged everywhere.</summary>
    public static string? TakeToken(HttpRequest request)
    {
        var headers = request.Headers;
        var own = headers[TokenHeader];
        var authorization = headers.Authorization;
        headers.Remove(TokenHeader);
        headers.Remove("Authorization");
        var offered = TakeProtocols(headers);
        if (own.Count == 1)
            return own[0];
        return authorization.Count == 1 && AuthenticationHeaderValue.TryParse(authorization[0], out var value) && value.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)
            ? value.Parameter
            : offered;
    }

    private static string? TakeProtocols(IHeaderDictionary headers)
    {
        var offered = headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol");
        if (!Array.Exists(offered, IsToken))
            return null;
        var rest = Array.FindAll(offered, protocol => !IsToken(protocol));
        if (rest.Length > 0)
            headers.SecWebSocketProtocol = string.Join(", ", rest);
        else
            headers.Remove("Sec-WebSocket-Protocol");
        return Array.Find(offered, IsToken)![TokenProtocol.Length..];
    }

    private static bool IsToken(string protocol) => protocol.StartsWith(TokenProtocol, StringComparison.Ordinal);

    /// <summary>Whether any part of a path is <c>.</c> or <c>..</c>, escaped or not: what stands behind it might take that for a way out.</summary>
    private static bool Climbs(string path)
    {
        foreach (var segment in path.Split('/'))
        {
            var plain = segment.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(segment) : segment;
            if (plain.Split('/', '\\').Any(part => part is "." or ".."))
                return true;
        }

        return false;
    }
}
