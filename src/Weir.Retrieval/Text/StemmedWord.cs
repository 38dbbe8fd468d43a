namespace Weir.Retrieval.Text;

/// <summary>A word under <see cref="EnglishStemmer"/>: 'Y' is a y that is no vowel, and R1 and R2 are the regions of Porter's description.</summary>
internal ref struct StemmedWord
{
    private readonly Span<char> _buffer;

    public StemmedWord(Span<char> buffer, int length)
    {
        _buffer = buffer;
        Length = length;
        for (var i = 0; i < length; i++)
        {
            if (buffer[i] == 'y' && (i == 0 || IsVowel(i - 1)))
                buffer[i] = 'Y';
        }

        ReadOnlySpan<char> text = Text;
        R1 = text.StartsWith("gener") || text.StartsWith("arsen") ? 5 : text.StartsWith("commun") ? 6 : RegionAfter(0);
        R2 = RegionAfter(R1);
    }

    public int Length { readonly get; private set; }

    /// <summary>Where R1 begins: after the first consonant that follows a vowel. Where the word ends: it is empty.</summary>
    public int R1 { get; }

    /// <summary>The same within R1.</summary>
    public int R2 { get; }

    public readonly Span<char> Text => _buffer[..Length];

    public readonly ref char this[int index] => ref _buffer[index];

    public readonly bool IsVowel(int index) => _buffer[index] is 'a' or 'e' or 'i' or 'o' or 'u' or 'y';

    public readonly bool EndsWith(string suffix) => Text.EndsWith(suffix);

    public readonly bool HasVowelBefore(int end)
    {
        for (var i = 0; i < end; i++)
        {
            if (IsVowel(i))
                return true;
        }

        return false;
    }

    public readonly bool EndsInDouble =>
        Length >= 2 && _buffer[Length - 1] == _buffer[Length - 2] && _buffer[Length - 1] is 'b' or 'd' or 'f' or 'g' or 'm' or 'n' or 'p' or 'r' or 't';

    public readonly bool IsShort => R1 >= Length && EndsInShortSyllable(Length);

    /// <summary>Whether the first letters end in a vowel between consonants (the last not w, x or Y), or are a vowel and a consonant.</summary>
    public readonly bool EndsInShortSyllable(int end) => end switch
    {
        < 2 => false,
        2 => IsVowel(0) && !IsVowel(1),
        _ => !IsVowel(end - 3) && IsVowel(end - 2) && !IsVowel(end - 1) && _buffer[end - 1] is not ('w' or 'x' or 'Y'),
    };

    public void Cut(int letters) => Length -= letters;

    public void Append(char letter) => _buffer[Length++] = letter;

    public void ReplaceEnd(int letters, string by)
    {
        by.CopyTo(_buffer[(Length - letters)..]);
        Length += by.Length - letters;
    }

    private readonly int RegionAfter(int start)
    {
        for (var i = start + 1; i < Length; i++)
        {
            if (IsVowel(i - 1) && !IsVowel(i))
                return i + 1;
        }

        return Length;
    }
}
