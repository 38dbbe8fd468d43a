namespace Weir.Flow.Batching;

/// <summary>
/// Sends together what is asked for at nearly the same time. A batch goes out when it is full, when its oldest member has waited
/// long enough, or at once when no other is under way: a lone caller never waits. Safe from any thread.
/// </summary>
/// <remarks>
/// <para>
/// Members do not spoil each other. Each gets the outcome that the run gave it. When the run throws for all, the batch is divided
/// in halves that are run again, one after the other, until whoever is at fault stands alone; the others are answered. A fault that is nobody's in
/// particular (an unreachable server) would only be repeated, so the caller may say which errors divide.
/// </para>
/// <para>
/// A member that cancels leaves alone: before sending it is taken out, after sending its outcome is dropped. The run's token is
/// cancelled when the last one has left.
/// </para>
/// </remarks>
public sealed class MicroBatcher<TItem, TResult> : IAsyncDisposable
{
    private readonly Lock _sync = new();
    private readonly MonotonicClock _clock;
    private readonly Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<BatchOutcome<TResult>>>> _run;
    private readonly Func<TItem, long>? _weigh;
    private readonly Func<Exception, bool> _divides;
    private readonly LinkedList<BatchMember<TItem, TResult>> _pending = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;
    private MicroBatcherSettings _settings;
    private long _pendingWeight;
    private int _inFlight;
    private long _batches;
    private long _members;
    private long _refused;
    private bool _closed;

    /// <param name="settings">When to send.</param>
    /// <param name="run">Does one batch; gives as many outcomes as it got items, in their order. Called on the thread pool.</param>
    /// <param name="time">The clock.</param>
    /// <param name="weigh">What an item counts against <see cref="MicroBatcherSettings.MaxWeight"/>. Null: 1 each.</param>
    /// <param name="divides">
    /// Whether an error of a whole batch is worth finding its member. Null: all but cancellation (a timeout would only be waited for again).
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A setting out of its range.</exception>
    public MicroBatcher(
        MicroBatcherSettings settings,
        Func<IReadOnlyList<TItem>, CancellationToken, Task<IReadOnlyList<BatchOutcome<TResult>>>> run,
        TimeProvider time,
        Func<TItem, long>? weigh = null,
        Func<Exception, bool>? divides = null)
    {
        settings.Validate();
        ArgumentNullException.ThrowIfNull(run);
        _settings = settings;
        _run = run;
        _clock = new MonotonicClock(time);
        _weigh = weigh;
        _divides = divides ?? (static error => error is not OperationCanceledException);
        _timer = _clock.CreateTimer(static state => ((MicroBatcher<TItem, TResult>)state!).SendReady(), this);
    }

