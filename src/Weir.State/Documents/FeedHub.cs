using System.Runtime.CompilerServices;

namespace Weir.State.Documents;

/// <summary>
/// Hands the commits of a store that lives in this process to its watchers. <see cref="Publish"/> is called by the one writer, in
/// the order of the commits, after each is durable.
/// </summary>
internal sealed class FeedHub : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, FeedSubscription[]> _subscriptions = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _closed = new();

    public void Publish(string partition, long revision, IReadOnlyList<Change> changes)
    {
        FeedSubscription[]? subscriptions;
        lock (_lock)
            _subscriptions.TryGetValue(partition, out subscriptions);
        foreach (var subscription in subscriptions ?? [])
            subscription.Offer(revision, changes);
    }

    /// <summary>
    /// The subscription stands before the snapshot is read: whatever the snapshot does not hold is published later, and what it
    /// holds already is recognised by its revision.
    /// </summary>
    public async IAsyncEnumerable<Feed> FollowAsync(
        string partition, IReadOnlyList<string> prefixes, Func<Prefixes, CancellationToken, ValueTask<Feed.Snapshot>> snapshot,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var watched = Prefixes.Of(prefixes);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
        var subscription = new FeedSubscription(watched);
        Add(partition, subscription);
        try
        {
            while (true)
            {
                subscription.Restart();
                var start = await snapshot(watched, ends.Token);
                yield return start;
                while (await NextAsync(subscription, ends.Token, cancellationToken) is { } changes)
                {
                    if (changes.Revision > start.Revision)
                        yield return changes;
                }
            }
        }
        finally
        {
            Remove(partition, subscription);
        }
    }

    /// <summary>Ends every watch. The source stays whole for watchers that are still on their way out.</summary>
    public void Dispose() => _closed.Cancel();

    private static async ValueTask<Feed.Changes?> NextAsync(FeedSubscription subscription, CancellationToken ends, CancellationToken caller)
    {
        try
        {
            return await subscription.NextAsync(ends);
        }
        catch (OperationCanceledException) when (!caller.IsCancellationRequested)
        {
            throw new StoreUnavailableException("The store was closed.");
        }
    }

    private void Add(string partition, FeedSubscription subscription)
    {
        lock (_lock)
            _subscriptions[partition] = [.. _subscriptions.GetValueOrDefault(partition, []), subscription];
    }

    private void Remove(string partition, FeedSubscription subscription)
    {
        lock (_lock)
        {
            var rest = _subscriptions[partition].Where(s => s != subscription).ToArray();
            if (rest.Length == 0)
                _subscriptions.Remove(partition);
            else
                _subscriptions[partition] = rest;
        }
    }
}
