using System.Threading.Channels;

namespace Weir.State.Documents;

/// <summary>What one watcher has not read yet. It is bounded: a watcher that falls behind loses the queue and reads a snapshot.</summary>
internal sealed class FeedSubscription(Prefixes prefixes)
{
    internal const int MaxCommits = 8192;
    internal const long MaxBytes = 64L << 20;

    private readonly Lock _lock = new();
    private readonly Queue<Feed.Changes> _queue = new();
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private long _bytes;
    private bool _behind;

    public void Offer(long revision, IReadOnlyList<Change> changes)
    {
        var matching = Matching(changes);
        if (matching.Count == 0)
            return;
        var item = new Feed.Changes(revision, matching);
        lock (_lock)
        {
            if (_behind)
                return;
            _bytes += Size(item);
            _queue.Enqueue(item);
            if (_queue.Count > MaxCommits || _bytes > MaxBytes)
            {
                _queue.Clear();
                _bytes = 0;
                _behind = true;
            }
        }

        _signal.Writer.TryWrite(true);
    }

    /// <summary>Forgets what is queued; a snapshot read after this call and what is queued from here on leave no gap.</summary>
    public void Restart()
    {
        lock (_lock)
        {
            _queue.Clear();
            _bytes = 0;
            _behind = false;
        }
    }

    /// <returns>Null: the reader fell behind.</returns>
    public async ValueTask<Feed.Changes?> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_behind)
                    return null;
                if (_queue.TryDequeue(out var item))
                {
                    _bytes -= Size(item);
                    return item;
                }
            }

            await _signal.Reader.ReadAsync(cancellationToken);
        }
    }

    private List<Change> Matching(IReadOnlyList<Change> changes)
    {
        var matching = new List<Change>();
        foreach (var change in changes)
        {
            if (prefixes.Match(change.Key))
                matching.Add(change);
        }

        return matching;
    }

    private static long Size(Feed.Changes item)
    {
        long bytes = 0;
        foreach (var change in item.Items)
            bytes += 100 + change.Key.Length + (change.Document?.Body.Length ?? 0);
        return bytes;
    }
}
