namespace Weir.Inference.Batches.Input;

/// <summary>
/// Reads a file line by line and holds one at a time. A byte order mark in front and carriage returns before line ends are no part of
/// a line; the last one needs no end. A line that is too long is passed over without being held.
/// </summary>
internal sealed class LineReader(Stream content, int maxBytes)
{
    private const int FirstSize = 64 * 1024;

    private byte[] _buffer = new byte[FirstSize];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>Of the line that was read last; the first is 1.</summary>
    public int Number { get; private set; }

    /// <summary>The line has more than the bytes allowed, and <see cref="Line"/> is empty.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Valid until the next is read.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <returns>False at the end of the file.</returns>
    public async ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        IsTooLong = false;
        var scanned = 0;
        while (true)
        {
            var at = _buffer.AsSpan(_start + scanned, _end - _start - scanned).IndexOf((byte)'\n');
            if (at >= 0)
            {
                Take(scanned + at);
                _start++;
                return true;
            }

            scanned = _end - _start;
            // Room for a mark, a carriage return, and nothing else.
            if (scanned > maxBytes + 4)
            {
                IsTooLong = true;
                _start = _end = scanned = 0;
            }

            if (_ended)
            {
                if (scanned == 0 && !IsTooLong)
                {
                    return false;
                }

                Take(scanned);
                return true;
            }

            await FillAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void Take(int length)
    {
        Number++;
        var line = _buffer.AsMemory(_start, length);
        _start += length;
        if (Number == 1 && line.Span.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }

        if (line.Length > 0 && line.Span[^1] == '\r')
        {
            line = line[..^1];
        }

        IsTooLong |= line.Length > maxBytes;
        Line = IsTooLong ? default : line;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await content.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += read;
        _ended = read == 0;
    }
}
