using Weir.Client;

namespace Weir.Cli.Run.Workers;

/// <summary>A lease in use: renewed until it is disposed, which gives it back.</summary>
/// <param name="leases">The server's.</param>
/// <param name="lease">Ready.</param>
/// <param name="ttl">What it was asked for with.</param>
/// <param name="asked">When the request was sent, by the monotonic clock.</param>
/// <param name="time">The clock.</param>
/// <param name="random">Spreads waits.</param>
internal sealed class HeldLease(LeasesClient leases, Lease lease, TimeSpan ttl, long asked, TimeProvider time, Random random) : IAsyncDisposable
{
    private static readonly TimeSpan ReleaseWithin = TimeSpan.FromSeconds(10);

    private readonly Backoff _again = new(ttl / 60, ttl / 6, random);
    private readonly LeaseRenewal _renewal = new(leases, lease, ttl, asked, time);

    public Lease Lease => lease;

    /// <summary>It ended without being given back.</summary>
    public CancellationToken Lost => _renewal.Lost;

    /// <summary>A sentence. Null: it is not lost.</summary>
    public string? LostReason => _renewal.LostReason;

    public async ValueTask DisposeAsync()
    {
        await _renewal.DisposeAsync();
        // One that is lost is given back all the same: the server knows whether it still is ours.
        using var late = new CancellationTokenSource(ReleaseWithin, time);
        try
        {
            for (var failures = 1; ; failures++)
            {
                try
                {
                    await leases.ReleaseAsync(lease.Id, lease.Fence, late.Token);
                    break;
                }
                catch (WeirException away) when (!LeaseRenewal.IsEnd(away))
                {
                    await Task.Delay(_again.After(failures), time, late.Token);
                }
            }
        }
        catch (Exception gone) when (gone is WeirException or OperationCanceledException)
        {
            // It is not ours any more, or ends by its ttl.
        }
    }
}
