using Microsoft.Extensions.Logging;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Doors;

/// <summary>
/// Whether what this replica has read of the fleet is what the store had at most two seconds ago. It is looked at about once a second, only while somebody
/// asks; who asks after a longer pause, or first after the process stood still, waits for a look. A store that does not answer makes nothing stale: then the ends of leases count.
/// </summary>
internal sealed partial class FeedFreshness(IStateStore store, string partition, IFleetView view, TimeProvider time, ILogger<FeedFreshness> log, Pauses? pauses = null)
{
    /// <summary>How old the last look may be.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    // A store that takes longer counts as away.
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromMilliseconds(900);

    private readonly Lock _sync = new();
    private Look? _last;
    private Task<Look>? _looking;
    private bool _wasBehind;

    /// <summary>What the last look found. It waits for nothing; a look that is old is followed by another.</summary>
    public bool WasBehind
    {
        get
        {
            var last = Volatile.Read(ref _last);
            if (last is null || time.GetElapsedTime(last.At) >= Period)
                _ = LookAsync();
            return last is { IsBehind: true };
        }
    }

    /// <returns>False: the store can be reached, and the feed is behind it.</returns>
    public ValueTask<bool> IsFreshAsync(CancellationToken cancellationToken)
    {
        var since = pauses?.LastEnd() ?? long.MinValue;
        var last = Volatile.Read(ref _last);
        if (last is not { IsBehind: false } || last.At < since || time.GetElapsedTime(last.At) > Longest)
            return new ValueTask<bool>(SettleAsync(since, cancellationToken));
        if (time.GetElapsedTime(last.At) >= Period)
            _ = LookAsync();
        return new ValueTask<bool>(true);
    }

    /// <summary>A look that somebody began before us may be too old when it ends: then we begin one.</summary>
    private async Task<bool> SettleAsync(long since, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        while (true)
        {
            var look = await LookAsync().WaitAsync(cancellationToken);
            if (look.At >= asked || (look.At >= since && time.GetElapsedTime(look.At) <= Longest))
                return !look.IsBehind;
        }
    }

    private Task<Look> LookAsync()
    {
        lock (_sync)
        {
            if (_looking is { IsCompleted: false } looking)
                return looking;
            // On the pool: the store may answer on this thread, and nobody waits for it under the lock.
            return _looking = Task.Run(LookOnceAsync);
        }
    }

    private async Task<Look> LookOnceAsync()
    {
        var look = await AskAsync();
        Volatile.Write(ref _last, look);
        if (look.IsBehind != _wasBehind)
        {
            _wasBehind = look.IsBehind;
            if (look.IsBehind)
                LogBehind(view.Revision);
            else
                LogAgain();
        }

        return look;
    }

    private async Task<Look> AskAsync()
    {
        var at = time.GetTimestamp();
        long revision;
        try
        {
            using var limit = new CancellationTokenSource(AnswerWithin, time);
            // A store that takes no notice of the token is left behind.
            revision = await store.RevisionAsync(partition, limit.Token).AsTask().WaitAsync(limit.Token);
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            return new Look(time.GetTimestamp(), IsBehind: false);
        }

        return new Look(at, !await view.WhenAsync(revision, Longest, CancellationToken.None));
    }

    [LoggerMessage(EventName = "DoorsFeedBehind", Level = LogLevel.Warning, Message = "The feed of leases has stood at revision {Revision} for more than 2 s while the store went on: doors are shut until it comes.")]
    private partial void LogBehind(long revision);

    [LoggerMessage(EventName = "DoorsFeedAgain", Level = LogLevel.Information, Message = "The feed of leases has come so far as the store; doors are open again.")]
    private partial void LogAgain();

    /// <param name="At">When the store was asked: whatever it had then has been read. Where it did not answer, when that was known.</param>
    /// <param name="IsBehind">It answered, and the feed did not come so far in time.</param>
    private sealed record Look(long At, bool IsBehind);
}
