using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Weir.State.Clocks;
using Weir.State.Documents;
using Weir.State.Expiry;
using Weir.State.Files;

namespace Weir.State.Sqlite;

/// <summary>The embedded store: one file in the data folder, and blobs and logs as files beside it.</summary>
internal sealed partial class SqliteStateStore : IStateStore, IExpiryIndex
{
    private readonly DataFolder _folder;
    private readonly TimeProvider _time;
    private readonly FeedHub _hub = new();
    private readonly MonotonicStoreClock _clock;
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;
    private readonly SqliteCacheStore _cache;
    private readonly FileLogStore _logs;
    private int _disposed;

    private SqliteStateStore(DataFolder folder, SqliteSession session, string path, StateOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        (_folder, _time) = (folder, time);
        var stored = Convert.ToInt64(session.Scalar("SELECT micros FROM clock"), CultureInfo.InvariantCulture);
        _clock = new MonotonicStoreClock(time, Revisions.Time(stored));
        var logger = loggers.CreateLogger<SqliteStateStore>();
        if (OwnerOnly.OpenMode(folder.Path) is { } mode)
            LogOpenToOthers(logger, folder.Path, mode);
        _readers = new SqliteReaders(path, Math.Clamp(Environment.ProcessorCount, 2, 8));
        _cache = new SqliteCacheStore(Path.Combine(folder.Path, "cache.db"), options.CacheBytes, _clock, logger);
        Blobs = new FileBlobStore(Path.Combine(folder.Path, "blobs"));
        _logs = new FileLogStore(Path.Combine(folder.Path, "logs"));
        // Last: it alone takes the session over, once nothing can fail any more.
        _writer = new SqliteWriter(session, _clock, _hub, logger);
    }

    public IStoreClock Clock => _clock;

    public IBlobStore Blobs { get; }

    public ILogStore Logs => _logs;

    public ICacheStore Cache => _cache;

    public StoreHealth Health => new("sqlite", _disposed == 0 && _writer.Fault is null, _writer.Fault is { } fault ? [fault] : []);

    /// <param name="options">Names the data folder.</param>
    /// <param name="time">Monotonic time, and UTC at the start.</param>
    /// <param name="loggers">Where faults are told.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <param name="maxPages">Bounds the file, in pages of 4 KiB; null: the disk does.</param>
    public static ValueTask<IStateStore> OpenAsync(
        StateOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken, int? maxPages = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        NativeSqlite.Bind();
        var folder = DataFolder.Open(options.DataFolder);
        var path = Path.Combine(folder.Path, "state.db");
        SqliteSession? session = null;
        try
        {
            OwnerOnly.PrepareDatabase(path);
            session = new SqliteSession(path, "journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000", "journal_size_limit = 67108864");
            if (maxPages is { } pages)
                session.Scalar(string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count = {pages}"));
            SqliteSchema.Ensure(session, path);
            return new ValueTask<IStateStore>(new SqliteStateStore(folder, session, path, options, time, loggers));
        }
        catch (Exception e)
        {
            session?.Dispose();
            folder.Dispose();
            if (e is SqliteException or IOException or UnauthorizedAccessException)
                throw new StoreUnavailableException($"The state file {path} cannot be opened: {e.Message} Restore it from a backup, give this user the right to write there, or choose another folder with --data.", e);
            throw;
        }
    }

    public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        CommitLimits.Validate(commit);
        return WriteAsync(new SqliteOperation(commit, settle: false), commit.Deadline, cancellationToken);
    }

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) =>
        WriteAsync(new SqliteOperation(commit, settle: true), commit.Deadline, cancellationToken);

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) =>
        _readers.ReadAsync(session => SqliteQueries.Read(session, partition, key), cancellationToken);

    public ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default)
    {
        CommitLimits.ValidateList(limit);
        return _readers.ReadAsync<IReadOnlyList<Document>>(session => SqliteQueries.List(session, partition, prefix, after, limit), cancellationToken);
    }

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) =>
        _readers.ReadAsync(session => SqliteQueries.Revision(session, partition), cancellationToken);

    public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
        _hub.FollowAsync(
            partition, prefixes,
            (watched, token) => _readers.ReadAsync(session => SqliteQueries.Snapshot(session, partition, watched), token), cancellationToken);

    public ValueTask<IReadOnlyList<Expired>> DueAsync(int limit, CancellationToken cancellationToken)
    {
        var now = _clock.Now;
        return _readers.ReadAsync(session => SqliteQueries.Due(session, now, limit), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _hub.Dispose();
        await _writer.DisposeAsync();
        await _cache.DisposeAsync();
        await _logs.DisposeAsync();
        _readers.Dispose();
        _folder.Dispose();
    }

    private async ValueTask<CommitOutcome> WriteAsync(SqliteOperation operation, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        try
        {
            using var ends = new CancellationTokenSource(deadline, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, ends.Token);
            await _writer.EnqueueAsync(operation, either.Token);
            return await operation.Answer.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (operation.Answer.IsCompleted)
        {
            return await operation.Answer;
        }
        catch (OperationCanceledException)
        {
            if (!operation.TryWithdraw())
                return new CommitOutcome.Unknown($"The disk had not answered after {_time.GetElapsedTime(started).TotalSeconds:0.0} s.");
            cancellationToken.ThrowIfCancellationRequested();
            throw new StoreUnavailableException($"The commit waited {deadline.TotalSeconds:0.0} s for its turn: the disk of the data folder is too slow for what is written.");
        }
        catch (System.Threading.Channels.ChannelClosedException e)
        {
            throw new StoreUnavailableException("The store was closed.", e);
        }
    }

    [LoggerMessage(EventName = "DataFolderOpenToOthers", Level = LogLevel.Warning, Message = "The data folder {Folder} lets other users of this machine in (mode {Mode}). Its files are closed to them; close the folder too, with chmod 700.")]
    private static partial void LogOpenToOthers(ILogger logger, string folder, string mode);
}
