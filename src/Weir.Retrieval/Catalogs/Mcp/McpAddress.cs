using System.Net;
using System.Net.Sockets;
using ModelContextProtocol.Client;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>
/// A server behind a URL. One that a tenant named is reached only at public addresses, judged at each connection after its name was resolved, so
/// that no name leads into this network later; no proxy and no redirect is followed.
/// </summary>
internal sealed class McpAddress(IClientTransport transport, HttpClient http, BoundedResponses responses) : McpChannel(transport)
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    public override string? Fate => responses.Fault;

    public override void OnInterrupted(Action tell) => responses.Interrupted = tell;

    /// <param name="source">What is to be reached.</param>
    /// <param name="limits">How patiently.</param>
    /// <param name="resolve">The addresses of a host's name, asked at each connection to a server that is not trusted.</param>
    public static McpAddress Open(McpSource source, McpLimits limits, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = source.IsTrusted,
            ConnectTimeout = ConnectTimeout,
            ConnectCallback = source.IsTrusted ? null : (context, cancellationToken) => ConnectPublicAsync(context, resolve, cancellationToken),
            MaxResponseHeadersLength = 64,
        };
        var responses = new BoundedResponses(sockets, limits.MessageBytes);
        var client = new HttpClient(responses) { Timeout = Timeout.InfiniteTimeSpan };
        var transport = new HttpClientTransport(
            new HttpClientTransportOptions
            {
                Endpoint = new Uri(source.Url!),
                Name = source.Name,
                AdditionalHeaders = new Dictionary<string, string>(source.Headers),
                ConnectionTimeout = limits.ConnectWithin,
            },
            client);
        return new McpAddress(transport, client, responses);
    }

    public override ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async ValueTask<Stream> ConnectPublicAsync(
        SocketsHttpConnectionContext context, Func<string, CancellationToken, Task<IPAddress[]>> resolve, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await resolve(host, cancellationToken).ConfigureAwait(false);
        var allowed = Array.FindAll(addresses, PublicAddress.Is);
        if (allowed.Length == 0)
            throw new McpFaultException("Its address is not on the public internet: only an admin may name a server on loopback or in a private network.");

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
