namespace Weir.State;

/// <summary>Follows a feed for as long as a service runs, whatever breaks it off.</summary>
public static class FeedFollowing
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Gives each step to <paramref name="apply"/>. A feed that breaks off, or a step that could not be applied, is followed by a new watch
    /// and so by a new snapshot: after 100 ms, then twice as long each time up to 10 s, until a step has been applied.
    /// </summary>
    /// <param name="store">Whose feed.</param>
    /// <param name="partition">As for <see cref="IStateStore.WatchAsync"/>.</param>
    /// <param name="prefix">As for <see cref="IStateStore.WatchAsync"/>.</param>
    /// <param name="apply">Called for one step at a time.</param>
    /// <param name="interrupted">Told what broke the feed off, and how long it is until the next try.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stoppingToken">Ends it: the only way that it ends.</param>
    public static async Task FollowAsync(
        this IStateStore store, string partition, string prefix, Action<Feed> apply, Action<Exception, TimeSpan> interrupted, TimeProvider time, CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var step in store.WatchAsync(partition, [prefix], stoppingToken).ConfigureAwait(false))
                {
                    apply(step);
                    pause = FirstPause;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                interrupted(fault, pause);
            }

            try
            {
                await Task.Delay(pause, time, stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
