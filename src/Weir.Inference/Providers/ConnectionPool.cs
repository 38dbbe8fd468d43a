using System.Net;
using System.Net.Security;

namespace Weir.Inference.Providers;

/// <summary>
/// The connections to one provider, shared by every request to it. A connection lives no longer than its lifetime, so that a
/// changed DNS entry is followed.
/// </summary>
internal sealed class ConnectionPool : IDisposable
{
    private readonly HttpMessageInvoker _invoker;

    public ConnectionPool(ConnectionSettings settings)
    {
        Settings = settings;
        var secure = settings.BaseUrl.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        (Version, VersionPolicy) = settings.Http2 switch
        {
            Http2Mode.On => (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact),
            Http2Mode.Auto when secure => (HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower),
            _ => (HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact),
        };
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectTimeout = settings.Connect,
            MaxConnectionsPerServer = settings.Max,
            PooledConnectionIdleTimeout = settings.Idle,
            PooledConnectionLifetime = settings.Lifetime,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            // An answer is passed on as it came: nothing is followed, kept, unpacked or traced on its way.
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            SslOptions = new SslClientAuthenticationOptions(),
        });
    }

    public ConnectionSettings Settings { get; }

    public Version Version { get; }

    public HttpVersionPolicy VersionPolicy { get; }

    /// <summary>Returns when the head of the answer is there; its body is still on the wire.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        _invoker.SendAsync(request, cancellationToken);

    public void Dispose() => _invoker.Dispose();
}
