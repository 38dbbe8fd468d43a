namespace Weir.State.Duties;

/// <summary>A duty held. What is done under it stops when <see cref="Ended"/> is cancelled, a fifth of the term before another may claim it.</summary>
public sealed class DutyClaim : IAsyncDisposable
{
    private readonly Duty _duty;
    private readonly CancellationTokenSource _ended = new();
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private long _version;
    private bool _disposed;

    internal DutyClaim(Duty duty, long version, long asked)
    {
        (_duty, _version, Fence) = (duty, version, version);
        Ended = _ended.Token;
        _timer = duty.Time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), _ended, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Arm(asked);
    }

    /// <summary>Only grows from holder to holder: it orders what they do.</summary>
    public long Fence { get; }

    /// <summary>Cancelled before the claim ends, and at once when it is found lost.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Puts the end one term from now.</summary>
    /// <returns>False: somebody else changed the claim, and it has ended. True also where the store did not answer: then the old end stands.</returns>
    public async ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (Ended.IsCancellationRequested || _disposed)
                return false;
            var asked = _duty.Time.GetTimestamp();
            var now = await _duty.Store.Clock.ReadAsync(cancellationToken);
            switch (await _duty.WriteAsync(_version, now, cancellationToken))
            {
                case CommitOutcome.Committed(var version):
                    _version = version;
                    Arm(asked);
                    return !Ended.IsCancellationRequested;
                case CommitOutcome.Lost { Keys.Count: > 0 }:
                    await _ended.CancelAsync();
                    return false;
                default:
                    return true;
            }
        }
        catch (StoreUnavailableException)
        {
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Gives the duty back, if it is still ours and the store answers; else it ends by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        try
        {
            if (_disposed)
                return;
            _disposed = true;
            await _timer.DisposeAsync();
            await _ended.CancelAsync();
            await _duty.Store.CommitAsync(new Commit(_duty.Partition)
            {
                Writes = [new Write(_duty.Key, _version, null)],
                Deadline = TimeSpan.FromSeconds(1),
            });
        }
        catch (StoreUnavailableException)
        {
            // It ends by itself.
        }
        finally
        {
            _turn.Release();
        }
    }

    private void Arm(long asked)
    {
        var left = (_duty.Term * 0.8) - _duty.Time.GetElapsedTime(asked);
        _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
