using System.Net;
using System.Text;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>
/// The connections to what stands behind doors: to remote resources and to other replicas. What comes back is what was said: no redirect is followed, nothing
/// is unpacked, no cookie kept, no proxy asked.
/// </summary>
internal sealed class Upstreams : IDisposable
{
    private readonly HttpMessageInvoker _invoker = new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        // For those who do not know that they are asked whether they want the body.
        Expect100ContinueTimeout = TimeSpan.FromMilliseconds(500),
        MaxResponseHeadersLength = 64,
        // Common servers close after 5 s of silence: a connection that is about to be closed is not tried.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(4),
        // Names are looked up again.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
        UseCookies = false,
        UseProxy = false,
    });

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => _invoker.SendAsync(request, cancellationToken);

    public void Dispose() => _invoker.Dispose();
}
