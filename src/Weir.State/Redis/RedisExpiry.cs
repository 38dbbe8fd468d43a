using System.Globalization;
using StackExchange.Redis;
using Weir.State.Documents;
using Weir.State.Expiry;

namespace Weir.State.Redis;

/// <summary>
/// Finds what is due. Which partitions to look at stands in one sorted set, as a hint that is written before and after each
/// commit with an expiry: before, so that a replica that dies between leaves it; after, so that a look in between cannot miss it.
/// </summary>
internal sealed class RedisExpiry(RedisConnection connection, RedisClock clock)
{
    private const int PartitionsAtOnce = 64;

    /// <summary>A hint is never later than this, so that it always comes before <see cref="Looking"/> and undoes it.</summary>
    private static readonly TimeSpan LatestHint = TimeSpan.FromSeconds(30);

    /// <summary>How long a partition stays away from other replicas while one looks at it.</summary>
    private static readonly TimeSpan Looking = TimeSpan.FromSeconds(60);

    /// <summary>When the partition should be looked at, for a commit that writes an expiry; null for one that does not.</summary>
    public void Hint(Commit commit)
    {
        DateTimeOffset? earliest = null;
        foreach (var write in commit.Writes)
        {
            if (write.ExpiresAt is { } at && write.Body is not null && (earliest is null || at < earliest))
                earliest = at;
        }

        if (earliest is not { } first)
            return;
        var latest = clock.Now + LatestHint;
        var score = RedisDocument.Number(Revisions.Micros(first < latest ? first : latest));
        // Unawaited, but in order: it stands in the connection's queue before the commit does.
        _ = IgnoreAsync(connection.CallAsync(
            database => database.ExecuteAsync("ZADD", RedisKeys.Expiring, "LT", score, commit.Partition), RedisConnection.ReadLimit, CancellationToken.None));
    }

    public async ValueTask<IReadOnlyList<Expired>> DueAsync(int limit, CancellationToken cancellationToken)
    {
        var due = new List<Expired>();
        var now = await clock.ReadAsync(cancellationToken);
        var partitions = await connection.RepeatAsync(
            database => database.SortedSetRangeByScoreAsync(RedisKeys.Expiring, double.NegativeInfinity, Revisions.Micros(now), take: PartitionsAtOnce),
            cancellationToken);
        foreach (string partition in partitions)
        {
            if (due.Count >= limit)
                break;
            await LookAsync(partition!, now, limit - due.Count, due, cancellationToken);
        }

        return due;
    }

    private async ValueTask LookAsync(string partition, DateTimeOffset now, int limit, List<Expired> due, CancellationToken cancellationToken)
    {
        var mark = RedisDocument.Number(Revisions.Micros(now + Looking));
        await connection.RepeatAsync(database => database.ExecuteAsync("ZADD", RedisKeys.Expiring, mark, partition), cancellationToken);
        var answer = (RedisResult[])(await connection.RepeatAsync(
            RedisScripts.Due, [RedisKeys.Expiry(partition), RedisKeys.Versions(partition), RedisKeys.Meta(partition)], [limit], cancellationToken))!;
        var found = (RedisResult[])answer[1]!;
        for (var i = 0; i < found.Length; i += 2)
            due.Add(new Expired(partition, (string)found[i]!, (long)found[i + 1]));

        // What is due stays due until its commit has landed: the next look finds nothing, or finds it again.
        await connection.RepeatAsync(RedisScripts.Reschedule, [RedisKeys.Expiring], [partition, mark, (string?)answer[0] ?? ""], cancellationToken);
    }

    private static async Task IgnoreAsync(ValueTask<RedisResult> call)
    {
        try
        {
            await call;
        }
        catch (StoreUnavailableException)
        {
            // The commit meets the same fault and tells it.
        }
    }
}
