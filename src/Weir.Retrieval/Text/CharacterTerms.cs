using System.Text;

namespace Weir.Retrieval.Text;

/// <summary>
/// The terms of a run of characters without spaces between its words: each two neighbours, each Chinese character by itself too, and one that stands alone.
/// </summary>
/// <param name="buffer">Of <see cref="BufferLength"/>: the previous character and the current one, each with its marks.</param>
internal ref struct CharacterTerms(Span<char> buffer)
{
    private const int MostInCluster = 8;

    public const int BufferLength = 2 * MostInCluster;

    private readonly Span<char> _buffer = buffer;
    private int _previous, _current, _run;

    public void Add<TSink>(Rune rune, ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (_current > 0)
        {
            if (rune.IsBmp && TryCompose(_buffer[_previous + _current - 1], (char)rune.Value) is { } composed)
            {
                _buffer[_previous + _current - 1] = composed;
                return;
            }

            if (Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.SpacingCombiningMark)
            {
                if (_current + rune.Utf16SequenceLength <= MostInCluster)
                    _current += rune.EncodeToUtf16(_buffer[(_previous + _current)..]);
                return;
            }

            EndCharacter(ref sink);
        }

        _current = rune.EncodeToUtf16(_buffer[_previous..]);
    }

    public void EndRun<TSink>(ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (_current == 0)
            return;
        var alone = _run == 0;
        EndCharacter(ref sink);
        if (alone && !IsHan(_buffer))
            sink.Add(_buffer[.._previous]);
        (_previous, _current, _run) = (0, 0, 0);
    }

    /// <summary>The current character is whole: its terms are known, and it becomes the previous one.</summary>
    private void EndCharacter<TSink>(ref TSink sink)
        where TSink : struct, ITermSink
    {
        var current = _buffer.Slice(_previous, _current);
        if (IsHan(current))
            sink.Add(current);
        if (_previous > 0)
            sink.Add(_buffer[..(_previous + _current)]);
        current.CopyTo(_buffer);
        (_previous, _current) = (_current, 0);
        _run++;
    }

    private static bool IsHan(ReadOnlySpan<char> character) => character[0] is
        (>= '\u3400' and <= '\u4dbf') or (>= '\u4e00' and <= '\u9fff') or (>= '\uf900' and <= '\ufaff') or (>= '\ud840' and <= '\ud8bf') or '々' or '〇';

    /// <summary>The one character that two of decomposed Japanese (か and a voicing mark) or Korean (its letters) are.</summary>
    private static char? TryCompose(char first, char second)
    {
        const int LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11a7, SyllableBase = 0xac00, Vowels = 21, Tails = 28;
        if (second == '\u3099')
            return first is 'う' or 'ウ' ? (char)(first + 0x4e) : "かきくけこさしすせそたちつてとはひふへほカキクケコサシスセソタチツテトハヒフヘホゝヽ".Contains(first) ? (char)(first + 1) : null;
        if (second == '\u309a')
            return "はひふへほハヒフヘホ".Contains(first) ? (char)(first + 2) : null;
        if (first is >= '\u1100' and <= '\u1112' && second is >= '\u1161' and <= '\u1175')
            return (char)(SyllableBase + ((((first - LeadBase) * Vowels) + second - VowelBase) * Tails));
        if (first is >= '\uac00' and <= '\ud7a3' && (first - SyllableBase) % Tails == 0 && second is > (char)TailBase and <= '\u11c2')
            return (char)(first + second - TailBase);
        return null;
    }
}
