using Weir.State;

namespace Weir.Inference.Caching;

/// <summary>
/// Answers that replicas share through the state store's cache. It is lossy and so is this: it is asked for a short time only, written
/// to behind the answer, and whatever fails is counted and forgotten.
/// </summary>
/// <param name="store">Null: there is none, and everything is a miss.</param>
/// <param name="time">The source of time.</param>
/// <param name="metrics">Where failures are counted.</param>
internal sealed class SharedAnswers(ICacheStore? store, TimeProvider time, CacheMetrics metrics)
{
    /// <summary>The longest that a request waits to hear whether another replica has its answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private const string Space = "answers";
    private const int LargestValue = 1 << 20;
    private const int Overhead = 32 * 1024;
    private const int MostWrites = 64;
    private int _writes;

    /// <returns>The answer and for how long it may still be given; null where there is none, or it did not come in time.</returns>
    public async ValueTask<(KeptAnswer Answer, TimeSpan Left)?> FindAsync(AnswerKey key, CancellationToken cancellationToken)
    {
        if (store is null)
        {
            return null;
        }

        try
        {
            var found = await store.GetAsync(Space, key.ToBytes(), cancellationToken).AsTask().WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
            metrics.Shared("read", "ok");
            return found is { } packed && KeptAnswer.TryUnpack(packed, out var answer, out var until) && until - time.GetUtcNow() is { Ticks: > 0 } left
                ? (answer, left)
                : null;
        }
        catch (TimeoutException)
        {
            metrics.Shared("read", "late");
            return null;
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // A cache that is away is a miss; the store itself says that it is away.
            metrics.Shared("read", "failed");
            return null;
        }
    }

    /// <summary>Begins to write and returns; what is too large, or comes while too much is being written, is left out.</summary>
    public void Keep(AnswerKey key, KeptAnswer answer, TimeSpan ttl)
    {
        if (store is null || answer.Body.Length > LargestValue - Overhead)
        {
            return;
        }

        if (Interlocked.Increment(ref _writes) > MostWrites)
        {
            Interlocked.Decrement(ref _writes);
            metrics.Shared("write", "skipped");
            return;
        }

        _ = WriteAsync(store, key, answer, ttl);
    }

    private async Task WriteAsync(ICacheStore cache, AnswerKey key, KeptAnswer answer, TimeSpan ttl)
    {
        try
        {
            await cache.SetAsync(Space, key.ToBytes(), answer.Pack(time.GetUtcNow() + ttl), ttl).ConfigureAwait(false);
            metrics.Shared("write", "ok");
        }
        catch (Exception)
        {
            metrics.Shared("write", "failed");
        }
        finally
        {
            Interlocked.Decrement(ref _writes);
        }
    }
}
