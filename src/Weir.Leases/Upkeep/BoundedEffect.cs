using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>Something that a kind does, which is waited for no longer than it may take, also where it does not end when it is cancelled.</summary>
/// <param name="Result">What it gave, or why it is taken to have failed.</param>
/// <param name="Lingering">It goes on though nobody waits for it any more; this ends when it does. Null: it has ended.</param>
internal readonly record struct BoundedEffect<T>(KindResult<T> Result, Task? Lingering);

internal static class BoundedEffect
{
    public const string TimedOut = "kind_timeout";

    /// <param name="effect">What is done.</param>
    /// <param name="within">How long it may take before it is cancelled.</param>
    /// <param name="grace">How long it may take from then on to end.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels it sooner; that is told as if its time were up.</param>
    public static async Task<BoundedEffect<T>> RunAsync<T>(
        Func<CancellationToken, ValueTask<KindResult<T>>> effect, TimeSpan within, TimeSpan grace, TimeProvider time, CancellationToken cancellationToken)
    {
        var running = DoAsync(effect, within, time, out var ends, cancellationToken);
        using (var waits = new CancellationTokenSource())
        {
            await Task.WhenAny(running, OverAsync(grace, time, ends, waits.Token)).ConfigureAwait(false);
            await waits.CancelAsync().ConfigureAwait(false);
        }

        if (!running.IsCompleted)
            return new(TooLong<T>(within), running);

        try
        {
            return new(await running.ConfigureAwait(false), null);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            return new(TooLong<T>(within), null);
        }
        catch (Exception fault)
        {
            return new(KindResult.Failed<T>(new LeaseError(500, "kind_failed", fault.Message)), null);
        }
    }

    private static Task<KindResult<T>> DoAsync<T>(Func<CancellationToken, ValueTask<KindResult<T>>> effect, TimeSpan within, TimeProvider time, out CancellationToken token, CancellationToken cancellationToken)
    {
        var limit = new CancellationTokenSource(within, time);
        var ends = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        token = ends.Token;
        return Task.Run(
            async () =>
            {
                using (limit)
                using (ends)
                    return await effect(ends.Token).ConfigureAwait(false);
            },
            CancellationToken.None);
    }

    private static async Task OverAsync(TimeSpan grace, TimeProvider time, CancellationToken ends, CancellationToken waits)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var onEnd = ends.Register(cancelled.SetResult).ConfigureAwait(false);
        try
        {
            await cancelled.Task.WaitAsync(waits).ConfigureAwait(false);
            await Task.Delay(grace, time, waits).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It has ended by itself.
        }
    }

    public static string TooLong(TimeSpan within) => $"It did not end within {within.TotalSeconds:0.###} s.";

    private static KindResult<T> TooLong<T>(TimeSpan within) => KindResult.Failed<T>(new LeaseError(504, TimedOut, TooLong(within)));
}
