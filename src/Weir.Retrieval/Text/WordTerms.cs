using System.Globalization;
using System.Text;

namespace Weir.Retrieval.Text;

/// <summary>
/// The terms of words with spaces between them. A word has parts where it is an identifier (camelCase, snake_case, dashed, letters beside digits), and
/// words are an address where nothing but a dot, an @ or the like joins them (a name of a host, a path after one, a version).
/// </summary>
internal ref struct WordTerms(Span<char> word, Span<byte> parts, Span<char> address, bool stemming)
{
    /// <summary>In UTF-16 units. What a word has after these is not looked at.</summary>
    public const int LongestWord = 64;

    /// <summary>The word, room for the letter that stemming may add, and a copy of a part.</summary>
    public const int BufferLength = 2 * (LongestWord + 2);

    public const int LongestAddress = 128;

    /// <summary>A word in more parts is no identifier but a hash or something encoded, and gives one term.</summary>
    public const int MostParts = 12;

    /// <summary>More changes between letters and digits than these are no versions or sizes.</summary>
    private const int MostDigitChanges = 3;

    private readonly Span<char> _word = word, _address = address;
    private readonly Span<byte> _parts = parts;
    private int _length, _partCount, _digitChanges, _addressLength, _addressWords;
    private int _previousAt; // where the previous character begins: it may be two units, or have become two letters
    private bool _onlyInitials, _isAddressTooLong;
    private UnicodeCategory _previous, _beforePrevious;

    public readonly bool InWord => _length > 0;

    /// <summary>An original character is about to be added: it may begin a new part.</summary>
    /// <returns>Whether it is to be added: the s of PDFs is not.</returns>
    public bool BeforeCharacter(Rune rune, ReadOnlySpan<char> rest)
    {
        var category = rune.IsAscii ? OfAscii(rune.Value) : Rune.GetUnicodeCategory(rune);
        if (_length > 0)
        {
            if (category == UnicodeCategory.UppercaseLetter && _previous == UnicodeCategory.LowercaseLetter)
                BeginPart(_length);
            else if (category == UnicodeCategory.LowercaseLetter && _previous == UnicodeCategory.UppercaseLetter && _beforePrevious == UnicodeCategory.UppercaseLetter)
            {
                if (stemming && rune.Value == 's' && !TextAnalyzer.StartsWithWord(rest))
                    return false;
                if (TextAnalyzer.StartsWithLower(rest))
                    BeginPart(_previousAt);
            }
            else if (IsDigit(category) != IsDigit(_previous) && category is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark) &&
                CharacterClass.Of(rune) == CharacterKind.Word)
                _digitChanges += BeginPart(_length, ofDigits: true) ? 1 : 0;
        }

        (_beforePrevious, _previous, _previousAt) = (_previous, category, _length);
        return true;
    }

    public void Add(Rune rune)
    {
        if (_length + rune.Utf16SequenceLength <= LongestWord)
            _length += rune.EncodeToUtf16(_word[_length..]);
    }

    /// <summary>Between letters: 's goes, the endings of don't and we'll stay with their word, and whatever else follows is another part.</summary>
    /// <returns>How much of the rest is dealt with.</returns>
    public int Apostrophe<TSink>(ReadOnlySpan<char> rest, ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (!TextAnalyzer.StartsWithWord(rest))
        {
            EndAddress(ref sink);
            return 0;
        }

        if ((rest[0] | 0x20) == 's' && !TextAnalyzer.StartsWithWord(rest[1..]))
            return 1;
        foreach (var ending in (ReadOnlySpan<string>)["t", "re", "ve", "ll", "d", "m"])
        {
            if (rest.StartsWith(ending, StringComparison.OrdinalIgnoreCase) && !TextAnalyzer.StartsWithWord(rest[ending.Length..]))
                return 0;
        }

        BeginPart(_length);
        return 0;
    }

    public void Separator<TSink>(Rune rune, ReadOnlySpan<char> rest, ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (_length == 0 || !TextAnalyzer.StartsWithWord(rest))
        {
            EndAddress(ref sink);
            return;
        }

        switch (rune.Value)
        {
            case '-' or '_' or 0x2010 or 0x2011:
                BeginPart(_length);
                break;
            case '.' or '@':
            case '/' or ':' when _addressWords > 0:
                EndWord(ref sink, (char)rune.Value);
                break;
            default:
                EndAddress(ref sink);
                break;
        }
    }

    public void EndAddress<TSink>(ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (_length == 0 && _addressWords == 0)
            return;
        EndWord(ref sink, '\0');
        if (_addressWords > 1 && !_isAddressTooLong)
        {
            var text = _address[.._addressLength];
            if (_onlyInitials)
            {
                // U.S. is US.
                for (var i = 0; 2 * i < text.Length; i++)
                    text[i] = text[2 * i];
                text = text[..((text.Length + 1) / 2)];
            }

            sink.Add(text);
        }

        (_addressLength, _addressWords, _isAddressTooLong) = (0, 0, false);
    }

    private void EndWord<TSink>(ref TSink sink, char joiner)
        where TSink : struct, ITermSink
    {
        if (_length > 0)
        {
            Remember(joiner);
            Emit(ref sink);
        }

        (_length, _partCount, _digitChanges) = (0, 0, 0);
    }

    private void Remember(char joiner)
    {
        _onlyInitials = (_addressWords == 0 || _onlyInitials) && _length == 1 && char.IsLetter(_word[0]) && joiner is '.' or '\0';
        _addressWords++;
        _isAddressTooLong |= _addressLength + _length + 1 > LongestAddress;
        if (_isAddressTooLong)
            return;
        _word[.._length].CopyTo(_address[_addressLength..]);
        _addressLength += _length;
        if (joiner != '\0')
            _address[_addressLength++] = joiner;
    }

    private readonly void Emit<TSink>(ref TSink sink)
        where TSink : struct, ITermSink
    {
        var copy = _word[(LongestWord + 2)..];
        var hasDigitParts = _digitChanges <= MostDigitChanges;
        if (_partCount < MostParts)
        {
            var start = 0;
            for (var i = 0; i <= _partCount; i++)
            {
                var end = i < _partCount ? _parts[i] & 0x7f : _length;
                if ((i < _partCount && (_parts[i] & 0x80) != 0 && !hasDigitParts) || end <= start || (start == 0 && end == _length))
                    continue;
                _word[start..end].CopyTo(copy);
                EmitWord(copy, end - start, ref sink);
                start = end;
            }
        }

        _word[.._length].CopyTo(copy);
        EmitWord(copy, _length, ref sink);
    }

    private readonly void EmitWord<TSink>(Span<char> buffer, int length, ref TSink sink)
        where TSink : struct, ITermSink
    {
        if (stemming && !buffer[..length].ContainsAnyExceptInRange('a', 'z'))
            length = EnglishStemmer.Stem(buffer, length);
        sink.Add(buffer[..length]);
    }

    /// <returns>Whether one began: none does where one has just begun.</returns>
    private bool BeginPart(int at, bool ofDigits = false)
    {
        if (at <= 0 || (_partCount > 0 && (_parts[_partCount - 1] & 0x7f) >= at))
            return false;
        if (_partCount < MostParts)
            _parts[_partCount++] = (byte)(at | (ofDigits ? 0x80 : 0));
        return true;
    }

    private static bool IsDigit(UnicodeCategory category) => category == UnicodeCategory.DecimalDigitNumber;

    private static UnicodeCategory OfAscii(int value) => value switch
    {
        >= 'a' and <= 'z' => UnicodeCategory.LowercaseLetter,
        >= 'A' and <= 'Z' => UnicodeCategory.UppercaseLetter,
        >= '0' and <= '9' => UnicodeCategory.DecimalDigitNumber,
        _ => UnicodeCategory.OtherPunctuation,
    };
}
