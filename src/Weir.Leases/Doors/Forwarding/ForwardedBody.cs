using System.Net;
using Microsoft.AspNetCore.Http;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>A client's body on its way: read only when the connection to the other side stands, and never held.</summary>
internal sealed class ForwardedBody(HttpRequest request, TimeProvider time) : HttpContent
{
    /// <summary>Why the client's body could not be read to its end. Null: it could, as far as it was needed.</summary>
    public Exception? Fault { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        try
        {
            await StreamRelay.CopyAsync(request.Body, stream, idle: null, time, cancellationToken);
        }
        catch (BadHttpRequestException fault)
        {
            // Too large, too slow, or broken off: the server knows how to say so.
            Fault = fault;
            throw;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = request.ContentLength ?? 0;
        return request.ContentLength is not null;
    }
}
