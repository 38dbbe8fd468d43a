using System.Globalization;
using StackExchange.Redis;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>
/// Sends commits. What never left is sent again until the deadline; what was lost with its connection is sent again under its
/// id, which lands at most once; what is not answered in time is unknown.
/// </summary>
internal sealed class RedisCommits(RedisConnection connection, RedisClock clock, RedisPartitions partitions, TimeProvider time)
{
    private const int StreamEntries = 10_000;
    private const long StreamBytes = 64L << 20;

    private static readonly RedisValue Remembered = (long)CommitLimits.Remembered.TotalMilliseconds;

    public async ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var attempts = 0;
        var mayLand = false;
        var pause = TimeSpan.Zero;
        var partition = commit.Partition;
        RedisKey[] keys =
        [
            RedisKeys.Meta(partition), RedisKeys.Versions(partition), RedisKeys.Bodies(partition), RedisKeys.Index(partition),
            RedisKeys.Expiry(partition), RedisKeys.Stream(partition), RedisKeys.CommitId(partition, commit.Id),
        ];
        var arguments = Arguments(commit);
        while (true)
        {
            var left = commit.Deadline - time.GetElapsedTime(started);
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (left <= TimeSpan.Zero)
                    throw new StoreUnavailableException($"Redis could not be reached within {commit.Deadline.TotalSeconds:0.0} s.") { Fault = StoreFault.NotSent };
                arguments[1] = Bound(commit);
                arguments[2] = RedisDocument.Number(partitions.Seen(partition));
                arguments[3] = attempts > 0 ? 1 : 0;
                mayLand = true;
                var sent = time.GetTimestamp();
                var answer = (RedisResult[])(await connection.EvaluateAsync(RedisScripts.Commit, keys, arguments, left, cancellationToken))!;
                clock.Observe((long)answer[1], sent);
                if ((string?)answer[0] != "late")
                    return Outcome(partition, answer);
                // Our clock stood still longer than the store's (a suspended machine): the commit's own bound still holds, so it goes again.
                if (commit.NotAfter < Revisions.Time((long)answer[1]) || left <= TimeSpan.Zero)
                    return attempts == 0 ? new CommitOutcome.Lost([]) : await SettleAsync(commit, cancellationToken);
            }
            catch (StoreUnavailableException e) when (e.Fault == StoreFault.NotSent && left > TimeSpan.Zero)
            {
                mayLand = attempts > 0;
                pause = await PauseAsync(pause, left, attempts, cancellationToken);
            }
            catch (StoreUnavailableException e) when (e.Fault == StoreFault.Unanswered && left > TimeSpan.Zero)
            {
                attempts++;
                pause = await PauseAsync(pause, left, attempts, cancellationToken);
            }
            catch (StoreUnavailableException e) when (e.Fault is StoreFault.TimedOut or StoreFault.Unanswered || attempts > 0)
            {
                return new CommitOutcome.Unknown(e.Message);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && mayLand)
            {
                return new CommitOutcome.Unknown("The caller stopped waiting for the answer.");
            }
        }
    }

    public async ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var pause = TimeSpan.Zero;
        RedisKey[] keys = [RedisKeys.Meta(commit.Partition), RedisKeys.CommitId(commit.Partition, commit.Id)];
        while (true)
        {
            var left = commit.Deadline - time.GetElapsedTime(started);
            try
            {
                var sent = time.GetTimestamp();
                var answer = (RedisResult[])(await connection.EvaluateAsync(
                    RedisScripts.Settle, keys, [Remembered], left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1), cancellationToken))!;
                clock.Observe((long)answer[1], sent);
                return Outcome(commit.Partition, answer);
            }
            catch (StoreUnavailableException e) when (e.Fault != StoreFault.Refused)
            {
                if (left <= TimeSpan.Zero || e.Fault == StoreFault.TimedOut)
                    return new CommitOutcome.Unknown(e.Message);
                pause = await connection.PauseAsync(pause, left, cancellationToken);
            }
        }
    }

    private async ValueTask<TimeSpan> PauseAsync(TimeSpan pause, TimeSpan left, int attempts, CancellationToken cancellationToken)
    {
        try
        {
            return await connection.PauseAsync(pause, left, cancellationToken);
        }
        catch (OperationCanceledException) when (attempts > 0)
        {
            // The next round answers that it is unknown.
            return pause;
        }
    }

    private CommitOutcome Outcome(string partition, RedisResult[] answer)
    {
        switch ((string?)answer[0])
        {
            case "done":
                var revision = (long)answer[2];
                partitions.See(partition, revision);
                return new CommitOutcome.Committed(revision);
            case "lost":
                return new CommitOutcome.Lost([.. answer.Skip(2).Select(key => (string)key!).Distinct(StringComparer.Ordinal)]);
            default:
                return new CommitOutcome.Lost([]);
        }
    }

    /// <summary>Nothing may land later than the mark of a settled commit is remembered.</summary>
    private RedisValue Bound(Commit commit)
    {
        var landing = clock.Now + CommitLimits.Landing;
        return RedisDocument.Number(Revisions.Micros(commit.NotAfter is { } bound && bound < landing ? bound : landing));
    }

    private static RedisValue[] Arguments(Commit commit)
    {
        var arguments = new List<RedisValue>(11 + (commit.Checks.Count * 2) + (commit.Writes.Count * 4))
        {
            // Tells two commits apart that were given the same revision in two histories of one store.
            RedisDocument.Number(Nonce(commit.Id)), 0, 0, 0, Remembered, StreamEntries, StreamBytes, RedisKeys.Wake(commit.Partition),
            commit.Checks.Count,
        };
        foreach (var check in commit.Checks)
        {
            arguments.Add(check.Key);
            arguments.Add(RedisDocument.Number(check.Expected));
        }

        arguments.Add(commit.Writes.Count);
        foreach (var write in commit.Writes)
        {
            arguments.Add(write.Key);
            arguments.Add(RedisDocument.Number(write.Expected));
            arguments.Add(RedisDocument.Expiry(write));
            arguments.Add(write.Body is { } body ? body.ToArray() : "");
        }

        return [.. arguments];
    }

    /// <summary>FNV-1a over the id: the same for every sending of one commit.</summary>
    private static uint Nonce(string id)
    {
        var hash = 2166136261u;
        foreach (var c in id)
            hash = unchecked((hash ^ c) * 16777619u);
        return hash;
    }
}
