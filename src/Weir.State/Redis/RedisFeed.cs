using System.Runtime.CompilerServices;
using System.Threading.Channels;
using StackExchange.Redis;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>
/// Follows a partition's stream by position. Every entry names the one before it: a first entry that does not name the reader's
/// position, or a stream that ends elsewhere than the reader stands, means that the reader missed something (the stream was cut, or the store
/// came back from an older state), and it starts again from a snapshot. Messages only wake; a slow poll stands behind them.
/// </summary>
internal sealed class RedisFeed(RedisConnection connection, RedisPartitions partitions, TimeProvider time)
{
    private const int AtOnce = 64;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    public async IAsyncEnumerable<Feed> FollowAsync(
        string partition, IReadOnlyList<string> prefixes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var watched = Prefixes.Of(prefixes);
        var wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        void Wake(RedisChannel channel, RedisValue message) => wake.Writer.TryWrite(true);
        void Restored() => wake.Writer.TryWrite(true);
        connection.Restored += Restored;
        // Unawaited: the poll serves until it stands, and the client renews it after every lost connection.
        _ = SubscribeAsync(partition, Wake);
        try
        {
            while (true)
            {
                var (position, snapshot) = await UntilAnsweredAsync(() => SnapshotAsync(partition, watched, cancellationToken), cancellationToken);
                yield return snapshot;
                while (await UntilAnsweredAsync(() => NextAsync(partition, position, cancellationToken), cancellationToken) is { } entries)
                {
                    foreach (var entry in entries)
                    {
                        position = entry.Position;
                        if (entry.Changes(watched) is { } changes)
                            yield return changes;
                    }

                    if (entries.Count == 0)
                        await SleepAsync(wake.Reader, cancellationToken);
                }
            }
        }
        finally
        {
            connection.Restored -= Restored;
            _ = UnsubscribeAsync(partition, Wake);
        }
    }

    private async ValueTask<(string Position, Feed.Snapshot Snapshot)> SnapshotAsync(string partition, Prefixes watched, CancellationToken cancellationToken)
    {
        RedisKey[] keys = [RedisKeys.Meta(partition), RedisKeys.Index(partition), RedisKeys.Bodies(partition)];
        while (true)
        {
            // What is seen while it answers may be newer than the answer.
            var seen = partitions.Seen(partition);
            var answer = (RedisResult[])(await connection.RepeatAsync(
                RedisScripts.Snapshot, keys, [.. watched.Items.Select(p => (RedisValue)p)], cancellationToken))!;
            var revision = (long)answer[1];
            if (revision < seen)
            {
                await AdvanceAsync(partition, cancellationToken);
                continue;
            }

            partitions.See(partition, revision);
            var found = (RedisResult[])answer[3]!;
            var documents = new Document[found.Length / 2];
            for (var i = 0; i < documents.Length; i++)
                documents[i] = RedisDocument.Parse((string)found[i * 2]!, (byte[])found[(i * 2) + 1]!);
            return ((string?)answer[0] ?? "", new Feed.Snapshot(revision, documents) { Since = (long)answer[2] });
        }
    }

    /// <returns>The entries after the position, none where it is the last one; null where they do not follow on it.</returns>
    private async ValueTask<IReadOnlyList<Entry>?> NextAsync(string partition, string position, CancellationToken cancellationToken)
    {
        var seen = partitions.Seen(partition);
        var answer = (RedisResult[])(await connection.RepeatAsync(
            RedisScripts.Follow, [RedisKeys.Meta(partition), RedisKeys.Stream(partition)], [position, AtOnce], cancellationToken))!;
        var (last, revision) = ((string?)answer[0] ?? "", (long)answer[1]);
        if (revision < seen)
        {
            await AdvanceAsync(partition, cancellationToken);
            return null;
        }

        var entries = ((RedisResult[])answer[2]!).Select(e => new Entry((RedisResult[])e!)).ToArray();
        if (entries.Length == 0 ? last != position : entries[0].Previous != position)
            return null;
        partitions.See(partition, revision);
        return entries;
    }

    private async ValueTask AdvanceAsync(string partition, CancellationToken cancellationToken) =>
        partitions.See(partition, (long)await connection.RepeatAsync(
            RedisScripts.Advance, [RedisKeys.Meta(partition), RedisKeys.Stream(partition)],
            [RedisDocument.Number(partitions.Seen(partition)), RedisKeys.Wake(partition)], cancellationToken));

    /// <summary>A store that is away ends no watch: the reader holds what it has, and goes on where it stood.</summary>
    private async ValueTask<T> UntilAnsweredAsync<T>(Func<ValueTask<T>> ask, CancellationToken cancellationToken)
    {
        var pause = TimeSpan.Zero;
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (StoreUnavailableException e) when (e.InnerException is not ObjectDisposedException)
            {
                pause = await connection.PauseAsync(pause, Poll, cancellationToken);
            }
        }
    }

    private async ValueTask SleepAsync(ChannelReader<bool> wake, CancellationToken cancellationToken)
    {
        using var poll = new CancellationTokenSource(Poll, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(poll.Token, cancellationToken);
        try
        {
            // Cancelled rather than left behind: a read that nobody waits for takes the next wake from whoever does.
            await wake.ReadAsync(ends.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The poll.
        }
    }

    private async Task SubscribeAsync(string partition, Action<RedisChannel, RedisValue> handler)
    {
        try
        {
            await connection.Subscriber.SubscribeAsync(RedisKeys.Wake(partition), handler);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or TimeoutException)
        {
            // The poll serves.
        }
    }

    private async Task UnsubscribeAsync(string partition, Action<RedisChannel, RedisValue> handler)
    {
        try
        {
            await connection.Subscriber.UnsubscribeAsync(RedisKeys.Wake(partition), handler);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or TimeoutException)
        {
            // The connection went first.
        }
    }

    /// <summary>One commit as the stream holds it: its position, the position before it, and key and value of each write.</summary>
    private sealed class Entry(RedisResult[] raw)
    {
        private readonly RedisResult[] _fields = (RedisResult[])raw[1]!;

        public string Position { get; } = (string)raw[0]!;

        public string Previous => (string?)_fields[1] ?? "";

        public Feed.Changes? Changes(Prefixes watched)
        {
            List<Change>? changes = null;
            for (var i = 2; i < _fields.Length; i += 2)
            {
                var key = (string)_fields[i]!;
                if (!watched.Match(key))
                    continue;
                var value = (byte[])_fields[i + 1]!;
                (changes ??= []).Add(new Change(key, value is [(byte)'-'] ? null : RedisDocument.Parse(key, value)));
            }

            return changes is null ? null : new Feed.Changes(Revision(Position), changes);
        }

        private static long Revision(string position) => long.Parse(position.AsSpan(0, position.IndexOf('-')), null);
    }
}