    /// <summary>Adds one item and waits for its outcome. A full queue or a closed batcher is an outcome with <see cref="BatchRefusedException"/>.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<BatchOutcome<TResult>> SubmitAsync(TItem item, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<BatchOutcome<TResult>>(cancellationToken);
        var weight = Math.Max(0, _weigh?.Invoke(item) ?? 1);
        BatchMember<TItem, TResult> member;
        lock (_sync)
        {
            if (_closed)
                return Refuse("The batcher is closed.");
            if (_pending.Count >= _settings.Queue)
                return Refuse($"{_pending.Count} members wait to be sent already.");
            member = new BatchMember<TItem, TResult>(item, weight, _clock.Now);
            _pending.AddLast(member.Node);
            _pendingWeight += weight;
        }
        SendReady();
        return cancellationToken.CanBeCanceled ? WaitAsync(member, cancellationToken) : member.Task;
    }

    /// <summary>Takes other settings; they hold for what has not been sent.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting out of its range.</exception>
    public void Reconfigure(MicroBatcherSettings settings)
    {
        settings.Validate();
        lock (_sync)
            _settings = settings;
        SendReady();
    }

    public MicroBatcherSnapshot Snapshot()
    {
        lock (_sync)
            return new MicroBatcherSnapshot(_pending.Count, _inFlight, _batches, _members, _refused);
    }

    /// <summary>Takes no more, sends what waits, and ends when all is answered.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_sync)
            _closed = true;
        SendReady();
        await _drained.Task.ConfigureAwait(false);
        await _timer.DisposeAsync().ConfigureAwait(false);
    }

    private Task<BatchOutcome<TResult>> Refuse(string why)
    {
        _refused++;
        return Task.FromResult(BatchOutcome.Failure<TResult>(new BatchRefusedException(why)));
    }

    private async Task<BatchOutcome<TResult>> WaitAsync(BatchMember<TItem, TResult> member, CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister((state, token) => Leave((BatchMember<TItem, TResult>)state!, token), member))
            return await member.Task.ConfigureAwait(false);
    }

    private void Leave(BatchMember<TItem, TResult> member, CancellationToken cancellationToken)
    {
        lock (_sync)
        {
            if (member.Node.List is not null)
                TakeOut(member);
        }
        if (member.Batch is { } batch)
        {
            batch.Leave(member, cancellationToken);
            return;
        }
        member.TrySetCanceled(cancellationToken);
        SendReady();
    }

    private void TakeOut(BatchMember<TItem, TResult> member)
    {
        _pending.Remove(member.Node);
        _pendingWeight -= member.Weight;
    }

    private void SendReady()
    {
        while (Take() is { } batch)
            ThreadPool.UnsafeQueueUserWorkItem(static state => _ = state.Owner.RunAsync(state.Batch), (Owner: this, Batch: batch), preferLocal: false);
    }

    /// <summary>The next batch that is to go out now; null when none is, with the timer set for when that changes by time alone.</summary>
    private Batch<TItem, TResult>? Take()
    {
        lock (_sync)
        {
            if (_pending.First is not { } oldest)
            {
                if (_closed && _inFlight == 0)
                    _drained.TrySetResult();
                return null;
            }
            if (_inFlight >= _settings.MaxInFlight)
                return null;
            var waited = _clock.Now - oldest.Value.Since;
            if (_inFlight > 0 && !_closed && !IsFull && waited < _settings.Wait.Ticks)
            {
                _timer.Change(MonotonicClock.Due(_settings.Wait.Ticks - waited), Timeout.InfiniteTimeSpan);
                return null;
            }
            return TakeBatch();
        }
    }

    private bool IsFull => _pending.Count >= _settings.Size || _pendingWeight >= _settings.MaxWeight;

    private Batch<TItem, TResult> TakeBatch()
    {
        var members = new List<BatchMember<TItem, TResult>>(Math.Min(_settings.Size, _pending.Count));
        var weight = 0L;
        while (members.Count < _settings.Size && _pending.First is { } node)
        {
            var member = node.Value;
            weight += member.Weight;
            if (members.Count > 0 && weight > _settings.MaxWeight)
                break;
            TakeOut(member);
            members.Add(member);
        }
        var batch = new Batch<TItem, TResult>([.. members]);
        foreach (var member in members)
            member.Batch = batch;
        _inFlight++;
        _batches++;
        _members += members.Count;
        return batch;
    }

    private async Task RunAsync(Batch<TItem, TResult> batch)
    {
        // Nothing escapes: every error of the run becomes an outcome.
        await RunAsync(batch, batch.Members).ConfigureAwait(false);
        lock (_sync)
            _inFlight--;
        SendReady();
    }

    private async Task RunAsync(Batch<TItem, TResult> batch, ArraySegment<BatchMember<TItem, TResult>> part)
    {
        var members = part.Where(static member => !member.IsGone).ToArray();
        if (members.Length == 0)
            return;
        Exception? error = null;
        try
        {
            var outcomes = await _run(Array.ConvertAll(members, static member => member.Item), batch.Abandoned).ConfigureAwait(false);
            if (outcomes.Count == members.Length)
            {
                for (var i = 0; i < members.Length; i++)
                    batch.Answer(members[i], outcomes[i]);
                return;
            }
            error = new InvalidOperationException($"The run gave {outcomes.Count} outcomes for {members.Length} items.");
        }
        catch (Exception thrown) when (members.Length > 1 && !batch.Abandoned.IsCancellationRequested && _divides(thrown))
        {
            // Divided below, outside of the handler.
        }
        catch (Exception thrown)
        {
            error = thrown;
        }
        if (error is null)
        {
            var half = members.Length / 2;
            await RunAsync(batch, new ArraySegment<BatchMember<TItem, TResult>>(members, 0, half)).ConfigureAwait(false);
            await RunAsync(batch, new ArraySegment<BatchMember<TItem, TResult>>(members, half, members.Length - half)).ConfigureAwait(false);
            return;
        }
        foreach (var member in members)
            batch.Answer(member, BatchOutcome.Failure<TResult>(error));
    }
}
