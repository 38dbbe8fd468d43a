using System.Buffers;
using System.Net.Http.Headers;

namespace Weir.Inference.Relay;

/// <summary>A provider's answer that has begun well: its head, the first bytes of its body, and the rest still on the wire.</summary>
internal sealed class UpstreamAnswer(HttpResponseMessage response, Stream body, bool isStream) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(isStream ? 4096 : BodySize(response));
    private int _read;
    private int _skipped;

    /// <summary>Server-sent events, as opposed to one body.</summary>
    public bool IsStream { get; } = isStream;

    /// <summary>Nothing more is on the wire: <see cref="Head"/> is the whole body.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>What has been read of the body and not been passed on.</summary>
    public ReadOnlyMemory<byte> Head => _buffer.AsMemory(_skipped, _read - _skipped);

    public Stream Rest { get; } = body;

    public int Status => (int)response.StatusCode;

    public HttpResponseHeaders Headers => response.Headers;

    public HttpContentHeaders ContentHeaders => response.Content.Headers;

    /// <summary>A body that is packed is passed on as it is and not looked into.</summary>
    public bool IsPacked { get; } = response.Content.Headers.ContentEncoding.Count > 0;

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
        response.Dispose();
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // One byte more than announced, so that the read that finds the end needs no larger buffer.
    private static int BodySize(HttpResponseMessage response) =>
        (int)Math.Clamp((response.Content.Headers.ContentLength ?? 4095) + 1, 512, 64 * 1024);
}
