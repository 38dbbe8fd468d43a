using System.Net;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Puts a bound on each message that a server answers, event by event where it streams.</summary>
internal sealed class BoundedResponses(HttpMessageHandler inner, int limit) : DelegatingHandler(inner)
{
    private volatile string? _fault;

    /// <summary>What was wrong with the last answer that was refused: who reads answers may not pass it on. Null: none was.</summary>
    public string? Fault => _fault;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.Content = new Bounded(response.Content, limit, fault => _fault = fault);
        return response;
    }

    private sealed class Bounded : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly int _limit;
        private readonly Action<string> _refused;

        public Bounded(HttpContent inner, int limit, Action<string> refused)
        {
            (_inner, _limit, _refused) = (inner, limit, refused);
            foreach (var (name, values) in inner.Headers)
                Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

        protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken)
        {
            var border = _inner.Headers.ContentType?.MediaType == "text/event-stream" ? MessageBorder.EmptyLine : MessageBorder.End;
            return new BoundedStream(await _inner.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), _limit, border, _refused);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        // Without the token, who stops reading would leave the connection open for as long as the server likes.
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            var content = await CreateContentReadStreamAsync(cancellationToken).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
                await content.CopyToAsync(stream, cancellationToken).ConfigureAwait(false);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _inner.Headers.ContentLength ?? -1;
            return length >= 0;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
