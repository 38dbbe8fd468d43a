namespace Weir.Leases.Broker;

internal static class SemaphoreWaits
{
    /// <summary>Waits for a signal, or for so long by a clock that can be told the time.</summary>
    public static async Task WaitAsync(this SemaphoreSlim signal, TimeSpan atMost, TimeProvider time, CancellationToken cancellationToken)
    {
        if (signal.Wait(0, CancellationToken.None))
            return;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var timer = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), either, atMost, Timeout.InfiniteTimeSpan);
        try
        {
            await signal.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is up.
        }
    }
}
