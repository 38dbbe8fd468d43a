using System.IO.Pipelines;
using Weir.Inference.Requests;

namespace Weir.Inference.Relay;

/// <summary>
/// An answer whose client hears a comment line in every silence of a stream, from the first moment on: while the request queues, is tried again
/// elsewhere, or its provider thinks. A comment is no part of the answer, so that all of that goes on; but with the first one status 200 is
/// committed, and what goes wrong afterwards becomes an error event.
/// </summary>
/// <remarks>
/// Whatever reaches the inner answer does so under one lock: what the relay writes is gathered here and passed on when it flushes, and the
/// beat, which waits for nobody, writes only between two flushes and at the border of an event.
/// </remarks>
internal sealed class HeartbeatAnswer : IAnswer, IDisposable
{
    private static readonly byte[] Beat = ": heartbeat\n\n"u8.ToArray();

    private readonly IAnswer _inner;
    private readonly IAnswer _client;
    private readonly Operation _operation;
    private readonly TimeSpan _every;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _one = new(1);
    private readonly CancellationTokenSource _stop;
    private readonly HeldWriter _writer;
    private readonly Task _beating;
    private AnswerHead? _head;
    private long _lastSent;
    private bool _isCommitted;
    private bool _isLost;
    private volatile bool _mayBeat = true;

    /// <param name="inner">Gets the answer on its way to the client.</param>
    /// <param name="client">Gets the beats, which nobody on that way keeps; <paramref name="inner"/> itself where nobody is.</param>
    /// <param name="operation">What it asked for: the shape of error events.</param>
    /// <param name="every">Above zero.</param>
    /// <param name="time">The clock.</param>
    /// <param name="clientGone">Cancelled when nobody listens any more.</param>
    public HeartbeatAnswer(IAnswer inner, IAnswer client, Operation operation, TimeSpan every, TimeProvider time, CancellationToken clientGone)
    {
        (_inner, _client, _operation, _every, _time) = (inner, client, operation, every, time);
        _lastSent = time.GetTimestamp();
        _writer = new HeldWriter(SendAsync);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(clientGone);
        _beating = BeatAsync(_stop.Token);
    }

    /// <summary>A beat was the first thing that went to the client: what came after it had no status and no headers of its own.</summary>
    public bool WasEarly { get; private set; }

    public PipeWriter Body => _writer;

    /// <summary>Keeps the head until the first byte goes: a beat may have been faster.</summary>
    public void Begin(in AnswerHead head)
    {
        _mayBeat &= IsPlainStream(head);
        _head = head;
    }

    public void Abort()
    {
        _isLost = true;
        _inner.Abort();
    }

    /// <summary>Ends the beat and passes on what is still held.</summary>
    /// <param name="error">What the client is to be told instead of an answer; null: nothing.</param>
    /// <returns>The same error where nothing has gone to the client, so that it can still have a status of its own.</returns>
    public async ValueTask<InferenceError?> EndAsync(InferenceError? error)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _beating.ConfigureAwait(false);
        if (!_isCommitted)
        {
            Commit();
            return error;
        }

        if (_isLost || (error is null && !_writer.IsRejected))
        {
            return null;
        }

        var (code, message) = error is not null ? (error.Code, error.Message) : _writer.Rejection();
        StreamError.Write(_operation, code, message, _inner.Body);
        try
        {
            await _inner.Body.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client has left: there is nobody to tell.
        }

        return null;
    }

    public void Dispose()
    {
        _stop.Dispose();
        _one.Dispose();
    }

    private static bool IsPlainStream(in AnswerHead head) =>
        head.Status is >= 200 and < 300
        && head.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) == true
        && head.Passed?.Any(header => header.Key == "content-encoding") != true;

    // What the relay has begun: the client's answer begins with it, unless a beat was first.
    private void Commit()
    {
        if (_head is { } head && !_isCommitted)
        {
            _inner.Begin(head);
            _isCommitted = true;
        }
    }

    private async Task BeatAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var left = _every - _time.GetElapsedTime(Volatile.Read(ref _lastSent));
                if (left > TimeSpan.Zero)
                {
                    await Task.Delay(left, _time, stop).ConfigureAwait(false);
                }
                else if (!await TryBeatAsync(stop).ConfigureAwait(false))
                {
                    return;
                }
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            // The answer is over, or its client has left, which whoever writes next finds too.
        }
    }

    // False: nobody listens, or the answer is of a kind that has no comments.
    private async ValueTask<bool> TryBeatAsync(CancellationToken stop)
    {
        if (await _one.WaitAsync(0, CancellationToken.None).ConfigureAwait(false))
        {
            try
            {
                if (!_mayBeat)
                {
                    return false;
                }

                // A head that is held has its first byte on the way.
                if (_writer.AtBorder && (_isCommitted || _head is null))
                {
                    if (!_isCommitted)
                    {
                        // Who will answer is not known yet.
                        _inner.Begin(new AnswerHead(200, "text/event-stream", null, new InferenceReport()));
                        (_isCommitted, WasEarly) = (true, true);
                    }

                    if ((await _client.Body.WriteAsync(Beat, stop).ConfigureAwait(false)).IsCompleted)
                    {
                        return false;
                    }
                }
            }
            finally
            {
                _one.Release();
            }
        }

        Volatile.Write(ref _lastSent, _time.GetTimestamp());
        return true;
    }

    private async ValueTask<FlushResult> SendAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_head is { } head && _isCommitted && !IsPlainStream(head))
            {
                return _writer.Reject(head.Status);
            }

            Commit();
            _writer.MoveTo(_inner.Body);
            Volatile.Write(ref _lastSent, _time.GetTimestamp());
            var flushed = await _inner.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _lastSent, _time.GetTimestamp());
            return flushed;
        }
        finally
        {
            _one.Release();
        }
    }
}
