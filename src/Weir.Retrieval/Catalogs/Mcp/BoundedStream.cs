namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>What ends a message in a stream.</summary>
internal enum MessageBorder
{
    /// <summary>Only the end of the stream.</summary>
    End,

    /// <summary>A line break: standard streams.</summary>
    Line,

    /// <summary>An empty line: server-sent events.</summary>
    EmptyLine,
}

/// <summary>Reads what a stranger writes, and refuses a message that is too large before anybody holds it whole.</summary>
internal sealed class BoundedStream(Stream inner, int limit, MessageBorder border, Action<string>? refused = null) : Stream
{
    private long _size;
    private bool _afterBreak;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        Count(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        var read = inner.Read(buffer, offset, count);
        Count(buffer.AsSpan(offset, read));
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private void Count(ReadOnlySpan<byte> bytes)
    {
        if (border == MessageBorder.End)
        {
            Add(bytes.Length);
            return;
        }

        while (!bytes.IsEmpty)
        {
            var at = bytes.IndexOf((byte)'\n');
            var line = at < 0 ? bytes : bytes[..at];
            var isEmpty = line.IsEmpty || (line.Length == 1 && line[0] == (byte)'\r');
            if (at < 0)
            {
                Add(line.Length);
                _afterBreak &= isEmpty;
                return;
            }

            Add(line.Length);
            if (border == MessageBorder.Line || (_afterBreak && isEmpty))
                _size = 0;
            _afterBreak = true;
            bytes = bytes[(at + 1)..];
        }
    }

    private void Add(int count)
    {
        _size += count;
        if (_size <= limit)
            return;
        var fault = $"It sent a message of more than {limit >> 10} KiB.";
        refused?.Invoke(fault);
        throw new McpFaultException(fault);
    }
}
