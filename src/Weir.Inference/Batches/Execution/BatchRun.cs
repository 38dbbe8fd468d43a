using System.Threading.Channels;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Input;
using Weir.Inference.Batches.Results;
using Weir.State;

namespace Weir.Inference.Batches.Execution;

/// <summary>What a run of a batch's lines works on.</summary>
internal sealed record BatchWork(HeldBatch Held, BatchTally Tally, ResultLog Log, LineReader Input, BatchSignals Signals, IStoreClock Clock);

/// <summary>
/// Sends the lines of one batch that have no result yet: one loop owns all that is counted here, lines under way report to it. A line
/// that is to be tried again gives its place to others meanwhile.
/// </summary>
internal sealed class BatchRun(BatchWork work, LineSender sender, BatchLimits limits, BatchMetrics metrics, TimeProvider time, Random random)
{
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(1);

    private readonly BatchRecord _batch = work.Held.Record;
    private readonly Channel<LineRun> _ended = Channel.CreateUnbounded<LineRun>(new UnboundedChannelOptions { SingleReader = true });
    private readonly PriorityQueue<LineRun, long> _waiting = new();
    private readonly LinePace _pace = new(limits.LinesAtOnce);
    private readonly LineBackoff _backoff = new(random);
    // When a line that asked for the model was answered last.
    private readonly Dictionary<string, long> _answeredAt = new(StringComparer.Ordinal);
    private int _underWay;
    private long _heldBytes;
    private long _largestAnswer;
    private bool _isReadToEnd;
    private bool _unsaved;
    private long _savedAt = time.GetTimestamp();
    private Task _saving = Task.CompletedTask;

    /// <returns>How the batch ends; null: it has not, and goes on elsewhere or later.</returns>
    /// <exception cref="StaleFenceException">Another holds it.</exception>
    public async Task<BatchStatus?> RunAsync(CancellationToken ends)
    {
        var left = _batch.ExpiresAt - work.Clock.Now;
        using var expiry = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var grace = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var halt = CancellationTokenSource.CreateLinkedTokenSource([ends, expiry.Token, work.Signals.Cancelled, work.Signals.Stopping]);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource([ends, expiry.Token, grace.Token, work.Signals.Cut]);
        using var _ = work.Signals.Cancelled.UnsafeRegister(_ => grace.CancelAfter(limits.CancelGrace), null);
        try
        {
            await LoopAsync(halt.Token, cut.Token).ConfigureAwait(false);
        }
        finally
        {
            await cut.CancelAsync().ConfigureAwait(false);
            await LeaveAsync().ConfigureAwait(false);
        }

        ends.ThrowIfCancellationRequested();
        return work.Tally.Done == work.Tally.Lines ? BatchStatus.Completed
            : expiry.IsCancellationRequested ? BatchStatus.Expired
            : work.Signals.Cancelled.IsCancellationRequested ? BatchStatus.Cancelled
            : null;
    }

    private async Task LoopAsync(CancellationToken halt, CancellationToken cut)
    {
        while (true)
        {
            while (_ended.Reader.TryRead(out var run))
            {
                Settle(run);
            }

            while (!halt.IsCancellationRequested && _underWay < _pace.Limit && await NextAsync(halt).ConfigureAwait(false) is { } next)
            {
                Start(next, cut);
            }

            if (_underWay == 0 && (halt.IsCancellationRequested || (_isReadToEnd && _waiting.Count == 0)))
            {
                return;
            }

            await SaveAsync().ConfigureAwait(false);
            await WaitAsync(halt).ConfigureAwait(false);
        }
    }

    // The next line that may be sent now: one whose wait is over, else the next of the file as far as there is room to hold it.
    private async ValueTask<LineRun?> NextAsync(CancellationToken halt)
    {
        if (_waiting.TryPeek(out var due, out var at) && at <= time.GetTimestamp())
        {
            return _waiting.Dequeue();
        }

        if (_isReadToEnd || _waiting.Count >= limits.LinesWaiting || (_heldBytes > 0 && _heldBytes + (_underWay * _largestAnswer) >= limits.Memory))
        {
            return null;
        }

        try
        {
            while (await work.Input.NextAsync(halt).ConfigureAwait(false))
            {
                if (work.Tally.KindOf(work.Input.Number) == LineKind.None)
                {
                    _heldBytes += work.Input.Line.Length;
                    return new LineRun(work.Input.Number, work.Input.Line.ToArray());
                }
            }
        }
        catch (OperationCanceledException) when (halt.IsCancellationRequested)
        {
            return null;
        }

        _isReadToEnd = true;
        return null;
    }

    private void Start(LineRun run, CancellationToken cut)
    {
        run.Epoch = _pace.Epoch;
        run.BegunAt ??= time.GetTimestamp();
        _underWay++;
        metrics.Started();
        _ = RunAsync(run, cut);
    }

