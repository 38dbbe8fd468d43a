using System.Net;
using System.Net.Http.Headers;

namespace Weir.Inference.Requests;

/// <summary>A request body as it came, with only some values replaced: no copy of it is made.</summary>
internal sealed class SplicedContent : HttpContent
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly ReadOnlyMemory<byte> _body;
    private readonly Splice _first;
    private readonly Splice? _second;

    /// <param name="body">The body as the client sent it.</param>
    /// <param name="first">What replaces the model name.</param>
    /// <param name="second">Another replacement, or null; the order in the body does not matter.</param>
    public SplicedContent(ReadOnlyMemory<byte> body, Splice first, Splice? second = null)
    {
        _body = body;
        (_first, _second) = second is { } other && other.Start < first.Start ? (other, first) : (first, second);
        Headers.ContentType = Json;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_body[.._first.Start], cancellationToken).ConfigureAwait(false);
        await stream.WriteAsync(_first.Value, cancellationToken).ConfigureAwait(false);
        var rest = _first.End;
        if (_second is { } second)
        {
            await stream.WriteAsync(_body[rest..second.Start], cancellationToken).ConfigureAwait(false);
            await stream.WriteAsync(second.Value, cancellationToken).ConfigureAwait(false);
            rest = second.End;
        }

        await stream.WriteAsync(_body[rest..], cancellationToken).ConfigureAwait(false);
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
