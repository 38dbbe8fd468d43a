using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>Lets so many through at once, and so many wait; who finds more waiting is refused.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "The semaphore holds nothing of the system's, and calls may still be inside when a desktop ends.")]
internal sealed class BoundedGate(int atOnce)
{
    /// <summary>So many may wait.</summary>
    public const int MostWaiting = 16;

    private readonly SemaphoreSlim _free = new(atOnce);
    private int _inside;

    public async ValueTask<KindResult<T>> RunAsync<T>(Func<Task<KindResult<T>>> work, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _inside) > atOnce + MostWaiting)
        {
            Interlocked.Decrement(ref _inside);
            return KindResult.Failed<T>(new LeaseError(429, "queue_full", $"{MostWaiting} such calls wait for this desktop already.") { RetryAfter = TimeSpan.FromSeconds(1) });
        }

        try
        {
            await _free.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await work().ConfigureAwait(false);
            }
            finally
            {
                _free.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }
}
