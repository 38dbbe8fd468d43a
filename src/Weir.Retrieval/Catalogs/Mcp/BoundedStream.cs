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

/// <summary>
/// Reads what a stranger writes: refuses a message that is too large before anybody holds it whole, and cuts out what nests too deep for its reader.
/// </summary>
/// <param name="inner">Where it comes from.</param>
/// <param name="limit">Bytes of a message.</param>
/// <param name="border">What ends a message.</param>
/// <param name="refused">Told why a message was refused.</param>
/// <param name="ended">Told once it can be read no more.</param>
internal sealed class BoundedStream(Stream inner, int limit, MessageBorder border, Action<string>? refused = null, Action? ended = null) : Stream
{
    private readonly DepthCut _cut = new(border);
    private long _size;
    private bool _hasEnded;
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
        while (true)
        {
            int read;
            try
            {
                read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                End();
                throw;
            }

            // To have kept nothing is not the end.
            if (Take(buffer.Span, read) is var kept && (kept > 0 || read == 0))
                return kept;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        while (true)
        {
            var read = inner.Read(buffer, offset, count);
            if (Take(buffer.AsSpan(offset, count), read) is var kept && (kept > 0 || read == 0))
                return kept;
        }
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

    private int Take(Span<byte> buffer, int read)
    {
        if (read == 0 && buffer.Length > 0)
            End();
        Count(buffer[..read]);
        return _cut.Cut(buffer[..read]);
    }

    private void End()
    {
        if (_hasEnded)
            return;
        _hasEnded = true;
        ended?.Invoke();
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
