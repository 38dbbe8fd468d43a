using System.Threading.Channels;

namespace Weir.State.Sqlite;

/// <summary>A few connections for reading; readers and the writer do not wait for each other.</summary>
internal sealed class SqliteReaders : IDisposable
{
    private readonly Channel<SqliteSession> _idle;

    public SqliteReaders(string path, int count)
    {
        _idle = Channel.CreateBounded<SqliteSession>(count);
        var sessions = Enumerable.Range(0, count).Select(_ => new SqliteSession(path, "query_only = ON", "busy_timeout = 5000"));
        foreach (var session in sessions)
            _idle.Writer.TryWrite(session);
    }

    public async ValueTask<T> ReadAsync<T>(Func<SqliteSession, T> read, CancellationToken cancellationToken)
    {
        SqliteSession session;
        try
        {
            session = await _idle.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException e)
        {
            throw new StoreUnavailableException("The store was closed.", e);
        }

        try
        {
            return read(session);
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            throw new StoreUnavailableException($"The state file cannot be read: {e.Message}", e);
        }
        finally
        {
            if (!_idle.Writer.TryWrite(session))
                session.Dispose();
        }
    }

    /// <summary>Sessions in use are disposed by whoever brings them back.</summary>
    public void Dispose()
    {
        _idle.Writer.TryComplete();
        while (_idle.Reader.TryRead(out var session))
            session.Dispose();
    }
}
