using System.Buffers;

namespace Weir.Inference.Embeddings;

/// <summary>
/// Walks over JSON without reading it: a value is skipped from bracket to bracket and from quote to quote, at the speed of a search.
/// It does not prove that what it skips is well-formed; it never goes past the end.
/// </summary>
internal ref struct RawJson(ReadOnlySpan<byte> text)
{
    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"[]{}"u8);
    private static readonly SearchValues<byte> WordEnd = SearchValues.Create(",]} \n\r\t"u8);
    private readonly ReadOnlySpan<byte> _text = text;

    public int At { get; private set; }

    /// <summary>Steps over white space and one <paramref name="mark"/>; false where something else stands there.</summary>
    public bool TryTake(byte mark)
    {
        SkipBlanks();
        if (At >= _text.Length || _text[At] != mark)
        {
            return false;
        }

        At++;
        return true;
    }

    /// <summary>The name of a field and the colon after it, quotes left out and escapes as they stand.</summary>
    public bool TryReadName(out ReadOnlySpan<byte> name)
    {
        name = default;
        SkipBlanks();
        var start = At;
        if (start >= _text.Length || _text[start] != '"' || !TrySkipString())
        {
            return false;
        }

        name = _text[(start + 1)..(At - 1)];
        return TryTake((byte)':');
    }

    /// <summary>Steps over one value and gives its place.</summary>
    public bool TrySkipValue(out Range place)
    {
        SkipBlanks();
        var start = At;
        place = default;
        if (start >= _text.Length)
        {
            return false;
        }

        var whole = _text[start] switch
        {
            (byte)'"' => TrySkipString(),
            (byte)'{' or (byte)'[' => TrySkipNested(),
            _ => TrySkipWord(),
        };
        place = start..At;
        return whole;
    }

    private void SkipBlanks()
    {
        while (At < _text.Length && _text[At] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            At++;
        }
    }

    private bool TrySkipString()
    {
        var at = At + 1;
        while (at < _text.Length)
        {
            var next = _text[at..].IndexOfAny((byte)'"', (byte)'\\');
            if (next < 0)
            {
                return false;
            }

            at += next;
            if (_text[at] == '"')
            {
                At = at + 1;
                return true;
            }

            at += 2;
        }

        return false;
    }

    private bool TrySkipNested()
    {
        var depth = 0;
        while (true)
        {
            var next = _text[At..].IndexOfAny(Structure);
            if (next < 0)
            {
                return false;
            }

            At += next;
            switch (_text[At])
            {
                case (byte)'"' when !TrySkipString():
                    return false;
                case (byte)'"':
                    continue;
                case (byte)'[' or (byte)'{':
                    depth++;
                    break;
                default:
                    depth--;
                    break;
            }

            At++;
            if (depth == 0)
            {
                return true;
            }
        }
    }

    private bool TrySkipWord()
    {
        var length = _text[At..].IndexOfAny(WordEnd);
        At = length < 0 ? _text.Length : At + length;
        return length > 0;
    }
}
