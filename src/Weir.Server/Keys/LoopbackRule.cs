using System.Net;
using Microsoft.AspNetCore.Http;

namespace Weir.Server.Keys;

/// <summary>
/// When a request may come without a key: the server listens on loopback, the peer is this machine, and nothing says that the
/// request was passed on for somebody else or made by a page from elsewhere (a rebound DNS name shows in <c>Host</c>, a foreign page in <c>Origin</c>).
/// </summary>
internal static class LoopbackRule
{
    /// <summary>Whether a server that listens at <paramref name="url"/> can be reached from this machine alone.</summary>
    /// <remarks>What cannot be read as an address with a host (<c>http://*:80</c>) can be reached from anywhere.</remarks>
    public static bool IsLoopback(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && IsLoopbackHost(uri.Host);

    public static bool Allows(HttpContext context)
    {
        var peer = context.Connection.RemoteIpAddress;
        if (peer is not null && !IPAddress.IsLoopback(peer)) return false;

        var headers = context.Request.Headers;
        if (headers.ContainsKey("Forwarded") || headers.ContainsKey("X-Forwarded-For") || headers.ContainsKey("X-Forwarded-Host") || headers.ContainsKey("X-Real-IP"))
            return false;

        if (!IsLoopbackHost(context.Request.Host.Host)) return false;

        var origin = headers.Origin;
        return origin.Count == 0
            || (origin.Count == 1 && Uri.TryCreate(origin[0], UriKind.Absolute, out var page) && IsLoopbackHost(page.Host));
    }

    private static bool IsLoopbackHost(string host)
    {
        if (host == "127.0.0.1" || string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)) return true;
        if (host is ['[', .., ']']) host = host[1..^1];
        // Only dotted or colon forms: IPAddress also takes "127.1" and plain numbers, which nobody sends in good faith.
        return (host.Count(c => c == '.') == 3 || host.Contains(':')) && IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);
    }
}
