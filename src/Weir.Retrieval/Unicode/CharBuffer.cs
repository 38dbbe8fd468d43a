namespace Weir.Retrieval.Unicode;

/// <summary>Characters that are appended to, and the memory they leave for the next text.</summary>
internal sealed class CharBuffer
{
    /// <summary>What a buffer keeps for the next text at most, in characters: one huge text must not stay in memory for good.</summary>
    private const int Kept = 1 << 16;

    private char[] _chars = new char[256];

    public int Length { get; private set; }

    public ReadOnlySpan<char> Span => _chars.AsSpan(0, Length);

    public void Append(char value)
    {
        if (Length == _chars.Length)
            Grow(1);
        _chars[Length++] = value;
    }

    public void Append(ReadOnlySpan<char> value) => value.CopyTo(AppendSpan(value.Length));

    /// <summary>A code point, or half of a pair of surrogates that stands alone.</summary>
    public void AppendCodePoint(int value)
    {
        if (value < 0x10000)
        {
            Append((char)value);
            return;
        }

        Append((char)(0xD7C0 + (value >> 10)));
        Append((char)(0xDC00 + (value & 0x3FF)));
    }

    /// <summary>Room for so many characters at the end, to be written at once.</summary>
    public Span<char> AppendSpan(int count)
    {
        if (_chars.Length - Length < count)
            Grow(count);
        var span = _chars.AsSpan(Length, count);
        Length += count;
        return span;
    }

    /// <summary>Takes back the end of what was appended.</summary>
    public void Truncate(int length) => Length = length;

    public void Clear()
    {
        Length = 0;
        if (_chars.Length > Kept)
            _chars = new char[256];
    }

    private void Grow(int count) => Array.Resize(ref _chars, Math.Max(Length + count, (int)Math.Min(2L * _chars.Length, Array.MaxLength)));
}
