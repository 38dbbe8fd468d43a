using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Weir.State.Caching;
using Weir.State.Documents;
using Weir.State.Files;

namespace Weir.State.Sqlite;

/// <summary>
/// The cache, in a file of its own that is never fsynced and is made anew when it is damaged. Oldest entries go first. Every
/// fault of it is a miss.
/// </summary>
internal sealed partial class SqliteCacheStore : ICacheStore, IAsyncDisposable
{
    private const int Merged = 512;

    private readonly CacheBounds _bounds;
    private readonly IStoreClock _clock;
    private readonly ILogger _logger;
    private readonly SqliteSession _writing;
    private readonly SqliteReaders _readers;
    private readonly Dictionary<string, long> _bytes = new(StringComparer.Ordinal);
    private readonly Channel<Work> _queue = Channel.CreateBounded<Work>(new BoundedChannelOptions(4096) { SingleReader = true });
    private readonly Task _loop;
    // Told once per outage.
    private bool _failing;

    public SqliteCacheStore(string path, long maxBytes, IStoreClock clock, ILogger logger)
    {
        (_bounds, _clock, _logger) = (new CacheBounds(maxBytes), clock, logger);
        _writing = Open(path);
        using (var rows = _writing.Bind("SELECT space, sum(length(key) + length(value)) FROM entries GROUP BY space").ExecuteReader())
        {
            while (rows.Read())
                _bytes[rows.GetString(0)] = rows.GetInt64(1);
        }

        _readers = new SqliteReaders(path, 2);
        _loop = Task.Run(RunAsync);
    }

    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        try
        {
            var value = await _readers.ReadAsync(session => Read(session, space, key), cancellationToken);
            return value is null ? default(ReadOnlyMemory<byte>?) : value;
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    public async ValueTask SetAsync(
        string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(key, value);
        var until = ttl is { } lasts ? Revisions.Micros(_clock.Now + lasts) : (long?)null;
        await WorkAsync(() => Put(space, key.ToArray(), value.ToArray(), until), cancellationToken);
    }

    public async ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(
        string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default)
    {
        var values = new ReadOnlyMemory<byte>?[keys.Count];
        try
        {
            await _readers.ReadAsync(
                session =>
                {
                    for (var i = 0; i < values.Length && !cancellationToken.IsCancellationRequested; i++)
                        values[i] = Read(session, space, keys[i]) is { } value ? value : default(ReadOnlyMemory<byte>?);
                    return true;
                },
                cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // What was read before it failed is as good as ever.
        }

        return values;
    }

    public async ValueTask<int> SetManyAsync(
        string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(entries);
        var until = ttl is { } lasts ? Revisions.Micros(_clock.Now + lasts) : (long?)null;
        var copies = entries.Select(entry => (Key: entry.Key.ToArray(), Value: entry.Value.ToArray())).ToArray();
        return (int)await WorkAsync(() => copies.Sum(copy => Put(space, copy.Key, copy.Value, until)), cancellationToken);
    }

    public void Bound(string space, long maxBytes) => _bounds.Set(space, maxBytes);

    public ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default) => WorkAsync(() => Clear(space), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
        _readers.Dispose();
        _writing.Dispose();
    }

    private static SqliteSession Open(string path)
    {
        try
        {
            return Prepare(path);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB)
        {
            foreach (var file in new[] { path, path + "-wal", path + "-shm" })
                File.Delete(file);
            return Prepare(path);
        }
    }

    private static SqliteSession Prepare(string path)
    {
        OwnerOnly.PrepareDatabase(path);
        var session = new SqliteSession(path, "journal_mode = WAL", "synchronous = OFF", "busy_timeout = 5000", "journal_size_limit = 67108864");
        try
        {
            session.Execute(
                """
                CREATE TABLE IF NOT EXISTS entries(
                  id INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, key BLOB NOT NULL, expires INTEGER, value BLOB NOT NULL, UNIQUE(space, key));
                CREATE INDEX IF NOT EXISTS entries_age ON entries(space, id);
                """);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private byte[]? Read(SqliteSession session, string space, ReadOnlyMemory<byte> key) => session.Scalar(
        "SELECT value FROM entries WHERE space = $1 AND key = $2 AND (expires IS NULL OR expires > $3)",
        space, key.ToArray(), Revisions.Micros(_clock.Now)) as byte[];

    private async ValueTask<long> WorkAsync(Func<long> apply, CancellationToken cancellationToken)
    {
        var work = new Work(apply, new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!_queue.Writer.TryWrite(work))
            return 0;
        return await work.Done.Task.WaitAsync(cancellationToken);
    }

    private async Task RunAsync()
    {
        var batch = new List<Work>();
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < Merged && _queue.Reader.TryRead(out var work))
                batch.Add(work);
            var results = new long[batch.Count];
            try
            {
                _writing.Execute("BEGIN IMMEDIATE");
                for (var i = 0; i < batch.Count; i++)
                    results[i] = batch[i].Apply();
                _writing.Execute("COMMIT");
                _failing = false;
            }
            catch (Exception e)
            {
                if (!_failing)
                    LogCacheFailed(e.Message);
                _failing = true;
                Array.Clear(results);
                Undo();
            }

            for (var i = 0; i < batch.Count; i++)
                batch[i].Done.TrySetResult(results[i]);
        }
    }

    private long Put(string space, byte[] key, byte[] value, long? until)
    {
        var held = _bytes.GetValueOrDefault(space);
        if (_writing.Scalar("SELECT length(value) FROM entries WHERE space = $1 AND key = $2", space, key) is long old)
            held -= key.Length + old;
        _writing.Execute("INSERT OR REPLACE INTO entries(space, key, expires, value) VALUES($1, $2, $3, $4)", space, key, until, value);
        held += key.Length + value.Length;
        while (held > _bounds.Of(space) && Eldest(space) is var (id, bytes))
        {
            _writing.Execute("DELETE FROM entries WHERE id = $1", id);
            held -= bytes;
        }

        _bytes[space] = held;
        return 1;
    }

    private (long Id, long Bytes)? Eldest(string space)
    {
        using var row = _writing.Bind("SELECT id, length(key) + length(value) FROM entries WHERE space = $1 ORDER BY id LIMIT 1", space).ExecuteReader();
        return row.Read() ? (row.GetInt64(0), row.GetInt64(1)) : null;
    }

    private long Clear(string space)
    {
        _bytes.Remove(space);
        return _writing.Execute("DELETE FROM entries WHERE space = $1", space);
    }

    /// <summary>The sums may be off after a transaction that failed, so they are counted again; what cannot be counted stays as it was.</summary>
    private void Undo()
    {
        try
        {
            _writing.Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
            // Rolled back by SQLite itself.
        }

        try
        {
            foreach (var space in _bytes.Keys.ToArray())
                _bytes[space] = (long)_writing.Scalar("SELECT coalesce(sum(length(key) + length(value)), 0) FROM entries WHERE space = $1", space)!;
        }
        catch (SqliteException e)
        {
            LogCacheFailed(e.Message);
        }
    }

    [LoggerMessage(EventName = "CacheWriteFailed", Level = LogLevel.Warning, Message = "Entries of the cache were not written: {Reason}")]
    private partial void LogCacheFailed(string reason);

    private sealed record Work(Func<long> Apply, TaskCompletionSource<long> Done);
}
