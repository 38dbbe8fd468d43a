using System.Buffers;
using System.IO.Pipelines;
using Weir.Inference.Attempts;

namespace Weir.Inference.Relay;

/// <summary>What has been written since the last flush, and whether what was passed on ends at the border of an event.</summary>
internal sealed class HeldWriter(Func<CancellationToken, ValueTask<FlushResult>> send) : PipeWriter
{
    // Of the body of an answer that came too late to have a status of its own.
    private const int LargestRejected = 64 * 1024;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private bool _atLineStart = true;
    private int _rejected;

    public bool AtBorder { get; private set; } = true;

    /// <summary>An answer came that the client can no longer be given as it is.</summary>
    public bool IsRejected => _rejected != 0;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _bytes.WrittenCount;

    public override void Advance(int bytes) => _bytes.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => _bytes.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _bytes.GetSpan(sizeHint);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => send(cancellationToken);

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }

    /// <summary>Passes on what is held.</summary>
    public void MoveTo(PipeWriter inner)
    {
        var bytes = _bytes.WrittenSpan;
        inner.Write(bytes);
        Look(bytes);
        _bytes.ResetWrittenCount();
    }

    /// <summary>Keeps what is held for <see cref="Rejection"/>; past a bound nobody listens any more.</summary>
    public FlushResult Reject(int status)
    {
        _rejected = status;
        return new FlushResult(isCanceled: false, isCompleted: _bytes.WrittenCount > LargestRejected);
    }

    /// <summary>What the client is told of an answer that it cannot be given.</summary>
    public (string Code, string Message) Rejection()
    {
        var said = _rejected is >= 200 and < 300 ? null : ProviderError.Parse(_bytes.WrittenSpan).Message;
        return ("provider_rejected", $"The provider answered {_rejected}{(said is null ? ", after the stream to you had begun." : $": {said}")}");
    }

    // The last four bytes tell, or all of them after what went before.
    private void Look(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 4)
        {
            (_atLineStart, AtBorder) = (false, false);
            bytes = bytes[^4..];
        }

        foreach (var one in bytes)
        {
            if (one == (byte)'\n')
            {
                (AtBorder, _atLineStart) = (_atLineStart, true);
            }
            else if (one != (byte)'\r')
            {
                (AtBorder, _atLineStart) = (false, false);
            }
        }
    }
}
