using System.Net;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Puts a bound on each message that a server answers, event by event where it streams.</summary>
internal sealed class BoundedResponses(HttpMessageHandler inner, int limit) : DelegatingHandler(inner)
{
    private volatile string? _fault;

    /// <summary>What was wrong with the last answer that was refused: who reads answers may not pass it on. Null: none was.</summary>
    public string? Fault => _fault;

    /// <summary>Told when a stream of announcements ends, by whoever's doing.</summary>
    public Action? Interrupted { get; set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.Content = new Bounded(response.Content, limit, fault => _fault = fault, request.Method == HttpMethod.Get ? () => Interrupted?.Invoke() : null);
        return response;
    }

    private sealed class Bounded : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly int _limit;
        private readonly Action<string> _refused;
        private readonly Action? _ended;

        public Bounded(HttpContent inner, int limit, Action<string> refused, Action? ended)
        {
            (_inner, _limit, _refused, _ended) = (inner, limit, refused, ended);
            // What is cut out makes it shorter than it was said to be.
            foreach (var (name, values) in inner.Headers.Where(header => !header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)))
                Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

        protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken)
        {
            var border = _inner.Headers.ContentType?.MediaType == "text/event-stream" ? MessageBorder.EmptyLine : MessageBorder.End;
            return new BoundedStream(await _inner.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), _limit, border, _refused, border == MessageBorder.EmptyLine ? _ended : null);
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
            length = -1;
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