    private async Task RunAsync(LineRun run, CancellationToken cut)
    {
        try
        {
            run.Outcome = await sender.SendAsync(_batch, run, cut).ConfigureAwait(false);
            if (run.Outcome is { Kind: LineOutcomeKind.Final, Result: { } result })
            {
                await work.Log.AppendAsync(result).ConfigureAwait(false);
            }
        }
        catch (Exception fault)
        {
            run.Fault = fault;
        }

        _ended.Writer.TryWrite(run);
    }

    private void Settle(LineRun run)
    {
        _underWay--;
        metrics.Ended();
        if (run.Fault is { } fault)
        {
            throw fault;
        }

        var outcome = run.Outcome;
        switch (outcome.Kind)
        {
            case LineOutcomeKind.Final:
                Finish(run, outcome.Result!.Value);
                break;
            case LineOutcomeKind.NoRoom:
                _pace.Refused(run.Epoch);
                Wait(run, _backoff.AfterRefusal(++run.Refusals, outcome.RetryAfter));
                break;
            case LineOutcomeKind.Trouble:
                run.Refusals = 0;
                run.Troubles++;
                run.Failures += outcome.IsAway ? 0 : 1;
                if (run.Failures >= limits.Tries && _answeredAt.TryGetValue(run.Model, out var answeredAt) && answeredAt >= run.BegunAt)
                {
                    // The model answers others: what it says to this one is its answer.
                    _underWay++;
                    metrics.Started();
                    run.Outcome = LineOutcome.Final(outcome.Result!.Value);
                    _ = AppendAsync(run);
                }
                else
                {
                    metrics.Retried();
                    Wait(run, _backoff.AfterTrouble(run.Troubles, outcome.RetryAfter));
                }

                break;
            default:
                Wait(run, TimeSpan.Zero);
                break;
        }
    }

    private async Task AppendAsync(LineRun run)
    {
        try
        {
            await work.Log.AppendAsync(run.Outcome.Result!.Value).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            run.Fault = fault;
        }

        _ended.Writer.TryWrite(run);
    }

    private void Finish(LineRun run, in LineRecord result)
    {
        work.Tally.Add(result);
        metrics.Finished(result.Kind);
        _heldBytes -= run.Line.Length;
        _largestAnswer = Math.Max(_largestAnswer, result.Text.Length);
        _unsaved = true;
        if (result.Kind == LineKind.Output)
        {
            _answeredAt[run.Model] = time.GetTimestamp();
        }

        _pace.Answered();
    }

    private void Wait(LineRun run, TimeSpan wait)
    {
        run.DueAt = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
        _waiting.Enqueue(run, run.DueAt);
    }

    private async Task WaitAsync(CancellationToken halt)
    {
        var halted = halt.IsCancellationRequested;
        var next = _unsaved ? TimeSpan.FromTicks(Math.Max((SaveEvery - time.GetElapsedTime(_savedAt)).Ticks, SaveEvery.Ticks / 20)) : Timeout.InfiniteTimeSpan;
        if (!halted && _underWay < _pace.Limit && _waiting.TryPeek(out _, out var dueAt))
        {
            var due = time.GetElapsedTime(time.GetTimestamp(), dueAt);
            // A timer counts in milliseconds: one that is a little late finds its line due.
            due = due > TimeSpan.Zero ? due + TimeSpan.FromMilliseconds(1) : TimeSpan.Zero;
            next = next == Timeout.InfiniteTimeSpan || due < next ? due : next;
        }

        using var timer = new CancellationTokenSource(next, time);
        using var wake = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, halted ? CancellationToken.None : halt);
        try
        {
            await _ended.Reader.WaitToReadAsync(wake.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Something is due, or the run is to halt.
        }
    }

    // Counts are shown while the batch runs; what is true is in the log.
    private async Task SaveAsync()
    {
        if (!_saving.IsCompleted || !_unsaved || time.GetElapsedTime(_savedAt) < SaveEvery)
        {
            return;
        }

        await _saving.ConfigureAwait(false);
        (_unsaved, _savedAt) = (false, time.GetTimestamp());
        _saving = SaveAsync(work.Tally.Completed, work.Tally.Failed, work.Tally.Usage);
    }

    private async Task SaveAsync(int completed, int failed, BatchUsage usage)
    {
        try
        {
            await work.Held.UpdateAsync(batch => batch with { Completed = completed, Failed = failed, Usage = usage }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // The next one says it all.
        }
    }

    // Nothing of the run is left when it returns, however it ended.
    private async Task LeaveAsync()
    {
        while (_underWay > 0)
        {
            var run = await _ended.Reader.ReadAsync().ConfigureAwait(false);
            _underWay--;
            metrics.Ended();
            if (run is { Fault: null, Outcome: { Kind: LineOutcomeKind.Final, Result: { } result } })
            {
                work.Tally.Add(result);
            }
        }

        await _saving.ConfigureAwait(false);
    }
}
