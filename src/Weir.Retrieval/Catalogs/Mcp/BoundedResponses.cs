using System.Net;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Puts a bound on each message that a server answers, event by event where it streams.</summary>
internal sealed class BoundedResponses(HttpMessageHandler inner, int limit) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.Content = new Bounded(response.Content, limit);
        return response;
    }

    private sealed class Bounded : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly int _limit;

        public Bounded(HttpContent inner, int limit)
        {
            (_inner, _limit) = (inner, limit);
            foreach (var (name, values) in inner.Headers)
                Headers.TryAddWithoutValidation(name, values);
        }

        protected override async Task<Stream> CreateContentReadStreamAsync()
        {
            var border = _inner.Headers.ContentType?.MediaType == "text/event-stream" ? MessageBorder.EmptyLine : MessageBorder.End;
            return new BoundedStream(await _inner.ReadAsStreamAsync().ConfigureAwait(false), _limit, border);
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var content = await CreateContentReadStreamAsync().ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
                await content.CopyToAsync(stream).ConfigureAwait(false);
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
