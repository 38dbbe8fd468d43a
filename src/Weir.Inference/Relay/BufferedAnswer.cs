using System.Buffers;
using System.IO.Pipelines;

namespace Weir.Inference.Relay;

/// <summary>An answer that is kept in memory for whoever asked from inside the process.</summary>
/// <param name="maxBytes">The most that is kept: an answer that is longer ends as if its client had left, and <see cref="IsTooLarge"/> says so.</param>
public sealed class BufferedAnswer(int maxBytes) : IAnswer
{
    private readonly Writer _writer = new(maxBytes);

    /// <summary>Null until the answer has begun: where it never does, the report's error says why.</summary>
    public AnswerHead? Head { get; private set; }

    /// <summary>It broke off in the middle, and what is here is not all of it.</summary>
    public bool IsAborted { get; private set; }

    /// <summary>It was longer than allowed.</summary>
    public bool IsTooLarge => _writer.IsOver;

    public PipeWriter Body => _writer;

    /// <summary>What has come so far; all of it once the pipeline has returned.</summary>
    public ReadOnlyMemory<byte> Content => _writer.Content;

    public void Begin(in AnswerHead head) => Head = head;

    public void Abort() => IsAborted = true;

    private sealed class Writer(int maxBytes) : PipeWriter
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public bool IsOver { get; private set; }

        public ReadOnlyMemory<byte> Content => _bytes.WrittenMemory;

        public override void Advance(int bytes) => _bytes.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => _bytes.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _bytes.GetSpan(sizeHint);

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            IsOver |= _bytes.WrittenCount > maxBytes;
            return new(new FlushResult(isCanceled: false, isCompleted: IsOver));
        }
    }
}
