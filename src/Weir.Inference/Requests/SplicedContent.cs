using System.Net;

namespace Weir.Inference.Requests;

/// <summary>
/// A request body as it came, with only some values replaced: no copy of it is made. Over HTTP/2 an answer may come, and its
/// request be over, while the body still waits for room: so the send itself holds the memory it sends from.
/// </summary>
internal sealed class SplicedContent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _body;
    private readonly PooledBody? _owner;
    private readonly CancellationToken _over;
    private readonly Splice _first;
    private readonly Splice? _second;
    private int _begun;
    private int _sent;

    /// <param name="body">The body as the client sent it.</param>
    /// <param name="owner">Whose memory it is; null: nobody's who would use it again.</param>
    /// <param name="first">What replaces the model name.</param>
    /// <param name="second">Another replacement, or null; the order in the body does not matter.</param>
    /// <param name="over">Cancelled when nobody waits for the answer any more: what is not sent by then need not be.</param>
    public SplicedContent(ReadOnlyMemory<byte> body, PooledBody? owner, Splice first, Splice? second = null, CancellationToken over = default)
    {
        _body = body;
        _owner = owner;
        _over = over;
        (_first, _second) = second is { } other && other.Start < first.Start ? (other, first) : (first, second);
        // A parsed value would be an object of its own for each request.
        Headers.TryAddWithoutValidation("Content-Type", "application/json");
    }

    /// <summary>It has been sent whole, and nothing sends it any more.</summary>
    public bool IsSent => Volatile.Read(ref _sent) is > 0 and var sent && sent == Volatile.Read(ref _begun);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _begun);
        if (_owner is not null && !_owner.TryHold())
        {
            throw new OperationCanceledException("The request is over.", _over);
        }

        try
        {
            // The connection cancels its own writes; this token ends those that outlive the attempt.
            var stop = _over.CanBeCanceled ? _over : cancellationToken;
            await stream.WriteAsync(_body[.._first.Start], stop).ConfigureAwait(false);
            await stream.WriteAsync(_first.Value, stop).ConfigureAwait(false);
            var rest = _first.End;
            if (_second is { } second)
            {
                await stream.WriteAsync(_body[rest..second.Start], stop).ConfigureAwait(false);
                await stream.WriteAsync(second.Value, stop).ConfigureAwait(false);
                rest = second.End;
            }

            await stream.WriteAsync(_body[rest..], stop).ConfigureAwait(false);
            Interlocked.Increment(ref _sent);
        }
        finally
        {
            _owner?.Release();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _body.Length + _first.Growth + (_second?.Growth ?? 0);
        return true;
    }
}

/// <summary>A piece of a body and what stands in its place.</summary>
internal readonly record struct Splice(int Start, int End, ReadOnlyMemory<byte> Value)
{
    public int Growth => Value.Length - (End - Start);

    public static Splice Of(Range place, ReadOnlyMemory<byte> value) => new(place.Start.Value, place.End.Value, value);
}
