using Weir.Leases.Documents;
using Weir.Leases.Fleet;

namespace Weir.Server.Leases;

/// <summary>Waits for a lease to become ready, or to end.</summary>
internal static class LeaseWatch
{
    /// <param name="view">Tells when to look again.</param>
    /// <param name="read">The lease as it is; null: there is none.</param>
    /// <param name="within">At most so long.</param>
    /// <param name="time">By which that is measured.</param>
    /// <param name="cancellationToken">Ends the wait as if the time were up.</param>
    /// <returns>The lease as it is then.</returns>
    public static async Task<Stored<LeaseRecord>?> WhenSettledAsync(
        IFleetView view, Func<Stored<LeaseRecord>?> read, TimeSpan within, TimeProvider time, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(within, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        // One permit is enough: whoever takes it looks at all that has happened before.
        using var changed = new SemaphoreSlim(0, 1);
        view.Changed += Tell;
        try
        {
            while (read() is { Value.State: LeaseState.Waiting or LeaseState.Granted })
                await changed.WaitAsync(ends.Token);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            // The time is up: it is as it is.
        }
        finally
        {
            view.Changed -= Tell;
        }

        return read();

        void Tell()
        {
            try
            {
                changed.Release();
            }
            catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
            {
                // Told already, or nobody waits any more.
            }
        }
    }
}
