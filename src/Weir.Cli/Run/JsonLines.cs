namespace Weir.Cli.Run;

/// <summary>The lines of a file, one after the other, each with where it stands; in the memory of the longest.</summary>
/// <param name="file">Read from where it stands.</param>
/// <param name="longest">A longer line is passed over and told as such, in bytes.</param>
internal sealed class JsonLines(Stream file, int longest)
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;
    private bool _isOver;

    /// <summary>Where the current line begins in the file.</summary>
    public long Offset { get; private set; }

    /// <summary>Where the next line begins.</summary>
    public long Next { get; private set; }

    /// <summary>From 1.</summary>
    public int Number { get; private set; }

    /// <summary>Without its line feed; good until the next is read. Empty where it is too long.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>A line feed ends it: a last line may have none.</summary>
    public bool IsEnded { get; private set; }

    public bool IsTooLong { get; private set; }

    public bool Read()
    {
        (IsTooLong, Offset) = (false, Next);
        var searched = 0;
        while (true)
        {
            var feed = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (feed >= 0)
                return Take(searched + feed, isEnded: true);
            searched = _end - _start;
            if (_isOver)
                return (searched > 0 || IsTooLong) && Take(searched, isEnded: false);
            if (searched > longest)
                (IsTooLong, Next, _start, _end, searched) = (true, Next + searched, 0, 0, 0);
            Fill();
        }
    }

    private bool Take(int length, bool isEnded)
    {
        Line = IsTooLong ? default : _buffer.AsMemory(_start, length);
        IsEnded = isEnded;
        var taken = length + (isEnded ? 1 : 0);
        _start += taken;
        Next += taken;
        Number++;
        return true;
    }

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = file.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _isOver = read == 0;
    }
}
