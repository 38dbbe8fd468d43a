using System.Security.Cryptography;

namespace Weir.Client;

/// <summary>Puts the end of a lease off, at every third of its ttl, until it is stopped or the lease is lost.</summary>
internal sealed class LeaseRenewal : IAsyncDisposable
{
    // For the one attempt after a pause that was longer than the ttl: the server decides whether it still holds.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly LeasesClient _leases;
    private readonly Lease _lease;
    private readonly TimeSpan _ttl;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _over = new();
    private readonly Lock _sync = new();
    private readonly Task _renewing;
    private DateTimeOffset? _expiresAt;
    private volatile string? _lostReason;
    private int _disposed;

    /// <param name="leases">The server's.</param>
    /// <param name="lease">Ready.</param>
    /// <param name="ttl">What it was asked for with.</param>
    /// <param name="asked">When it was asked for, by the monotonic clock: its ttl is counted from there, unless it had to wait.</param>
    /// <param name="time">The clock.</param>
    public LeaseRenewal(LeasesClient leases, Lease lease, TimeSpan ttl, long asked, TimeProvider time)
    {
        (_leases, _lease, _ttl, _time, _expiresAt) = (leases, lease, ttl, time, lease.ExpiresAt);
        Lost = _lost.Token;
        // After a long wait the moment of its answer is nearer to the truth than that of its request.
        _renewing = RunAsync(asked, time.GetElapsedTime(asked) < ttl / 3 ? asked : time.GetTimestamp());
    }

    public CancellationToken Lost { get; }

    public string? LostReason => _lostReason;

    public DateTimeOffset? ExpiresAt
    {
        get
        {
            lock (_sync)
                return _expiresAt;
        }
    }

    /// <summary>The server says that the lease is not this worker's, or is no more.</summary>
    public static bool IsEnd(WeirException refusal) => refusal.Code is "fence_stale" or "lease_ended" or "not_holder" or "not_found";

    /// <summary>Nothing is renewed any more when it has returned.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _over.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(false);
        _over.Dispose();
        _lost.Dispose();
    }

    /// <summary>A lease that waited long was ready some time before its answer: the first renewal comes early.</summary>
    private async Task RunAsync(long asked, long renewedAt)
    {
        var failures = 0;
        var wait = Spread(_ttl / 3) - _time.GetElapsedTime(asked);
        try
        {
            while (true)
            {
                if (wait > TimeSpan.Zero)
                    await Task.Delay(wait, _time, _over.Token).ConfigureAwait(false);
                var sentAt = _time.GetTimestamp();
                var (answer, refusal) = await RenewAsync(_ttl - _time.GetElapsedTime(renewedAt)).ConfigureAwait(false);
                if (answer is { } end)
                {
                    Keep(end);
                    (renewedAt, failures) = (sentAt, 0);
                    // An answer that came late has used some of it.
                    wait = Spread(_ttl / 3) - _time.GetElapsedTime(sentAt);
                    continue;
                }

                var left = _ttl - _time.GetElapsedTime(renewedAt);
                if (refusal is not null || left <= TimeSpan.Zero)
                {
                    _lostReason = refusal ?? $"It could not be renewed within its {_ttl.TotalSeconds:0} s.";
                    // Not awaited: what is called there may dispose the lease, and what it throws is its own.
                    _ = _lost.CancelAsync();
                    return;
                }

                var backoff = Spread(_ttl / 60 * Math.Pow(2, Math.Min(failures++, 4)));
                wait = backoff < left ? backoff : left;
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // It is being given back.
        }
    }

    /// <returns>The new end; or why there is none; or neither, where Weir is away.</returns>
    private async Task<(DateTimeOffset? End, string? Refusal)> RenewAsync(TimeSpan left)
    {
        using var late = new CancellationTokenSource(left > Grace ? left : Grace, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _over.Token);
        try
        {
            return (await _leases.RenewAsync(_lease.Id, _lease.Fence, cancellationToken: either.Token).ConfigureAwait(false), null);
        }
        catch (WeirException refusal) when (IsEnd(refusal))
        {
            return (null, refusal.Message);
        }
        catch (Exception away) when (away is not OperationCanceledException || !_over.IsCancellationRequested)
        {
            // Whatever it was, the lease still holds until its end, and so the loop goes on.
            return default;
        }
    }

    private void Keep(DateTimeOffset end)
    {
        lock (_sync)
            _expiresAt = end;
    }

    /// <summary>Up to a fifth sooner, so that workers that began together do not renew together.</summary>
    private static TimeSpan Spread(TimeSpan wait) => wait * (RandomNumberGenerator.GetInt32(800, 1001) / 1000.0);
}
