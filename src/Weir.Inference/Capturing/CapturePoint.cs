using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Capturing;

/// <summary>Where pairs of request and answer are taken off the gateway, once somebody asks for them. Costs one read of a field while nobody does.</summary>
public sealed class CapturePoint
{
    /// <summary>The most that is kept of one body; what is longer is cut and marked.</summary>
    public const int MostOfOne = 1 << 20;

    /// <summary>The most that all bodies together may hold which are captured and not yet written.</summary>
    public const long MostOfAll = 64L << 20;

    private volatile ICaptureSink? _sink;
    private long _held;

    /// <summary>Who takes what is captured from now on. Null: nothing is.</summary>
    public ICaptureSink? Sink
    {
        get => _sink;
        set => _sink = value;
    }

    /// <summary>Bytes captured and not yet written.</summary>
    public long Held => Volatile.Read(ref _held);

    /// <summary>Gives back what an exchange held: whoever has written or dropped it says so.</summary>
    public void Release(CapturedExchange exchange)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        Release(exchange.Held);
    }

    internal void Release(long bytes) => Interlocked.Add(ref _held, -bytes);

    /// <summary>Listens in on an answer. Null: nobody wants it.</summary>
    internal CapturedAnswer? Tap(string route, InferenceRequest request, IAnswer answer) =>
        _sink is { } sink && sink.Wants(route) ? new CapturedAnswer(this, sink, request, answer) : null;

    internal bool TryHold(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= MostOfAll)
        {
            return true;
        }

        Interlocked.Add(ref _held, -bytes);
        return false;
    }
}

/// <summary>Takes what is captured. Called on the request's way: it must neither wait nor throw.</summary>
public interface ICaptureSink
{
    bool Wants(string route);

    void Take(CapturedExchange exchange);
}

/// <summary>A request and its answer. Without headers: no key is among what is captured.</summary>
/// <param name="Request">What was asked, and by whom.</param>
/// <param name="Report">What became of it.</param>
/// <param name="RequestBody">The client's bytes, as far as they were kept.</param>
/// <param name="AnswerBody">What went to the client, of a stream all its events; empty where the answer was an error of ours.</param>
/// <param name="Took">From the reading of the request to the end of its answer.</param>
public sealed record CapturedExchange(
    InferenceRequest Request, InferenceReport Report, ReadOnlyMemory<byte> RequestBody, ReadOnlyMemory<byte> AnswerBody, TimeSpan Took)
{
    /// <summary>The request was longer than is kept.</summary>
    public bool IsRequestCut { get; init; }

    /// <summary>The answer was longer than is kept.</summary>
    public bool IsAnswerCut { get; init; }

    internal long Held { get; init; }
}
