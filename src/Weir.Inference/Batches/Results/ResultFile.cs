using System.IO.Pipelines;
using Weir.State;

namespace Weir.Inference.Batches.Results;

/// <summary>
/// Makes a file of a batch's log: each line once, in the order of the input as far as a bounded look-ahead can restore it. It is read
/// from the log and written to the blob at the same time, and never held whole.
/// </summary>
internal sealed class ResultFile(ILogStore logs, BlobDrafts drafts, string log, BatchTally tally, LineKind kind)
{
    private const long LookAhead = 32L << 20;
    private const int FlushBytes = 64 * 1024;

    private readonly SortedDictionary<int, ReadOnlyMemory<byte>> _held = [];
    private readonly bool[] _written = new bool[tally.Lines + 2];
    private long _heldBytes;
    private long _bytes;
    private int _next = 1;

    /// <returns>Null where no line goes into it.</returns>
    public async Task<(string Blob, long Bytes)?> WriteAsync(CancellationToken cancellationToken)
    {
        if ((kind == LineKind.Output ? tally.Completed : tally.Failed) == 0)
        {
            return null;
        }

        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19, useSynchronizationContext: false));
        var composing = ComposeAsync(pipe.Writer, cancellationToken);
        string blob;
        try
        {
            blob = await drafts.WriteAsync(pipe.Reader.AsStream(leaveOpen: true), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await composing.ConfigureAwait(false);
        }

        return (blob, _bytes);
    }

    // A fault ends the pipe with it, and so reaches whoever reads.
    private async Task ComposeAsync(PipeWriter output, CancellationToken cancellationToken)
    {
        Exception? fault = null;
        try
        {
            Advance();
            await foreach (var record in logs.ReadAsync(log, 0, cancellationToken).ConfigureAwait(false))
            {
                var result = LineRecord.Decode(record);
                if (result.Kind == kind && tally.KindOf(result.Line) == kind && !_written[result.Line] && _held.TryAdd(result.Line, result.Text))
                {
                    _heldBytes += result.Text.Length;
                    Release(output, LookAhead);
                }

                if (output.UnflushedBytes >= FlushBytes && (await output.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
                {
                    return;
                }
            }

            Release(output, mostHeld: 0);
            await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            fault = e;
        }
        finally
        {
            await output.CompleteAsync(fault).ConfigureAwait(false);
        }
    }

    private void Release(PipeWriter output, long mostHeld)
    {
        while (_held.Count > 0)
        {
            var (line, text) = _held.First();
            if (line != _next && _heldBytes <= mostHeld && mostHeld > 0)
            {
                return;
            }

            _held.Remove(line);
            _heldBytes -= text.Length;
            _written[line] = true;
            var span = output.GetSpan(text.Length + 1);
            text.Span.CopyTo(span);
            span[text.Length] = (byte)'\n';
            output.Advance(text.Length + 1);
            _bytes += text.Length + 1;
            Advance();
        }
    }

    private void Advance()
    {
        while (_next <= tally.Lines && (_written[_next] || tally.KindOf(_next) != kind))
        {
            _next++;
        }
    }
}
