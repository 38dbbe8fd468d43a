using Weir.State.Logs;

namespace Weir.State.Files;

/// <summary>Appends with one write and one fsync per call. A write that fails is cut off again before the next.</summary>
internal sealed class FileLogWriter : ILogWriter
{
    private readonly FileStream _file;
    private readonly string _name;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private long _end;
    private long _supersededBy = -1;
    private bool _closed;

    private FileLogWriter(FileStream file, string name, long fence, LogFile log)
    {
        (_file, _name, Fence) = (file, name, fence);
        (_end, Count) = (log.End, log.Count);
    }

    public long Fence { get; }

    public long Count { get; private set; }

    public static async ValueTask<FileLogWriter> OpenAsync(string path, string name, long fence, CancellationToken cancellationToken)
    {
        FileStream? file = null;
        try
        {
            var isNew = !File.Exists(path);
            // Unbuffered: what a failed write leaves behind must not be written again later.
            file = new FileStream(path, Unbuffered());
            if (isNew)
                DurableFile.FlushEntry(path);
            var log = await ScanAsync(path, name, cancellationToken);
            if (log.Fence > fence)
                throw StaleFenceException.Of(name, fence, log.Fence);
            var writer = new FileLogWriter(file, name, fence, log);
            if (log.Fence < fence || file.Length > log.End)
                await writer.WriteAsync(log.Fence < fence ? LogRecord.EncodeFence(fence) : [], cancellationToken);
            return writer;
        }
        catch (Exception e)
        {
            if (file is not null)
                await file.DisposeAsync();
            if (e is UnauthorizedAccessException or IOException)
                throw new StoreUnavailableException($"Log '{name}' cannot be opened: {e.Message}", e);
            throw;
        }
    }

    private static FileStreamOptions Unbuffered()
    {
        var options = OwnerOnly.Options(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
        (options.BufferSize, options.Options) = (0, FileOptions.Asynchronous);
        return options;
    }

    /// <summary>Through a buffered reader of its own.</summary>
    private static async ValueTask<LogFile> ScanAsync(string path, string name, CancellationToken cancellationToken)
    {
        await using var reading = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        var log = new LogFile(reading, name);
        while (await log.NextAsync(cancellationToken) is not null)
        {
        }

        return log;
    }

    public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> records, CancellationToken cancellationToken = default)
    {
        using var encoded = new MemoryStream();
        foreach (var record in records)
            encoded.Write(LogRecord.Encode(LogRecord.Data, record.Span));
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_supersededBy >= 0)
                throw StaleFenceException.Of(_name, Fence, _supersededBy);
            ObjectDisposedException.ThrowIf(_closed, this);
            // From here on it is done whole, whoever stops waiting.
            await WriteAsync(encoded.GetBuffer().AsMemory(0, (int)encoded.Length), CancellationToken.None);
            Count += records.Count;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"Log '{_name}' cannot be written: {e.Message}", e);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Waits for an append in progress; the ones after it are refused.</summary>
    public async ValueTask SupersedeAsync(long by)
    {
        await _turn.WaitAsync();
        try
        {
            _supersededBy = by;
            await CloseAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        try
        {
            await CloseAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask CloseAsync()
    {
        if (_closed)
            return;
        _closed = true;
        await _file.DisposeAsync();
    }

    /// <summary>Cuts whatever stands behind the last whole record, then writes there.</summary>
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (_file.Length > _end)
            _file.SetLength(_end);
        _file.Position = _end;
        await _file.WriteAsync(bytes, cancellationToken);
        _file.Flush(flushToDisk: true);
        _end += bytes.Length;
    }
}
