using System.Buffers;
using System.Net.Http.Headers;
using Weir.Inference.Requests;

namespace Weir.Inference.Relay;

/// <summary>A provider's answer that has begun well: its head, the first bytes of its body, and the rest still on the wire.</summary>
internal sealed class UpstreamAnswer : IDisposable
{
    private const int StreamSize = 4096;

    private readonly HttpResponseMessage _response;
    private byte[] _buffer;
    private int _read;
    private int _skipped;

    public UpstreamAnswer(HttpResponseMessage response)
    {
        _response = response;
        ContentType = Raw(response, "Content-Type");
        ContentLength = response.Content.Headers.ContentLength;
        Packing = Raw(response, "Content-Encoding");
        IsStream = ContentType is not null && ContentType.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);
        // What comes from the pool is a stream already: nothing is read here, and nothing blocks.
        Rest = response.Content.ReadAsStream();
        _buffer = ArrayPool<byte>.Shared.Rent(IsStream ? StreamSize : BodySize(ContentLength));
    }

    /// <summary>Server-sent events, as opposed to one body.</summary>
    public bool IsStream { get; }

    /// <summary>Nothing more is on the wire: <see cref="Head"/> is the whole body.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>What has been read of the body and not been passed on.</summary>
    public ReadOnlyMemory<byte> Head => _buffer.AsMemory(_skipped, _read - _skipped);

    public Stream Rest { get; }

    public int Status => (int)_response.StatusCode;

    public HttpResponseHeaders Headers => _response.Headers;

    /// <summary>As the provider wrote it; null where it gave none.</summary>
    public string? ContentType { get; }

    /// <summary>As the provider announced it; null where it did not.</summary>
    public long? ContentLength { get; }

    /// <summary>How the body is packed; null where it is not. A packed one is passed on as it is and not looked into.</summary>
    public string? Packing { get; }

    public bool IsPacked => Packing is not null;

    /// <summary>The body in the client's dialect; null where it is the provider's, or a stream.</summary>
    public PooledWriter? Translated { get; set; }

    /// <summary>From the sending of the request to the first event, or to the head where nothing streams.</summary>
    public TimeSpan FirstEvent { get; set; }

    /// <summary>Reads once more into the head, which grows to <paramref name="most"/> bytes at the most.</summary>
    /// <returns>False when the head is full or the body has ended, which <see cref="IsWhole"/> tells.</returns>
    public async ValueTask<bool> ReadMoreAsync(int most, CancellationToken cancellationToken)
    {
        if (_read == _buffer.Length)
        {
            if (_buffer.Length >= most)
            {
                return false;
            }

            var larger = ArrayPool<byte>.Shared.Rent(Math.Min(_buffer.Length * 2, most));
            _buffer.AsSpan(0, _read).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        var count = await Rest.ReadAsync(_buffer.AsMemory(_read), cancellationToken).ConfigureAwait(false);
        _read += count;
        IsWhole |= count == 0;
        return count > 0;
    }

    /// <summary>Leaves out what the client has no need of.</summary>
    public void Skip(int count) => _skipped += count;

    public void Dispose()
    {
        _response.Dispose();
        Translated?.Dispose();
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // One byte more than announced, so that the read that finds the end needs no larger buffer.
    private static int BodySize(long? announced) => (int)Math.Clamp((announced ?? (StreamSize - 1)) + 1, 512, 64 * 1024);

    // Unread by the framework's parsers, which would make objects of them.
    private static string? Raw(HttpResponseMessage response, string name) =>
        response.Content.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;
}
