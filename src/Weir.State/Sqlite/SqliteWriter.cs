using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;
using Weir.State.Documents;

namespace Weir.State.Sqlite;

/// <summary>
/// The one writer: it takes whatever is queued into one transaction and answers after its fsync. While an fsync runs the next
/// batch gathers, so that waiting longer would only add latency.
/// </summary>
internal sealed partial class SqliteWriter : IAsyncDisposable
{
    private const int MaxOperations = 1024;
    private const long MaxBytes = 16L << 20;
    private const int ForgetAtOnce = 4096;

    private readonly Channel<SqliteOperation> _queue = Channel.CreateBounded<SqliteOperation>(
        new BoundedChannelOptions(8192) { SingleReader = true });

    private readonly SqliteSession _session;
    private readonly SqliteUnit _unit;
    private readonly IStoreClock _clock;
    private readonly FeedHub _hub;
    private readonly ILogger _logger;
    private readonly Task _loop;
    private DateTimeOffset _forgetAt;
    private volatile string? _fault;

    public SqliteWriter(SqliteSession session, IStoreClock clock, FeedHub hub, ILogger logger)
    {
        (_session, _unit, _clock, _hub, _logger) = (session, new SqliteUnit(session), clock, hub, logger);
        _loop = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>What the last transaction met, in words for an operator; null when it went through.</summary>
    public string? Fault => _fault;

    public ValueTask EnqueueAsync(SqliteOperation operation, CancellationToken cancellationToken) => _queue.Writer.WriteAsync(operation, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
        _session.Dispose();
    }

    private void Run()
    {
        var batch = new List<SqliteOperation>();
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            long bytes = 0;
            while (batch.Count < MaxOperations && bytes < MaxBytes && _queue.Reader.TryRead(out var operation))
            {
                if (!operation.TryTake())
                    continue;
                batch.Add(operation);
                bytes += operation.Bytes;
            }

            Write(batch);
        }
    }

    private void Write(List<SqliteOperation> batch)
    {
        if (batch.Count == 0)
            return;
        try
        {
            Transact(batch);
            if (_fault is not null)
            {
                _fault = null;
                LogWritesAgain();
            }
        }
        catch (SqliteException) when (batch.Count > 1 && Undo())
        {
            // One commit too large for what is left, or at fault in another way, must not refuse the others.
            foreach (var operation in batch)
                Write([operation]);
            return;
        }
        catch (Exception e)
        {
            Fail(batch, e);
            return;
        }

        foreach (var operation in batch)
            operation.Complete(_hub);
    }

    private void Transact(List<SqliteOperation> batch)
    {
        var now = _clock.Now;
        _session.Execute("BEGIN IMMEDIATE");
        foreach (var operation in batch)
            operation.Apply(_unit, now);
        if (now >= _forgetAt)
        {
            _unit.Forget(now, ForgetAtOnce);
            _forgetAt = now + TimeSpan.FromSeconds(1);
        }

        _unit.KeepTime(now);
        _session.Execute("COMMIT");
    }

    private void Fail(List<SqliteOperation> batch, Exception e)
    {
        var undone = Undo();
        var code = (e as SqliteException)?.SqliteErrorCode ?? 0;
        var fault = code switch
        {
            raw.SQLITE_FULL => "The disk of the data folder is full: nothing can be written until there is room; reading goes on.",
            raw.SQLITE_IOERR => $"The disk of the data folder fails: {e.Message}",
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => $"The state file is damaged: stop Weir and restore it from a backup. ({e.Message})",
            _ => $"The state file cannot be written: {e.Message}",
        };
        // Once per outage: every commit tells its own caller.
        if (fault != _fault)
            LogWriteFailed(batch.Count, fault);
        _fault = fault;
        foreach (var operation in batch)
        {
            // A transaction whose undoing failed too, or whose fsync failed, may come back from the write-ahead log after a crash.
            if (undone && code != raw.SQLITE_IOERR)
                operation.Refuse(new StoreUnavailableException(fault, e));
            else
                operation.Doubt(fault);
        }
    }

    private bool Undo()
    {
        try
        {
            _session.Execute("ROLLBACK");
            return true;
        }
        catch (SqliteException e)
        {
            // SQLite has rolled back by itself after some errors, and says so.
            return e.SqliteErrorCode == raw.SQLITE_ERROR;
        }
    }

    [LoggerMessage(EventName = "StateWriteFailed", Level = LogLevel.Error, Message = "{Count} commits were not written, and more may follow: {Fault}")]
    private partial void LogWriteFailed(int count, string fault);

    [LoggerMessage(EventName = "StateWritesAgain", Level = LogLevel.Information, Message = "Commits are written again.")]
    private partial void LogWritesAgain();
}
