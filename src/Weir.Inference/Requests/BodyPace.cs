using System.IO.Pipelines;

namespace Weir.Inference.Requests;

/// <summary>
/// Demands that a body keeps coming: in each window at least so many bytes. An average since the start, such as the web server's,
/// lets a client that began fast stay silent for hours.
/// </summary>
public sealed class BodyPace : IDisposable
{
    /// <summary>The least, measured over each <see cref="Window"/>.</summary>
    public const int BytesPerSecond = 240;

    /// <summary>How long a client may send nothing at all.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private const int Going = 0;
    private const int Slow = 1;
    private const int Ended = 2;

    private static readonly long LeastInWindow = (long)(BytesPerSecond * Window.TotalSeconds);

    private readonly PipeReader _reader;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _came;
    private long _cameBefore;
    private long _lookedAt;
    private int _state;

    internal BodyPace(PipeReader reader, TimeProvider time)
    {
        (_reader, _time) = (reader, time);
        _lookedAt = time.GetTimestamp();
        _timer = time.CreateTimer(static pace => ((BodyPace)pace!).Look(), this, Window, Window);
    }

    internal void Came(long bytes) => Volatile.Write(ref _came, _came + bytes);

    /// <summary>False where the body was found too slow before: its reader is then cancelled, or about to be.</summary>
    internal bool TryEnd() => Interlocked.CompareExchange(ref _state, Ended, Going) == Going;

    /// <summary>From here on the reader is left alone, unless the body was found too slow.</summary>
    public void Dispose()
    {
        TryEnd();
        _timer.Dispose();
    }

    private void Look()
    {
        var (came, now) = (Volatile.Read(ref _came), _time.GetTimestamp());
        // A process that stood still has not read what came meanwhile.
        var late = _time.GetElapsedTime(_lookedAt, now) > 1.5 * Window;
        var slow = came - _cameBefore < LeastInWindow;
        (_cameBefore, _lookedAt) = (came, now);
        if (slow && !late && Interlocked.CompareExchange(ref _state, Slow, Going) == Going)
        {
            _reader.CancelPendingRead();
        }
    }
}
