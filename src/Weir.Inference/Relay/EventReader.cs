using System.Buffers;

namespace Weir.Inference.Relay;

/// <summary>
/// Takes a stream of server-sent events apart, however it is cut into pieces. Lines may end with LF or CRLF; the lines of one event's data are
/// joined by LF, and comments and other fields are passed over.
/// </summary>
/// <param name="largest">The most bytes of one event.</param>
/// <remarks>WHATWG HTML, 9.2.6 "Interpreting an event stream", but for a CR that stands alone.</remarks>
internal sealed class EventReader(int largest) : IDisposable
{
    private const int FirstSize = 4096;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _end;
    private int _line;
    private int _searched;

    // Of the event that is being put together: its name and its data, which is moved together at the event's beginning.
    private int _start;
    private int _nameLength;
    private int _dataLength;
    private bool _hasData;
    private bool _isRead;
    private byte[] _name = [];

    /// <summary>The name of the last event that was read; empty where it has none.</summary>
    public ReadOnlySpan<byte> Name => _name.AsSpan(0, _nameLength);

    /// <summary>The data of the last event that was read, valid until the next call of anything here.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>Takes a piece that has been read already.</summary>
    /// <exception cref="InvalidDataException">An event is larger than allowed.</exception>
    public void Append(ReadOnlySpan<byte> piece)
    {
        while (!piece.IsEmpty)
        {
            var room = GetMemory(piece.Length).Span;
            piece[..room.Length].CopyTo(room);
            Advance(room.Length);
            piece = piece[room.Length..];
        }
    }

    /// <summary>Memory to read the next piece into: at most as much as asked for, and never none.</summary>
    /// <exception cref="InvalidDataException">An event is larger than allowed.</exception>
    public Memory<byte> GetMemory(int size)
    {
        if (_end - _start > largest)
        {
            throw new InvalidDataException($"An event of the stream is larger than {largest} bytes.");
        }

        MakeRoom(size);
        return _buffer.AsMemory(_end, Math.Min(size, _buffer.Length - _end));
    }

    /// <summary>Says how much has been read into it.</summary>
    public void Advance(int count) => _end += count;

    /// <summary>Takes the next event that is whole and has data; false: more must be read first.</summary>
    public bool TryRead()
    {
        while (true)
        {
            var newline = _buffer.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
            if (newline < 0)
            {
                _searched = _end;
                return false;
            }

            var next = _searched + newline + 1;
            var line = Line(_line, next - 1);
            _searched = _line = next;
            if (line.Length > 0)
            {
                Take(line);
            }
            else if (TryFinish(next))
            {
                return true;
            }
        }
    }

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private bool TryFinish(int next)
    {
        var hadData = _dataLength > 0;
        Data = hadData ? _buffer.AsMemory(_start, _dataLength) : default;
        _start = next;
        _dataLength = 0;
        _hasData = false;
        _nameLength = hadData && !_isRead ? _nameLength : 0;
        _isRead = hadData;
        return hadData;
    }

    private Span<byte> Line(int from, int to) => _buffer.AsSpan(from, (to > from && _buffer[to - 1] == '\r' ? to - 1 : to) - from);

    private void Take(Span<byte> line)
    {
        if (_isRead)
        {
            // The name of the event before, which has been read by now.
            (_isRead, _nameLength) = (false, 0);
        }

        if (line.StartsWith("data:"u8))
        {
            var value = Value(line, 5);
            var at = _start + _dataLength;
            if (_hasData)
            {
                _buffer[at++] = (byte)'\n';
            }

            // It never reaches beyond where it came from: each line has lost its name.
            value.CopyTo(_buffer.AsSpan(at));
            _dataLength = at + value.Length - _start;
            _hasData = true;
        }
        else if (line.StartsWith("event:"u8))
        {
            var value = Value(line, 6);
            if (_name.Length < value.Length)
            {
                _name = new byte[value.Length];
            }

            value.CopyTo(_name);
            _nameLength = value.Length;
        }
    }

    private static Span<byte> Value(Span<byte> line, int from) => line[(line.Length > from && line[from] == ' ' ? from + 1 : from)..];

    private void MakeRoom(int size)
    {
        if (_buffer.Length - _end >= Math.Min(size, FirstSize / 4) && _start == 0)
        {
            return;
        }

        var held = _end - _start;
        var target = _buffer;
        if (_buffer.Length - held < size)
        {
            target = ArrayPool<byte>.Shared.Rent(Math.Max(held + size, 2 * held));
        }

        _buffer.AsSpan(_start, held).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }

        (_line, _searched, _end, _start) = (_line - _start, _searched - _start, held, 0);
    }
}
