using System.Buffers;
using System.IO.Pipelines;
using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Capturing;

/// <summary>Passes an answer on as it comes and keeps a copy.</summary>
internal sealed class CapturedAnswer(CapturePoint point, ICaptureSink sink, InferenceRequest request, IAnswer inner) : IAnswer
{
    private CopyingWriter? _body;

    public PipeWriter Body => _body ??= new CopyingWriter(point, inner.Body);

    public void Begin(in AnswerHead head) => inner.Begin(head);

    public void Abort() => inner.Abort();

    /// <summary>Hands over what was kept, once nothing more comes and while the request's memory is still its own.</summary>
    public void End(InferenceReport report, TimeSpan took)
    {
        var length = Math.Min(request.Body.Length, CapturePoint.MostOfOne);
        var asked = point.TryHold(length) ? request.Body[..length].ToArray() : [];
        sink.Take(new CapturedExchange(request, report, asked, _body?.Copy ?? default, took)
        {
            IsRequestCut = asked.Length < request.Body.Length,
            IsAnswerCut = _body?.IsCut ?? false,
            Held = asked.Length + (_body?.Held ?? 0),
        });
    }

    /// <summary>Lets go of what was kept of a request that has failed by a fault of ours.</summary>
    public void Drop() => point.Release(_body?.Held ?? 0);

    private sealed class CopyingWriter(CapturePoint point, PipeWriter inner) : PipeWriter
    {
        private readonly ArrayBufferWriter<byte> _copy = new();
        private Memory<byte> _given;

        public bool IsCut { get; private set; }

        public long Held => _copy.WrittenCount;

        public ReadOnlyMemory<byte> Copy => _copy.WrittenMemory;

        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => _given = inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override void Advance(int bytes)
        {
            if (!IsCut)
            {
                var kept = Math.Min(bytes, CapturePoint.MostOfOne - _copy.WrittenCount);
                if (point.TryHold(kept))
                {
                    _copy.Write(_given.Span[..kept]);
                    IsCut = kept < bytes;
                }
                else
                {
                    IsCut = true;
                }
            }

            _given = _given[bytes..];
            inner.Advance(bytes);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);
    }
}
