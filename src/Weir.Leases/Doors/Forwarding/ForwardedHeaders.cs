using System.Buffers;
using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>Which headers go on, and what is said instead of those that do not.</summary>
internal static class ForwardedHeaders
{
    // Of one connection alone (RFC 9110, 7.6.1), or remade by whoever sends.
    private static readonly string[] OfConnection =
    [
        "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Content-Length",
    ];

    // Rights of the client here are nobody's behind the door.
    private static readonly FrozenSet<string> NotSent = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        [.. OfConnection, "Host", "Expect", "Trailer", "Authorization", "x-api-key", "Cookie", "Forwarded", "X-Real-IP", "Sec-WebSocket-Protocol"]);

    private static readonly FrozenSet<string> NotAnswered = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, [.. OfConnection, "Alt-Svc", "Trailer", "Location", "Set-Cookie", "x-request-id"]);

    private static readonly SearchValues<char> Unspeakable = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Select(c => (char)c), '\u007f', '\ufffd']);

    private static readonly FrozenSet<string> OfContent = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        ["Allow", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Location", "Content-MD5", "Content-Range", "Content-Type", "Expires", "Last-Modified"]);

    /// <summary>The head of the request that goes on.</summary>
    public static void Send(HttpContext context, DoorRequest door, ForwardTarget target, HttpRequestMessage message)
    {
        var request = context.Request;
        var named = NamedIn(request.Headers.Connection);
        foreach (var (name, values) in request.Headers)
        {
            if (NotSent.Contains(name) || named.Contains(name) || target.Headers.ContainsKey(name)
                || name.StartsWith("x-weir-", StringComparison.OrdinalIgnoreCase) || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
                continue;
            Add(message, name, values);
        }

        if (CookiesOf(request.Headers.Cookie) is { } cookies)
            Add(message, "Cookie", cookies);
        Add(message, "X-Forwarded-For", context.Connection.RemoteIpAddress?.ToString() ?? "unknown");
        Add(message, "X-Forwarded-Proto", request.Scheme);
        Add(message, "X-Forwarded-Host", request.Host.Value ?? "");
        Add(message, "X-Forwarded-Prefix", door.Prefix);
        foreach (var (name, value) in target.Headers)
            Add(message, name, value);
    }

    /// <summary>The head of the answer that goes back.</summary>
    public static void Answer(HttpResponseMessage message, HttpResponse response, DoorRequest door, ForwardTarget target)
    {
        var named = NamedIn(message.Headers.Connection.ToArray());
        var length = message.Content.Headers.ContentLength;
        Copy(message.Headers.NonValidated);
        Copy(message.Content.Headers.NonValidated);
        if (message.Headers.NonValidated.TryGetValues("Location", out var location))
            Set("Location", target.ThroughDoor(location.ToString(), message.RequestMessage!.RequestUri!, door.Prefix) ?? location.ToString());
        if (message.Headers.NonValidated.TryGetValues("Set-Cookie", out var cookies))
            Set("Set-Cookie", cookies.Select(cookie => CookieOfDoor(cookie, door.Prefix)).ToArray());
        if (length is not null && (int)message.StatusCode is not (204 or < 200))
            response.ContentLength = length;

        void Copy(HttpHeadersNonValidated headers)
        {
            foreach (var (name, values) in headers)
            {
                if (!NotAnswered.Contains(name) && !named.Contains(name))
                    Set(name, values.ToArray());
            }
        }

        // What is no UTF-8 cannot be said again as it was, and what would forge a line is refused by the server.
        void Set(string name, StringValues values)
        {
            var fit = values.Where(value => value is not null && !value.AsSpan().ContainsAny(Unspeakable)).ToArray();
            if (fit.Length > 0)
                response.Headers[name] = fit;
        }
    }

    private static void Add(HttpRequestMessage message, string name, StringValues values)
    {
        if (OfContent.Contains(name))
            message.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        else
            message.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
    }

    private static HashSet<string> NamedIn(StringValues connection)
    {
        var named = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var value in connection)
            named.UnionWith(value!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        return named;
    }

    /// <summary>Cookies without those of Weir itself. Null: none is left.</summary>
    private static string? CookiesOf(StringValues sent)
    {
        var kept = sent.SelectMany(line => line!.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Where(cookie => !cookie.StartsWith("weir", StringComparison.OrdinalIgnoreCase));
        return string.Join("; ", kept) is { Length: > 0 } line ? line : null;
    }

    /// <summary>A cookie is its door's alone: all doors share one host.</summary>
    private static string CookieOfDoor(string cookie, string prefix)
    {
        var parts = cookie.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var kept = parts.Where((part, at) => at == 0 || !(part.StartsWith("Path", StringComparison.OrdinalIgnoreCase) || part.StartsWith("Domain", StringComparison.OrdinalIgnoreCase)));
        return string.Join("; ", kept.Append("Path=" + prefix));
    }
}
