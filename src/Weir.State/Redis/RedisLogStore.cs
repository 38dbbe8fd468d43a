using System.Runtime.CompilerServices;
using StackExchange.Redis;
using Weir.State.Documents;
using Weir.State.Logs;

namespace Weir.State.Redis;

/// <summary>A log is a list of checksummed records beside its fence; every append names the fence and the count it stands on.</summary>
internal sealed class RedisLogStore(RedisConnection connection) : ILogStore
{
    private const int Page = 128;

    public async ValueTask<ILogWriter> OpenAsync(string name, long fence, CancellationToken cancellationToken = default)
    {
        CommitLimits.ValidateName(name, "log name");
        RedisKey[] keys = [RedisKeys.Records(name), RedisKeys.Fence(name)];
        var answer = (RedisResult[])(await connection.RepeatAsync(RedisScripts.OpenLog, keys, [RedisDocument.Number(fence)], cancellationToken))!;
        var (standing, count) = ((long)answer[0], (long)answer[1]);
        if (standing > fence)
            throw StaleFenceException.Of(name, fence, standing);
        return new Writer(connection, keys, name, fence, await CutAsync(keys[0], count, cancellationToken));
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        string name, long from = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var at = from;
            var records = await connection.RepeatAsync(database => database.ListRangeAsync(RedisKeys.Records(name), at, at + Page - 1), cancellationToken);
            foreach (byte[] record in records)
            {
                if (!Whole(record!))
                    throw new InvalidDataException($"Record {from} of log '{name}' is damaged.");
                from++;
                yield return record.AsMemory(LogRecord.HeaderBytes);
            }

            if (records.Length < Page)
                yield break;
        }
    }

    public async ValueTask RemoveAsync(string name, CancellationToken cancellationToken = default) =>
        await connection.RepeatAsync(database => database.KeyDeleteAsync([RedisKeys.Records(name), RedisKeys.Fence(name)]), cancellationToken);

    private static bool Whole(byte[] record) =>
        record.Length >= LogRecord.HeaderBytes && LogRecord.Length(record) == record.Length - LogRecord.HeaderBytes && LogRecord.Intact(record);

    /// <summary>A list has no torn elements of its own; what a restored copy of the server's file may hold at its end is cut all the same.</summary>
    private async ValueTask<long> CutAsync(RedisKey records, long count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            var last = (byte[]?)await connection.RepeatAsync(database => database.ListGetByIndexAsync(records, -1), cancellationToken);
            if (last is null || Whole(last))
                return count;
            count--;
            var keep = count;
            await connection.RepeatAsync(
                database => keep == 0 ? database.ExecuteAsync("DEL", records) : database.ExecuteAsync("LTRIM", records, 0, keep - 1), cancellationToken);
        }

        return count;
    }

    private sealed class Writer(RedisConnection connection, RedisKey[] keys, string name, long fence, long count) : ILogWriter
    {
        private readonly SemaphoreSlim _turn = new(1, 1);

        public long Count { get; private set; } = count;

        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> records, CancellationToken cancellationToken = default)
        {
            if (records.Count == 0)
                return;
            var encoded = records.Select(r => (RedisValue)LogRecord.Encode(LogRecord.Data, r.Span)).ToArray();
            await _turn.WaitAsync(cancellationToken);
            try
            {
                var answer = (RedisResult[])(await connection.RepeatAsync(
                    RedisScripts.AppendLog, keys, [RedisDocument.Number(fence), RedisDocument.Number(Count), .. encoded], cancellationToken))!;
                if ((string?)answer[0] == "stale")
                    throw StaleFenceException.Of(name, fence, (long)answer[1]);
                Count += records.Count;
            }
            finally
            {
                _turn.Release();
            }
        }

        public ValueTask DisposeAsync()
        {
            _turn.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
