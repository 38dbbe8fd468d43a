using Weir.Client;

namespace Weir.Cli.Run.Workers;

/// <summary>A lease in use: renewed at every third of its ttl until it is disposed, which gives it back.</summary>
internal sealed class HeldLease : IAsyncDisposable
{
    private static readonly TimeSpan ReleaseWithin = TimeSpan.FromSeconds(10);
    private static readonly HashSet<string> Ended = ["fence_stale", "lease_ended", "not_holder", "not_found"];

    private readonly LeasesClient _leases;
    private readonly TimeSpan _ttl;
    private readonly TimeProvider _time;
    private readonly Backoff _again;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _over = new();
    private readonly Task _renewing;
    private long _renewedAt;
    private volatile string? _reason;

    /// <param name="leases">The server's.</param>
    /// <param name="lease">Ready.</param>
    /// <param name="ttl">What it was asked for with.</param>
    /// <param name="readyAfter">When the request was sent, by the monotonic clock; a lease that had to wait was ready later than that.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Spreads waits.</param>
    public HeldLease(LeasesClient leases, Lease lease, TimeSpan ttl, long readyAfter, TimeProvider time, Random random)
    {
        (_leases, Lease, _ttl, _time) = (leases, lease, ttl, time);
        // After a long wait the moment of its answer is nearer to the truth than that of its request.
        _renewedAt = time.GetElapsedTime(readyAfter) < ttl / 3 ? readyAfter : time.GetTimestamp();
        _again = new Backoff(ttl / 60, ttl / 6, random);
        _renewing = RenewAsync();
    }

    public Lease Lease { get; }

    /// <summary>It ended without being given back.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>A sentence.</summary>
    public string LostReason => _reason ?? "its end was not heard of.";

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _renewing;
        // One that is lost is given back all the same: the server knows whether it still is ours.
        using var late = new CancellationTokenSource(ReleaseWithin, _time);
        try
        {
            for (var failures = 1; ; failures++)
            {
                try
                {
                    await _leases.ReleaseAsync(Lease.Id, Lease.Fence, late.Token);
                    break;
                }
                catch (WeirException away) when (!Ended.Contains(away.Code))
                {
                    await Task.Delay(_again.After(failures), _time, late.Token);
                }
            }
        }
        catch (Exception gone) when (gone is WeirException or OperationCanceledException)
        {
            // It is not ours any more, or ends by its ttl.
        }

        _lost.Dispose();
        _over.Dispose();
    }

    private async Task RenewAsync()
    {
        try
        {
            for (var failures = 0; ;)
            {
                var age = _time.GetElapsedTime(_renewedAt);
                var wait = failures == 0 ? (_ttl / 3) - age : _again.After(failures);
                // Its end is heard of when it comes.
                if (wait > _ttl - age)
                    wait = _ttl - age;
                if (wait > TimeSpan.Zero)
                    await Task.Delay(wait, _time, _over.Token);
                var left = _ttl - _time.GetElapsedTime(_renewedAt);
                if (left <= TimeSpan.Zero)
                {
                    Lose($"it could not be renewed within its {_ttl.TotalSeconds:0} s.");
                    return;
                }

                using var bound = new CancellationTokenSource(left, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, _over.Token);
                try
                {
                    var sentAt = _time.GetTimestamp();
                    await _leases.RenewAsync(Lease.Id, Lease.Fence, cancellationToken: either.Token);
                    (_renewedAt, failures) = (sentAt, 0);
                }
                catch (WeirException refused) when (Ended.Contains(refused.Code))
                {
                    Lose(refused.Message);
                    return;
                }
                catch (Exception away) when (away is WeirException || (away is OperationCanceledException && !_over.IsCancellationRequested))
                {
                    failures++;
                }
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // It is being given back.
        }
    }

    private void Lose(string reason)
    {
        _reason = reason;
        _lost.Cancel();
    }
}
